#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "scheduler_sim/model/hash.h"

namespace spillway::sim {

// A hash index over things that live elsewhere and have dense ids: 8 bytes a slot, linear probing, at most three
// quarters full, no tombstones. The caller supplies hashes and equality; ids below 2^32-1.
class IdTable {
 public:
  static constexpr std::uint32_t kNone = 0xffffffffU;

  // The id whose hash is `hash` and for which `same(id)` holds; kNone when there is none.
  template <typename Same>
  std::uint32_t Find(std::uint64_t hash, Same&& same) const {
    if (slots_.empty()) return kNone;
    const auto stored = static_cast<std::uint32_t>(hash);
    for (std::size_t at = Home(stored);; at = Next(at)) {
      const Slot& slot = slots_[at];
      if (slot.id == kNone) return kNone;
      if (slot.hash == stored && same(slot.id)) return slot.id;
    }
  }

  // Precondition: the id is not in the table.
  void Insert(std::uint64_t hash, std::uint32_t id) {
    if ((size_ + 1) * 4 > slots_.size() * 3) Grow();
    Place({static_cast<std::uint32_t>(hash), id});
    ++size_;
  }

  // Precondition: Insert(hash, id) happened.
  void Erase(std::uint64_t hash, std::uint32_t id) {
    std::size_t hole = Home(static_cast<std::uint32_t>(hash));
    while (slots_[hole].id != id) hole = Next(hole);
    // Pull later members of the probe run back over the hole, so that no search ends early.
    for (std::size_t at = Next(hole); slots_[at].id != kNone; at = Next(at)) {
      const std::size_t home = Home(slots_[at].hash);
      const bool may_move = hole <= at ? (home <= hole || home > at) : (home <= hole && home > at);
      if (!may_move) continue;
      slots_[hole] = slots_[at];
      hole = at;
    }
    slots_[hole].id = kNone;
    --size_;
  }

  std::size_t size() const { return size_; }
  std::size_t bytes() const { return slots_.capacity() * sizeof(Slot); }

 private:
  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t id = kNone;
  };

  std::size_t Home(std::uint32_t hash) const {
    // Fibonacci scrambling: the mask below would otherwise see only the low bits.
    return static_cast<std::size_t>((hash * 0x9e3779b97f4a7c15ULL) >> 32) & (slots_.size() - 1);
  }
  std::size_t Next(std::size_t at) const { return (at + 1) & (slots_.size() - 1); }
  void Place(Slot slot) {
    std::size_t at = Home(slot.hash);
    while (slots_[at].id != kNone) at = Next(at);
    slots_[at] = slot;
  }
  void Grow() {
    std::vector<Slot> old(slots_.empty() ? 16 : slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.id != kNone) Place(slot);
    }
  }

  std::vector<Slot> slots_;
  std::size_t size_ = 0;
};

}  // namespace spillway::sim
