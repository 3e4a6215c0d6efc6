#include "sandbox/store/etcd.h"

#include <algorithm>
#include <utility>

namespace spillway::sandbox {
namespace {

std::string KeyOf(std::string_view ns, std::string_view name) {
  std::string key;
  key.reserve(ns.size() + 1 + name.size());
  key.append(ns).append("/").append(name);
  return key;
}
std::string KeyOf(const Stored& object) { return KeyOf(object.ns, object.name); }

// The keys of one namespace are those that start with "ns/".
bool IsInNamespace(std::string_view key, std::string_view ns) {
  return ns.empty() || (key.size() > ns.size() && key[ns.size()] == '/' && key.substr(0, ns.size()) == ns);
}

}  // namespace

Etcd::Etcd(std::size_t window) : window_(window) {}

Etcd::Shelf& Etcd::ShelfOf(const Kind& kind) { return shelves_[&StorageOf(kind)]; }
const Etcd::Shelf& Etcd::ShelfOf(const Kind& kind) const { return shelves_[&StorageOf(kind)]; }

StoredPtr Etcd::Get(const Kind& kind, std::string_view ns, std::string_view name) const {
  const Shelf& shelf = ShelfOf(kind);
  const auto found = shelf.objects.find(KeyOf(ns, name));
  return found == shelf.objects.end() ? nullptr : found->second;
}

void Etcd::ForEach(const Kind& kind, std::string_view ns, std::string_view start_after,
                   const std::function<bool(const StoredPtr&)>& each) const {
  const auto& objects = ShelfOf(kind).objects;
  auto at = start_after.empty() ? objects.lower_bound(ns.empty() ? std::string() : std::string(ns) + "/")
                                : objects.upper_bound(start_after);
  for (; at != objects.end() && IsInNamespace(at->first, ns); ++at) {
    if (!each(at->second)) return;
  }
}

bool Etcd::ForEachAt(const Kind& kind, std::string_view ns, std::string_view start_after, Revision revision,
                     const std::function<bool(const StoredPtr&)>& each) const {
  const Shelf& shelf = ShelfOf(kind);
  if (revision < shelf.forgotten) return false;
  // What an object was at `revision` is what its first change after that replaced.
  std::map<std::string, StoredPtr> then;
  const auto first = std::upper_bound(shelf.changes.begin(), shelf.changes.end(), revision,
                                      [](Revision r, const Change& change) { return r < change.revision; });
  for (auto change = first; change != shelf.changes.end(); ++change) {
    std::string key = KeyOf(*change->object);
    if (IsInNamespace(key, ns) && key > start_after) then.emplace(std::move(key), change->before);
  }
  auto old = then.begin();
  bool more = true;
  const auto emit_old_before = [&](const std::string* key) {
    for (; more && old != then.end() && (!key || old->first < *key); ++old) {
      if (old->second) more = each(old->second);
    }
  };
  ForEach(kind, ns, start_after, [&](const StoredPtr& now) {
    const std::string key = KeyOf(*now);
    emit_old_before(&key);
    if (!more) return false;
    const bool changed = old != then.end() && old->first == key;
    const StoredPtr& object = changed ? old->second : now;
    if (object) more = each(object);
    if (changed) ++old;
    return more;
  });
  emit_old_before(nullptr);
  return true;
}

std::size_t Etcd::Count(const Kind& kind) const { return ShelfOf(kind).objects.size(); }

void Etcd::Put(const Kind& kind, Stored object) {
  Shelf& shelf = ShelfOf(kind);
  auto now = std::make_shared<const Stored>(std::move(object));
  StoredPtr& slot = shelf.objects[KeyOf(*now)];
  StoredPtr before = std::exchange(slot, now);
  const auto type = before ? Change::Type::kUpdated : Change::Type::kCreated;
  Record(shelf, Change{type, now->revision, std::move(before), std::move(now)});
}

void Etcd::Remove(const Kind& kind, Stored last) {
  Shelf& shelf = ShelfOf(kind);
  const auto found = shelf.objects.find(KeyOf(last));
  if (found == shelf.objects.end()) return;
  StoredPtr before = std::move(found->second);
  shelf.objects.erase(found);
  Record(shelf, Change{Change::Type::kDeleted, last.revision, std::move(before),
                       std::make_shared<const Stored>(std::move(last))});
}

void Etcd::Record(Shelf& shelf, Change change) {
  revision_ = change.revision;
  shelf.changes.push_back(std::move(change));
  Trim(shelf);
  for (Cursor* cursor : shelf.cursors) cursor->wake_();
}

void Etcd::Trim(Shelf& shelf) {
  if (shelf.changes.size() <= window_) return;
  Revision keep_after = revision_;
  for (const Cursor* cursor : shelf.cursors) {
    if (cursor->reader_ == Cursor::Reader::kFaithful) keep_after = std::min(keep_after, cursor->after_);
  }
  while (shelf.changes.size() > window_ && shelf.changes.front().revision <= keep_after) {
    shelf.forgotten = shelf.changes.front().revision;
    shelf.changes.pop_front();
  }
}

void Etcd::Compact() {
  for (auto& [kind, shelf] : shelves_) {
    if (shelf.changes.empty()) continue;
    Revision upto = shelf.changes.back().revision;
    for (const Cursor* cursor : shelf.cursors) {
      if (cursor->reader_ == Cursor::Reader::kFaithful) upto = std::min(upto, cursor->after_);
    }
    shelf.forgotten = std::max(shelf.forgotten, upto);
    while (!shelf.changes.empty() && shelf.changes.front().revision <= upto) shelf.changes.pop_front();
    for (Cursor* cursor : shelf.cursors) cursor->wake_();
  }
}

Revision Etcd::oldest(const Kind& kind) const { return ShelfOf(kind).forgotten; }

std::shared_ptr<const kube::StringMap> Etcd::Intern(kube::StringMap labels) {
  std::string packed;
  for (const auto& [key, value] : labels) packed.append(key).push_back('\0'), packed.append(value).push_back('\0');
  if (labels_.size() >= sweep_labels_at_) {
    std::erase_if(labels_, [](const auto& entry) { return entry.second.expired(); });
    sweep_labels_at_ = std::max<std::size_t>(1024, 2 * labels_.size());
  }
  std::weak_ptr<const kube::StringMap>& known = labels_[packed];
  if (auto shared = known.lock()) return shared;
  auto made = std::make_shared<const kube::StringMap>(std::move(labels));
  known = made;
  return made;
}

Etcd::Cursor::Cursor(Etcd& etcd, const Kind& kind, Revision after, Reader reader, std::function<void()> wake)
    : etcd_(etcd), kind_(kind), after_(after), reader_(reader), wake_(std::move(wake)) {
  etcd_.ShelfOf(kind_).cursors.push_back(this);
}

Etcd::Cursor::~Cursor() { std::erase(etcd_.ShelfOf(kind_).cursors, this); }

const Change* Etcd::Cursor::Next() {
  const std::deque<Change>& changes = etcd_.ShelfOf(kind_).changes;
  const auto next = std::upper_bound(changes.begin(), changes.end(), after_,
                                     [](Revision r, const Change& change) { return r < change.revision; });
  if (next == changes.end()) return nullptr;
  after_ = next->revision;
  return &*next;
}

bool Etcd::Cursor::is_expired() const { return after_ < etcd_.ShelfOf(kind_).forgotten; }
Revision Etcd::Cursor::position() const { return after_; }

}  // namespace spillway::sandbox
