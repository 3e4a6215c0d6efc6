#include "scheduler_sim/testing/naive_storage.h"

#include <algorithm>
#include <map>
#include <set>

#include "kube/api/selector.h"
#include "scheduler_sim/model/in_tree.h"
#include "scheduler_sim/testing/naive_lookup.h"

namespace spillway::sim::testing {
namespace {

using namespace naive;

// ---- VolumeBinding

const kube::StorageClass* ClassOf(const NaiveStorage& storage, const kube::PersistentVolumeClaim& claim) {
  const std::string& name = kube::ClassOf(claim);
  return name.empty() ? nullptr : Named(storage.objects.storage_classes, name);
}

struct Claims {
  std::vector<const kube::PersistentVolumeClaim*> bound, immediate, delayed;
  std::string error;
};

Claims ClaimsOf(const NaiveStorage& storage) {
  Claims claims;
  for (const kube::Volume& volume : storage.pod.volumes) {
    const std::optional<std::string> name = ClaimName(storage.pod, volume);
    if (!name) continue;
    const auto* claim = FindClaim(storage.objects, storage.pod.metadata.ns, *name);
    if (IsFullyBound(*claim)) {
      claims.bound.push_back(claim);
      continue;
    }
    const kube::StorageClass* storage_class = ClassOf(storage, *claim);
    if (storage_class != nullptr && storage_class->binding == kube::StorageClass::Binding::kUnset) {
      claims.error = "no binding mode";
      return claims;
    }
    const bool delayed = storage_class != nullptr &&
                         storage_class->binding == kube::StorageClass::Binding::kWaitForFirstConsumer &&
                         claim->volume_name.empty();
    (delayed ? claims.delayed : claims.immediate).push_back(claim);
  }
  return claims;
}

bool Reaches(const std::optional<kube::NodeSelector>& affinity, const kube::Node& node) {
  return !affinity || kube::Matches(*affinity, node.metadata.labels, "");
}

bool IsFor(const kube::PersistentVolume& volume, const kube::PersistentVolumeClaim& claim) {
  return volume.has_claim && volume.claim_name == claim.metadata.name && volume.claim_ns == claim.metadata.ns &&
         (volume.claim_uid.empty() || volume.claim_uid == claim.metadata.uid);
}

using Order = std::vector<const kube::PersistentVolume*>;

// FindMatchingVolume, which is given the volumes in no particular order.
const kube::PersistentVolume* FindVolume(const Order& order, const kube::PersistentVolumeClaim& claim,
                                         const kube::Node& node, const std::set<std::string>& excluded) {
  const kube::PersistentVolume* smallest = nullptr;
  for (const kube::PersistentVolume* each : order) {
    const kube::PersistentVolume& volume = *each;
    if (kube::ClassOf(volume) != kube::ClassOf(claim) || excluded.count(volume.metadata.name) != 0) continue;
    if (volume.has_claim && !IsFor(volume, claim)) continue;
    if (volume.capacity < claim.request.value_or(kube::Quantity()) || volume.block != claim.block) continue;
    if (volume.attributes_class != claim.attributes_class || volume.metadata.deletion_timestamp) continue;
    if (IsFor(volume, claim)) return Reaches(volume.node_affinity, node) ? &volume : nullptr;
    if (volume.phase != "Available" || !Reaches(volume.node_affinity, node)) continue;
    if (claim.selector && !kube::Matches(*claim.selector, volume.metadata.labels)) continue;
    const bool modes = std::all_of(claim.access_modes.begin(), claim.access_modes.end(),
                                   [&](const std::string& mode) { return Has(volume.access_modes, mode); });
    if (modes && (smallest == nullptr || volume.capacity < smallest->capacity)) smallest = &volume;
  }
  return smallest;
}

bool HasSpace(const NaiveStorage& storage, const kube::StorageClass& storage_class,
              const kube::PersistentVolumeClaim& claim, const kube::Node& node) {
  if (!claim.request) return true;
  const kube::CsiDriver* driver = Named(storage.objects.csi_drivers, storage_class.provisioner);
  if (driver == nullptr || !driver->storage_capacity) return true;
  for (const kube::CsiStorageCapacity& capacity : storage.objects.capacities) {
    const auto& limit = capacity.maximum_volume_size ? capacity.maximum_volume_size : capacity.capacity;
    if (capacity.storage_class == storage_class.metadata.name && limit && limit->Value() >= claim.request->Value() &&
        capacity.node_topology && kube::Matches(*capacity.node_topology, node.metadata.labels)) {
      return true;
    }
  }
  return false;
}

enum class Need { kMet, kNothing, kSpace };

Need Provision(const NaiveStorage& storage, const std::vector<const kube::PersistentVolumeClaim*>& claims,
               const kube::Node& node) {
  for (const kube::PersistentVolumeClaim* claim : claims) {
    const kube::StorageClass& storage_class = *ClassOf(storage, *claim);
    if (storage_class.provisioner.empty() || storage_class.provisioner == "kubernetes.io/no-provisioner") {
      return Need::kNothing;
    }
    const kube::NodeSelector topologies{storage_class.allowed_topologies};
    if (!topologies.terms.empty() && !kube::Matches(topologies, node.metadata.labels, "")) return Need::kNothing;
    if (!HasSpace(storage, storage_class, *claim, node)) return Need::kSpace;
  }
  return Need::kMet;
}

struct Bindings {
  std::vector<std::pair<const kube::PersistentVolumeClaim*, const kube::PersistentVolume*>> matched;
  std::vector<const kube::PersistentVolumeClaim*> to_provision;
  Need need = Need::kMet;
};

Bindings BindUnbound(const NaiveStorage& storage, const Claims& claims, const kube::Node& node, const Order& order) {
  Bindings bindings;
  std::vector<const kube::PersistentVolumeClaim*> to_match;
  for (const kube::PersistentVolumeClaim* claim : claims.delayed) {
    const std::string* selected = claim->selected_node();
    if (selected != nullptr && *selected != node.metadata.name) {
      bindings.need = Need::kNothing;
      return bindings;
    }
    (selected != nullptr ? bindings.to_provision : to_match).push_back(claim);
  }
  std::stable_sort(to_match.begin(), to_match.end(), [](const auto* a, const auto* b) {
    return a->request.value_or(kube::Quantity()) < b->request.value_or(kube::Quantity());
  });
  std::set<std::string> taken;
  for (const kube::PersistentVolumeClaim* claim : to_match) {
    const kube::PersistentVolume* volume = FindVolume(order, *claim, node, taken);
    if (volume == nullptr) {
      bindings.to_provision.push_back(claim);
    } else {
      taken.insert(volume->metadata.name);
      bindings.matched.emplace_back(claim, volume);
    }
  }
  bindings.need = Provision(storage, bindings.to_provision, node);
  return bindings;
}

Order AsGiven(const Objects& objects) {
  Order order;
  for (const kube::PersistentVolume& volume : objects.volumes) order.push_back(&volume);
  return order;
}

bool AnyAreEqual(const Order& volumes) {
  std::set<std::int64_t> sizes;
  for (const kube::PersistentVolume* volume : volumes) sizes.insert(volume->capacity.Value());
  return sizes.size() < volumes.size();
}

// In the order that is best for the Pod; if none will do, nothing to bind goes before no space.
Need NeedInAnyOrder(const NaiveStorage& storage, const Claims& claims, const kube::Node& node) {
  Order order = AsGiven(storage.objects);
  if (claims.delayed.size() < 2 || !AnyAreEqual(order)) return BindUnbound(storage, claims, node, order).need;
  std::sort(order.begin(), order.end());
  Need best = Need::kSpace;
  do {
    const Need need = BindUnbound(storage, claims, node, order).need;
    if (need == Need::kMet) return need;
    if (need == Need::kNothing) best = need;
  } while (std::next_permutation(order.begin(), order.end()));
  return best;
}

std::string ClaimProblem(const NaiveStorage& storage, const kube::Volume& volume) {
  const std::string name = *ClaimName(storage.pod, volume);
  const auto* claim = FindClaim(storage.objects, storage.pod.metadata.ns, name);
  const bool ephemeral = volume.kind == Kind::kEphemeral;
  if (claim == nullptr && ephemeral) {
    return "waiting for ephemeral volume controller to create the persistentvolumeclaim " + Quoted(name);
  }
  if (claim == nullptr) return "persistentvolumeclaim " + Quoted(name) + " not found";
  if (claim->lost) {
    return "persistentvolumeclaim " + Quoted(name) + " bound to non-existent persistentvolume " +
           Quoted(claim->volume_name);
  }
  if (claim->metadata.deletion_timestamp) return "persistentvolumeclaim " + Quoted(name) + " is being deleted";
  if (ephemeral && !IsOwnedBy(*claim, storage.pod)) {
    return "PVC " + claim->metadata.Key() + " was not created for pod " + storage.pod.metadata.Key() +
           " (pod is not owner)";
  }
  return {};
}

std::string ZoneProblem(const NaiveStorage& storage, const kube::PersistentVolumeClaim& claim) {
  if (!claim.volume_name.empty()) {
    if (Named(storage.objects.volumes, claim.volume_name) != nullptr) return {};
    return "persistentvolume " + Quoted(claim.volume_name) + " not found";
  }
  if (kube::ClassOf(claim).empty()) return "PersistentVolumeClaim had no pv name and storageClass name";
  const kube::StorageClass* storage_class = ClassOf(storage, claim);
  if (storage_class == nullptr) return "storageclass.storage.k8s.io " + Quoted(kube::ClassOf(claim)) + " not found";
  return {};  // VolumeBinding has seen to the binding mode
}

}  // namespace

NaiveResult NaiveStorage::PreFilter() const {
  for (const kube::Volume& volume : pod.volumes) {
    if (volume.kind == Kind::kPersistentVolumeClaim && FindClaim(objects, pod.metadata.ns, volume.source) == nullptr) {
      return {{ClaimProblem(*this, volume)}, {}};
    }
  }
  for (const kube::Volume& volume : pod.volumes) {
    if (!ClaimName(pod, volume)) continue;
    if (std::string problem = ClaimProblem(*this, volume); !problem.empty()) return {{problem}, {}};
  }
  const Claims claims = ClaimsOf(*this);
  if (!claims.error.empty()) return {{}, claims.error};
  if (!claims.immediate.empty()) return {{"pod has unbound immediate PersistentVolumeClaims"}, {}};
  for (const kube::Volume& volume : pod.volumes) {
    if (volume.kind != Kind::kPersistentVolumeClaim) continue;
    const auto* claim = FindClaim(objects, pod.metadata.ns, volume.source);
    if (std::string problem = ZoneProblem(*this, *claim); !problem.empty()) return {{problem}, {}};
  }
  return {};
}

NaiveResult NaiveStorage::VolumeBinding(const kube::Node& node) const {
  const Claims claims = ClaimsOf(*this);
  NaiveResult result;
  bool missing = false;
  for (const kube::PersistentVolumeClaim* claim : claims.bound) {
    const kube::PersistentVolume* volume = Named(objects.volumes, claim->volume_name);
    if (volume == nullptr) {
      missing = true;
      break;
    }
    std::optional<kube::NodeSelector> affinity = volume->node_affinity;
    const kube::CsiNode* csi_node = Named(objects.csi_nodes, node.metadata.name);
    const std::string* listed = csi_node == nullptr ? nullptr
                                                    : kube::Find(csi_node->metadata.annotations,
                                                                 "storage.alpha.kubernetes.io/migrated-plugins");
    if (volume->in_tree.plugin != kube::InTreeSource::Plugin::kNone && listed != nullptr &&
        ListsPlugin(*listed, volume->in_tree.plugin)) {
      const TranslatedVolume translated = Translate(*volume);
      if (!translated.error.empty()) return {{}, translated.error};
      affinity = translated.node_affinity;
    }
    if (!Reaches(affinity, node)) {
      result.reasons.push_back("node(s) didn't match PersistentVolume's node affinity");
      break;
    }
  }
  const Need need = NeedInAnyOrder(*this, claims, node);
  if (need == Need::kNothing) result.reasons.push_back("node(s) didn't find available persistent volumes to bind");
  if (need == Need::kSpace) result.reasons.push_back("node(s) did not have enough free storage");
  if (missing) result.reasons.push_back("node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)");
  return result;
}

NaiveResult NaiveStorage::VolumeZone(const kube::Node& node) const {
  const std::map<std::string, std::string> labels = {
      {"failure-domain.beta.kubernetes.io/zone", "topology.kubernetes.io/zone"},
      {"failure-domain.beta.kubernetes.io/region", "topology.kubernetes.io/region"},
      {"topology.kubernetes.io/zone", "topology.kubernetes.io/zone"},
      {"topology.kubernetes.io/region", "topology.kubernetes.io/region"}};
  const auto label_of = [&](const std::string& key) { return kube::Find(node.metadata.labels, key); };
  if (std::none_of(labels.begin(), labels.end(), [&](const auto& l) { return label_of(l.first) != nullptr; }))
    return {};
  for (const kube::Volume& used : pod.volumes) {
    if (used.kind != Kind::kPersistentVolumeClaim) continue;
    const auto* claim = FindClaim(objects, pod.metadata.ns, used.source);
    if (claim->volume_name.empty()) continue;
    for (const auto& [key, value] : Named(objects.volumes, claim->volume_name)->metadata.labels) {
      if (labels.count(key) == 0) continue;
      const std::string* have = label_of(key);
      if (have == nullptr) have = label_of(labels.at(key));
      if (have == nullptr || ("__" + value + "__").find("__" + *have + "__") == std::string::npos) {
        return {{"node(s) had no available volume zone"}, {}};
      }
    }
  }
  return {};
}

void BindVolumesNaively(Objects& objects, const kube::Pod& pod, const kube::Node& node, Semantics semantics) {
  const Objects before = objects;
  const NaiveStorage storage{before, pod, semantics, {}};
  const Bindings bindings = BindUnbound(storage, ClaimsOf(storage), node, AsGiven(before));
  for (const auto& [claim, volume] : bindings.matched) {
    for (kube::PersistentVolume& changed : objects.volumes) {
      if (changed.metadata.name != volume->metadata.name) continue;
      changed.has_claim = true;
      changed.claim_ns = claim->metadata.ns;
      changed.claim_name = claim->metadata.name;
      changed.claim_uid = claim->metadata.uid;
    }
  }
  for (const kube::PersistentVolumeClaim* claim : bindings.to_provision) {
    for (kube::PersistentVolumeClaim& changed : objects.claims) {
      if (changed.metadata.Key() != claim->metadata.Key() || changed.selected_node() != nullptr) continue;
      changed.metadata.annotations.emplace_back("volume.kubernetes.io/selected-node", node.metadata.name);
      std::sort(changed.metadata.annotations.begin(), changed.metadata.annotations.end());
    }
  }
}

}  // namespace spillway::sim::testing
