#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "sandbox/standins/objects.h"
#include "sandbox/store/store.h"

namespace spillway::sandbox {

// What a client-go informer is to a controller: the objects of one resource as of the last watch event, parsed once for
// all stand-ins that share it. Behind the store by one turn of the loop. Loop thread only.
class ObjectCache {
 public:
  // `before` is null for a new object, `now` for one that is gone; `key` is "ns/name", or "name" when cluster-scoped.
  using Listener = std::function<void(const std::string& key, const Json* before, const Json* now)>;

  ObjectCache(Store& store, const std::string& resource);

  // Also called, at once, for every object that is there already.
  void Listen(Listener listener);
  // What queues of controllers hear: the key of each object that is new or has changed, ...
  using Add = std::function<void(const std::string& key)>;
  void ListenForChanged(Add add);
  // ... and that of each owner of this kind whose object came, changed or went.
  void ListenForOwners(std::string kind, Add add);
  // Null when absent. Valid until the next turn of the loop.
  const Json* Find(const std::string& key) const;
  // By key.
  const std::map<std::string, Json>& all() const { return objects_; }
  // Objects whose controller has this UID, in key order.
  std::vector<const Json*> ControlledBy(const std::string& owner_uid) const;

 private:
  void Apply(const WatchEvent& event);

  std::map<std::string, Json> objects_;
  std::map<std::string, std::set<std::string>> by_controller_;
  std::vector<Listener> listeners_;
  std::unique_ptr<Store::Watch> watch_;
};

// One cache per resource, opened when first asked for. Outlives the stand-ins that listen.
class ObjectCaches {
 public:
  explicit ObjectCaches(Store& store) : store_(store) {}
  ObjectCache& Of(const std::string& resource);

 private:
  Store& store_;
  std::map<std::string, std::unique_ptr<ObjectCache>> caches_;
};

// "ns/name", or "name" when cluster-scoped.
std::string KeyOf(const Json& object);
struct NamespacedName {
  std::string ns, name;
};
NamespacedName SplitKey(const std::string& key);

}  // namespace spillway::sandbox
