#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace spillway::sim {

// The last 65,536 things that changed, for readers who remember up to where they have read. Whoever falls further
// behind is told so, and looks at everything.
template <typename Id>
class ChangeLog {
 public:
  // Where the next change goes.
  std::uint64_t end() const { return end_; }
  void Add(Id id) {
    if (entries_.size() < kKept) {
      entries_.push_back(id);
    } else {
      entries_[end_ % kKept] = id;
    }
    ++end_;
  }

  bool Remembers(std::uint64_t since) const { return end_ - since <= entries_.size(); }
  // Oldest first; one may come several times. Precondition: Remembers(since).
  template <typename Visit>
  void ForEachSince(std::uint64_t since, Visit&& visit) const {
    for (; since != end_; ++since) visit(entries_[since % kKept]);
  }

 private:
  static constexpr std::size_t kKept = std::size_t{1} << 16;

  std::vector<Id> entries_;
  std::uint64_t end_ = 0;
};

}  // namespace spillway::sim
