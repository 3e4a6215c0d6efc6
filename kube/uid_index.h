#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "kube/api/uuid.h"

namespace spillway::kube {

// Which objects of one resource a consumer has been given, and in which version: uid to resourceVersion, nothing more.
//
// A UID is held as its 128 bits, so there are no collisions between UIDs; one that is not a lower-case UUID goes to an
// ordinary map, at ordinary cost. A resourceVersion is held as its number; one that is no number below 2^61 as a hash,
// where a collision (once in 2^61) would hide one change until the next. 24 bytes a slot, at most 80 % of the slots
// taken, doubling: 30 to 60 bytes an object.
class UidIndex {
 public:
  enum class Change : std::uint8_t { kNew, kChanged, kSame };

  // A resourceVersion that was read, or one that could not be: never the same.
  class Version {
   public:
    static Version Of(std::string_view version) { return Version(Compact(version)); }
    static Version Unreadable(std::string_view version) { return Version(Compact(version) | kUnreadable); }

   private:
    friend class UidIndex;
    explicit Version(std::uint64_t bits) : bits_(bits) {}
    std::uint64_t bits_;
  };

  // Notes that the consumer has `uid` in `version`, and that the current list names it.
  Change Put(std::string_view uid, Version version);
  // What Put() would say. Notes only that the current list names it.
  Change Name(std::string_view uid, Version version);
  // False if it was not there.
  bool Erase(std::string_view uid);

  // From here on Put() and Name() tell what the list names.
  void BeginList();
  // Erases what the list has not named, and returns it.
  std::vector<std::string> TakeUnnamed();

  std::size_t size() const { return used_ + odd_.size(); }
  // Heap held, but for the odd ones.
  std::size_t bytes() const { return slots_.capacity() * sizeof(Slot); }

 private:
  static constexpr std::uint64_t kNamed = std::uint64_t{1} << 63;
  static constexpr std::uint64_t kUnreadable = std::uint64_t{1} << 62;
  struct Slot {
    Uuid uid;                   // zero: free
    std::uint64_t version = 0;  // bits of a Version, with kNamed
  };

  static std::uint64_t Compact(std::string_view version);
  static Change Note(std::uint64_t& slot, std::uint64_t version);

  std::size_t Home(Uuid uid) const;
  // Of `uid`, or of the free slot where it would go. Precondition: there are slots.
  std::size_t Find(Uuid uid) const;
  void EraseAt(std::size_t hole);
  void Grow();

  std::vector<Slot> slots_;  // a power of two of them, linear probing
  std::size_t used_ = 0;
  std::unordered_map<std::string, std::uint64_t> odd_;
};

}  // namespace spillway::kube
