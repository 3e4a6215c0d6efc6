#include "sandbox/standins/object_cache.h"

#include <utility>

namespace spillway::sandbox {

std::string KeyOf(const Json& object) {
  const std::string ns = NamespaceOf(object);
  return ns.empty() ? ObjectName(object) : ns + "/" + ObjectName(object);
}

NamespacedName SplitKey(const std::string& key) {
  const std::size_t slash = key.find('/');
  if (slash == std::string::npos) return {"", key};
  return {key.substr(0, slash), key.substr(slash + 1)};
}

ObjectCache::ObjectCache(Store& store, const std::string& resource)
    : watch_(store.NewWatch(resource, {}, [this](const WatchEvent& event) { Apply(event); })) {}

void ObjectCache::Apply(const WatchEvent& event) {
  const std::string key = KeyOf(event.object);
  const bool gone = event.type == WatchEvent::Type::kDeleted;
  auto node = objects_.extract(key);
  const Json* before = node.empty() ? nullptr : &node.mapped();
  if (before != nullptr) by_controller_[ControllerUid(*before)].erase(key);
  const Json* now = nullptr;
  if (!gone) {
    now = &(objects_[key] = event.object);
    by_controller_[ControllerUid(*now)].insert(key);
  }
  if (before == nullptr && gone) return;
  for (std::size_t i = 0; i < listeners_.size(); ++i) listeners_[i](key, before, now);
}

void ObjectCache::Listen(Listener listener) {
  for (const auto& [key, object] : objects_) listener(key, nullptr, &object);
  listeners_.push_back(std::move(listener));
}

void ObjectCache::ListenForChanged(Add add) {
  Listen([add = std::move(add)](const std::string& key, const Json*, const Json* now) {
    if (now != nullptr) add(key);
  });
}

void ObjectCache::ListenForOwners(std::string kind, Add add) {
  Listen([kind = std::move(kind), add = std::move(add)](const std::string&, const Json* before, const Json* now) {
    const Json& object = now != nullptr ? *now : *before;
    for (const Json& owner : At(object, {"metadata", "ownerReferences"})) {
      if (At(owner, {"kind"}) == kind) add(NamespaceOf(object) + "/" + Text(owner, {"name"}));
    }
  });
}

const Json* ObjectCache::Find(const std::string& key) const {
  const auto found = objects_.find(key);
  return found == objects_.end() ? nullptr : &found->second;
}

std::vector<const Json*> ObjectCache::ControlledBy(const std::string& owner_uid) const {
  std::vector<const Json*> owned;
  const auto keys = by_controller_.find(owner_uid);
  if (owner_uid.empty() || keys == by_controller_.end()) return owned;
  for (const std::string& key : keys->second) owned.push_back(&objects_.at(key));
  return owned;
}

ObjectCache& ObjectCaches::Of(const std::string& resource) {
  std::unique_ptr<ObjectCache>& cache = caches_[resource];
  if (!cache) cache = std::make_unique<ObjectCache>(store_, resource);
  return *cache;
}

}  // namespace spillway::sandbox
