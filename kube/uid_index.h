#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace spillway::kube {

// Which objects of one resource a consumer has been given, and in which version: uid to resourceVersion, nothing more.
//
// A UID is held as its 128 bits, so there are no collisions between UIDs; one that is not a lower-case UUID goes to an
// ordinary map, at ordinary cost. A resourceVersion is held as its number; one that is no number below 2^62 as a hash,
// where a collision (once in 2^62) would hide one change until the next. 24 bytes a slot, at most 80 % of the slots
// taken, doubling: 30 to 60 bytes an object.
class UidIndex {
 public:
  enum class Change : std::uint8_t { kNew, kChanged, kSame };

  // Notes that the consumer has `uid` in `version`, and that the current list names it.
  Change Put(std::string_view uid, std::string_view version);
  // The current list names `uid`, in a version that could not be read. False if it is unknown.
  bool Mark(std::string_view uid);
  // False if it was not there.
  bool Erase(std::string_view uid);
  bool Has(std::string_view uid) const;

  // From here on Put() and Mark() tell what the list names.
  void BeginList();
  // Erases what the list has not named, and returns it.
  std::vector<std::string> TakeUnnamed();

  std::size_t size() const { return used_ + odd_.size(); }
  // Heap held, but for the odd ones.
  std::size_t bytes() const { return slots_.capacity() * sizeof(Slot); }

 private:
  static constexpr std::uint64_t kNamed = std::uint64_t{1} << 63;
  struct Uuid {
    std::uint64_t high = 0, low = 0;
    bool operator==(const Uuid&) const = default;
    bool empty() const { return (high | low) == 0; }
  };
  struct Slot {
    Uuid uid;                   // empty: free
    std::uint64_t version = 0;  // with kNamed
  };

  static std::optional<Uuid> ParseUuid(std::string_view text);
  static std::string ToString(Uuid uid);
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
