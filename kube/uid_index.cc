#include "kube/uid_index.h"

#include <charconv>
#include <functional>
#include <utility>

namespace spillway::kube {
namespace {

constexpr std::size_t kFirstSlots = 16;
constexpr std::uint64_t kHashed = std::uint64_t{1} << 62;
constexpr std::size_t kUuidLength = 36;

bool IsDash(std::size_t at) { return at == 8 || at == 13 || at == 18 || at == 23; }

}  // namespace

std::optional<UidIndex::Uuid> UidIndex::ParseUuid(std::string_view text) {
  if (text.size() != kUuidLength) return std::nullopt;
  Uuid uid;
  for (std::size_t i = 0; i < kUuidLength; ++i) {
    const char c = text[i];
    if (IsDash(i)) {
      if (c != '-') return std::nullopt;
      continue;
    }
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (digit < 0) return std::nullopt;
    std::uint64_t& half = i < 18 ? uid.high : uid.low;
    half = half << 4 | static_cast<std::uint64_t>(digit);
  }
  if (uid.empty()) return std::nullopt;  // stands for a free slot
  return uid;
}

std::string UidIndex::ToString(Uuid uid) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  text.reserve(kUuidLength);
  int nibble = 0;
  for (std::size_t i = 0; i < kUuidLength; ++i) {
    if (IsDash(i)) {
      text += '-';
      continue;
    }
    const std::uint64_t half = nibble < 16 ? uid.high : uid.low;
    text += kHex[half >> (60 - 4 * (nibble % 16)) & 15];
    ++nibble;
  }
  return text;
}

std::uint64_t UidIndex::Compact(std::string_view version) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(version.data(), version.data() + version.size(), number);
  if (error == std::errc() && end == version.data() + version.size() && number < kHashed) return number;
  return (std::hash<std::string_view>()(version) & (kHashed - 1)) | kHashed;
}

UidIndex::Change UidIndex::Note(std::uint64_t& slot, std::uint64_t version) {
  const bool same = (slot & ~kNamed) == version;
  slot = version | kNamed;
  return same ? Change::kSame : Change::kChanged;
}

std::size_t UidIndex::Home(Uuid uid) const {
  // UUIDs are random but for a few fixed bits; one multiplication spreads those that some test made by counting.
  return static_cast<std::size_t>(((uid.high ^ (uid.low * 0x9e3779b97f4a7c15ULL)) * 0xbf58476d1ce4e5b9ULL) >> 20) &
         (slots_.size() - 1);
}

std::size_t UidIndex::Find(Uuid uid) const {
  std::size_t at = Home(uid);
  while (!slots_[at].uid.empty() && slots_[at].uid != uid) at = (at + 1) & (slots_.size() - 1);
  return at;
}

UidIndex::Change UidIndex::Put(std::string_view uid, std::string_view version) {
  const std::uint64_t compact = Compact(version);
  const auto uuid = ParseUuid(uid);
  if (!uuid) {
    const auto [entry, is_new] = odd_.try_emplace(std::string(uid), compact | kNamed);
    return is_new ? Change::kNew : Note(entry->second, compact);
  }
  if ((used_ + 1) * 5 > slots_.size() * 4) Grow();
  Slot& slot = slots_[Find(*uuid)];
  if (!slot.uid.empty()) return Note(slot.version, compact);
  slot = {*uuid, compact | kNamed};
  ++used_;
  return Change::kNew;
}

bool UidIndex::Mark(std::string_view uid) {
  const auto uuid = ParseUuid(uid);
  if (!uuid) {
    const auto found = odd_.find(std::string(uid));
    if (found == odd_.end()) return false;
    found->second |= kNamed;
    return true;
  }
  if (slots_.empty()) return false;
  Slot& slot = slots_[Find(*uuid)];
  if (slot.uid.empty()) return false;
  slot.version |= kNamed;
  return true;
}

bool UidIndex::Has(std::string_view uid) const {
  const auto uuid = ParseUuid(uid);
  if (!uuid) return odd_.contains(std::string(uid));
  return !slots_.empty() && !slots_[Find(*uuid)].uid.empty();
}

bool UidIndex::Erase(std::string_view uid) {
  const auto uuid = ParseUuid(uid);
  if (!uuid) return odd_.erase(std::string(uid)) > 0;
  if (slots_.empty()) return false;
  const std::size_t at = Find(*uuid);
  if (slots_[at].uid.empty()) return false;
  EraseAt(at);
  return true;
}

// Moves later members of the probe chain up, so that no tombstones are needed.
void UidIndex::EraseAt(std::size_t hole) {
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t at = (hole + 1) & mask; !slots_[at].uid.empty(); at = (at + 1) & mask) {
    const std::size_t home = Home(slots_[at].uid);
    if (((at - home) & mask) < ((at - hole) & mask)) continue;  // its home lies behind the hole
    slots_[hole] = slots_[at];
    hole = at;
  }
  slots_[hole] = {};
  --used_;
}

void UidIndex::Grow() {
  const std::vector<Slot> old =
      std::exchange(slots_, std::vector<Slot>(slots_.empty() ? kFirstSlots : slots_.size() * 2));
  for (const Slot& slot : old) {
    if (!slot.uid.empty()) slots_[Find(slot.uid)] = slot;
  }
}

void UidIndex::BeginList() {
  for (Slot& slot : slots_) slot.version &= ~kNamed;
  for (auto& [uid, version] : odd_) version &= ~kNamed;
}

std::vector<std::string> UidIndex::TakeUnnamed() {
  std::vector<std::string> unnamed;
  for (const Slot& slot : slots_) {
    if (!slot.uid.empty() && !(slot.version & kNamed)) unnamed.push_back(ToString(slot.uid));
  }
  for (const auto& [uid, version] : odd_) {
    if (!(version & kNamed)) unnamed.push_back(uid);
  }
  for (const std::string& uid : unnamed) Erase(uid);
  return unnamed;
}

}  // namespace spillway::kube
