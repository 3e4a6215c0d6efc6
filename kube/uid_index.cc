#include "kube/uid_index.h"

#include <charconv>
#include <functional>
#include <utility>

namespace spillway::kube {
namespace {

constexpr std::size_t kFirstSlots = 16;
constexpr std::uint64_t kHashed = std::uint64_t{1} << 61;

// Of a free slot. The one UUID that is all zeros goes to the odd ones.
bool IsFree(const Uuid& uid) { return (uid.high | uid.low) == 0; }

std::optional<Uuid> ParseUuid(std::string_view text) {
  const auto uuid = Uuid::Parse(text);
  return uuid && IsFree(*uuid) ? std::nullopt : uuid;
}

}  // namespace

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
  while (!IsFree(slots_[at].uid) && slots_[at].uid != uid) at = (at + 1) & (slots_.size() - 1);
  return at;
}

UidIndex::Change UidIndex::Put(std::string_view uid, Version version) {
  const auto uuid = ParseUuid(uid);
  if (!uuid) {
    const auto [entry, is_new] = odd_.try_emplace(std::string(uid), version.bits_ | kNamed);
    return is_new ? Change::kNew : Note(entry->second, version.bits_);
  }
  if ((used_ + 1) * 5 > slots_.size() * 4) Grow();
  Slot& slot = slots_[Find(*uuid)];
  if (!IsFree(slot.uid)) return Note(slot.version, version.bits_);
  slot = {*uuid, version.bits_ | kNamed};
  ++used_;
  return Change::kNew;
}

UidIndex::Change UidIndex::Name(std::string_view uid, Version version) {
  std::uint64_t* slot = nullptr;
  if (const auto uuid = ParseUuid(uid); !uuid) {
    const auto found = odd_.find(std::string(uid));
    if (found != odd_.end()) slot = &found->second;
  } else if (!slots_.empty()) {
    Slot& found = slots_[Find(*uuid)];
    if (!IsFree(found.uid)) slot = &found.version;
  }
  if (slot == nullptr) return Change::kNew;
  *slot |= kNamed;
  return *slot == (version.bits_ | kNamed) ? Change::kSame : Change::kChanged;
}

bool UidIndex::Erase(std::string_view uid) {
  const auto uuid = ParseUuid(uid);
  if (!uuid) return odd_.erase(std::string(uid)) > 0;
  if (slots_.empty()) return false;
  const std::size_t at = Find(*uuid);
  if (IsFree(slots_[at].uid)) return false;
  EraseAt(at);
  return true;
}

// Moves later members of the probe chain up, so that no tombstones are needed.
void UidIndex::EraseAt(std::size_t hole) {
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t at = (hole + 1) & mask; !IsFree(slots_[at].uid); at = (at + 1) & mask) {
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
    if (!IsFree(slot.uid)) slots_[Find(slot.uid)] = slot;
  }
}

void UidIndex::BeginList() {
  for (Slot& slot : slots_) slot.version &= ~kNamed;
  for (auto& [uid, version] : odd_) version &= ~kNamed;
}

std::vector<std::string> UidIndex::TakeUnnamed() {
  std::vector<std::string> unnamed;
  for (const Slot& slot : slots_) {
    if (!IsFree(slot.uid) && !(slot.version & kNamed)) unnamed.push_back(slot.uid.Text());
  }
  for (const auto& [uid, version] : odd_) {
    if (!(version & kNamed)) unnamed.push_back(uid);
  }
  for (const std::string& uid : unnamed) Erase(uid);
  return unnamed;
}

}  // namespace spillway::kube
