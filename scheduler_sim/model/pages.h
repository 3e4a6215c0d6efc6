#pragma once

#include <cstddef>
#include <vector>

namespace spillway::sim {

// Like a vector, but it grows a page at a time: no room for twice as much as there is, no copies of all there was.
// References die with the next emplace_back().
template <typename T>
class Pages {
 public:
  std::size_t size() const { return pages_.empty() ? 0 : (pages_.size() - 1) * kPage + pages_.back().size(); }

  T& emplace_back() {
    if (pages_.empty() || pages_.back().size() == kPage) {
      pages_.emplace_back();
      if (pages_.size() > 1) pages_.back().reserve(kPage);  // the first grows as it must: most things are few
    }
    return pages_.back().emplace_back();
  }

  T& operator[](std::size_t at) { return pages_[at / kPage][at % kPage]; }
  const T& operator[](std::size_t at) const { return pages_[at / kPage][at % kPage]; }

 private:
  static constexpr std::size_t kPage = 1024;

  std::vector<std::vector<T>> pages_;
};

}  // namespace spillway::sim
