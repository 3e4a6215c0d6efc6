#include "sandbox/standins/garbage_collector.h"

#include <algorithm>
#include <array>

namespace spillway::sandbox {
namespace {

constexpr std::array<std::string_view, 6> kOwnerKinds = {"Deployment", "ReplicaSet", "StatefulSet",
                                                         "DaemonSet",  "Job",        "Node"};
// An owner may have been created an instant before its dependents; an absent one gets this long to appear.
constexpr Duration kPatience = std::chrono::milliseconds(500);

bool IsKnownOwner(const Json& reference) {
  return std::find(kOwnerKinds.begin(), kOwnerKinds.end(), Text(reference, {"kind"})) != kOwnerKinds.end();
}

}  // namespace

GarbageCollector::GarbageCollector(StandinContext context)
    : context_(context),
      owners_(context.runtime, context.runtime.random().Fork(), context.delays,
              [this](const std::string& uid) { Collect(uid); }) {
  for (const char* resource : {"deployments.apps", "replicasets.apps", "statefulsets.apps", "daemonsets.apps",
                               "jobs.batch", "nodes", "pods", "leases.coordination.k8s.io"})
    Watch(resource);
}

void GarbageCollector::Watch(const std::string& resource) {
  context_.caches.Of(resource).Listen([this, resource](const std::string& key, const Json* before, const Json* now) {
    OnChange(resource, key, before, now);
  });
}

void GarbageCollector::OnChange(const std::string& resource, const std::string& key, const Json* before,
                                const Json* now) {
  if (before != nullptr) {
    for (const Json& owner : At(*before, {"metadata", "ownerReferences"}))
      dependents_[Text(owner, {"uid"})].erase({resource, key});
    if (now == nullptr || UidOf(*now) != UidOf(*before)) {
      alive_.erase(UidOf(*before));
      if (dependents_.contains(UidOf(*before))) owners_.Add(UidOf(*before));
    }
  }
  if (now == nullptr) return;
  alive_.insert(UidOf(*now));
  for (const Json& owner : At(*now, {"metadata", "ownerReferences"})) {
    if (!IsKnownOwner(owner)) continue;
    const std::string uid = Text(owner, {"uid"});
    dependents_[uid].insert({resource, key});
    if (!alive_.contains(uid)) owners_.AddAfter(uid, kPatience);
  }
}

void GarbageCollector::Collect(const std::string& owner_uid) {
  if (alive_.contains(owner_uid)) return;
  const auto found = dependents_.find(owner_uid);
  if (found == dependents_.end()) return;
  const std::set<Dependent> dependents = found->second;
  if (dependents.empty()) dependents_.erase(found);
  for (const auto& [resource, key] : dependents) {
    const Json* object = context_.caches.Of(resource).Find(key);
    if (object == nullptr || IsTerminating(*object)) continue;
    const Json& owners = At(*object, {"metadata", "ownerReferences"});
    const bool held = std::any_of(owners.begin(), owners.end(), [&](const Json& owner) {
      return alive_.contains(Text(owner, {"uid"})) || !IsKnownOwner(owner);
    });
    if (held) continue;
    const NamespacedName name = SplitKey(key);
    DeleteOptions options;
    options.uid = UidOf(*object);
    (void)context_.store.Delete(resource, name.ns, name.name, options);
  }
}

}  // namespace spillway::sandbox
