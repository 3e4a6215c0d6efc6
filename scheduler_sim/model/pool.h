#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "scheduler_sim/model/arena.h"
#include "scheduler_sim/model/id_table.h"
#include "scheduler_sim/model/pages.h"

namespace spillway::sim {

// Hash-consed values: equal canonical keys share one dense id and one T, counted by references. Ids are reused after
// the last reference is gone. References to values die with the next Acquire.
template <typename T>
class Pool {
 public:
  static constexpr std::uint32_t kNone = IdTable::kNone;

  Pool() = default;
  Pool(Pool&&) noexcept = default;
  Pool& operator=(Pool&&) noexcept = default;
  Pool(const Pool& other) : slots_(other.slots_), free_(other.free_), table_(other.table_) {
    for (std::uint32_t id = 0; id < end(); ++id) slots_[id].text = arena_.Keep(key(id));
  }
  Pool& operator=(const Pool& other) { return *this = Pool(other); }
  ~Pool() = default;

  // kNone when nothing with this key is held.
  std::uint32_t Find(std::string_view key) const {
    return table_.Find(HashBytes(key), [&](std::uint32_t id) { return this->key(id) == key; });
  }

  // The id for `key` with one more reference, and whether it is new: then its value is default-made, for the caller to
  // fill in.
  std::pair<std::uint32_t, bool> Acquire(std::string_view key) {
    const std::uint64_t hash = HashBytes(key);
    std::uint32_t id = table_.Find(hash, [&](std::uint32_t other) { return this->key(other) == key; });
    if (id != kNone) {
      ++slots_[id].references;
      return {id, false};
    }
    if (free_.empty()) {
      id = static_cast<std::uint32_t>(slots_.size());
      slots_.emplace_back();
    } else {
      id = free_.back();
      free_.pop_back();
    }
    slots_[id].text = arena_.Keep(key);
    slots_[id].size = static_cast<std::uint32_t>(key.size());
    slots_[id].references = 1;
    table_.Insert(hash, id);
    return {id, true};
  }
  void AddReference(std::uint32_t id) { ++slots_[id].references; }

  // Gives one reference back. True when it was the last: the caller then lets go of what the value refers to and calls
  // Erase().
  [[nodiscard]] bool Release(std::uint32_t id) { return --slots_[id].references == 0; }
  void Erase(std::uint32_t id) {
    table_.Erase(HashBytes(key(id)), id);
    arena_.Drop(key(id));
    slots_[id] = Slot();
    free_.push_back(id);
  }

  T& operator[](std::uint32_t id) { return slots_[id].value; }
  const T& operator[](std::uint32_t id) const { return slots_[id].value; }
  std::string_view key(std::uint32_t id) const { return {slots_[id].text, slots_[id].size}; }

  // Ids are below this; some may be free.
  std::uint32_t end() const { return static_cast<std::uint32_t>(slots_.size()); }
  bool live(std::uint32_t id) const { return slots_[id].references != 0; }
  std::size_t size() const { return table_.size(); }

 private:
  struct Slot {
    const char* text = nullptr;  // the key, in arena_
    std::uint32_t size = 0;
    std::uint32_t references = 0;
    T value{};
  };
  Arena arena_;
  Pages<Slot> slots_;
  std::vector<std::uint32_t> free_;
  IdTable table_;
};

}  // namespace spillway::sim
