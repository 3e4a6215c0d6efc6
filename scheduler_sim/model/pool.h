#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "scheduler_sim/model/id_table.h"

namespace spillway::sim {

// Hash-consed values: equal canonical keys share one dense id and one T, counted by references. Ids are reused after
// the last reference is gone. References to values die with the next Acquire.
template <typename T>
class Pool {
 public:
  static constexpr std::uint32_t kNone = IdTable::kNone;

  // kNone when nothing with this key is held.
  std::uint32_t Find(std::string_view key) const {
    return table_.Find(HashBytes(key), [&](std::uint32_t id) { return slots_[id].key == key; });
  }

  // The id for `key` with one more reference, and whether it is new: then its value is default-made, for the caller to
  // fill in.
  std::pair<std::uint32_t, bool> Acquire(std::string_view key) {
    const std::uint64_t hash = HashBytes(key);
    std::uint32_t id = table_.Find(hash, [&](std::uint32_t other) { return slots_[other].key == key; });
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
    slots_[id].key = key;
    slots_[id].references = 1;
    table_.Insert(hash, id);
    return {id, true};
  }
  void AddReference(std::uint32_t id) { ++slots_[id].references; }

  // Gives one reference back. True when it was the last: the caller then lets go of what the value refers to and calls
  // Erase().
  [[nodiscard]] bool Release(std::uint32_t id) { return --slots_[id].references == 0; }
  void Erase(std::uint32_t id) {
    table_.Erase(HashBytes(slots_[id].key), id);
    slots_[id] = Slot();
    free_.push_back(id);
  }

  T& operator[](std::uint32_t id) { return slots_[id].value; }
  const T& operator[](std::uint32_t id) const { return slots_[id].value; }
  std::string_view key(std::uint32_t id) const { return slots_[id].key; }

  // Ids are below this; some may be free.
  std::uint32_t end() const { return static_cast<std::uint32_t>(slots_.size()); }
  bool live(std::uint32_t id) const { return slots_[id].references != 0; }
  std::size_t size() const { return table_.size(); }

 private:
  struct Slot {
    std::string key;
    T value{};
    std::uint32_t references = 0;
  };
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
  IdTable table_;
};

}  // namespace spillway::sim
