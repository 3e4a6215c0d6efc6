#include "scheduler_sim/filters/volume_zone.h"

namespace spillway::sim {
namespace {

constexpr std::string_view kNoZone = "node(s) had no available volume zone";

// Calls each(nodes) with the nodes that have each labelled volume's zone.
template <typename Each>
void ForEachZone(const Question& question, Each&& each) {
  const VolumeUse* use = question.model.volumes_of(question.pod);
  if (use == nullptr) return;
  const Storage& storage = question.model.storage;
  for (const VolumeUse::Claim& wanted : use->claims) {
    const PersistentVolumeId volume = storage.claim(wanted.claim).volume;
    if (wanted.ephemeral || !volume.valid()) continue;
    if (const NodeSet* nodes = storage.NodesOf(storage.volume(volume).zones)) each(*nodes);
  }
}

// Why the plugin rejects the Pod for this claim; empty when it does not.
//
// Source: getPVbyPod.
std::string Rejection(const Storage& storage, ClaimId id) {
  const ClaimRecord& claim = storage.claim(id);
  const std::string name(storage.NameOf(id));
  if (name.empty()) return "PersistentVolumeClaim had no name";
  if (!claim.exists) return "persistentvolumeclaim \"" + name + "\" not found";
  if (claim.volume.valid()) {
    if (storage.volume(claim.volume).exists) return {};
    return "persistentvolume \"" + std::string(storage.volumes.key(claim.volume.value())) + "\" not found";
  }
  if (!claim.storage_class.valid()) return "PersistentVolumeClaim had no pv name and storageClass name";
  const StorageClassRecord& storage_class = storage.storage_class(claim.storage_class);
  const std::string class_name(storage.classes.key(claim.storage_class.value()));
  if (!storage_class.exists) return "storageclass.storage.k8s.io \"" + class_name + "\" not found";
  switch (storage_class.binding) {
    case kube::StorageClass::Binding::kUnset:
      return "VolumeBindingMode not set for StorageClass \"" + class_name + "\"";
    case kube::StorageClass::Binding::kWaitForFirstConsumer:
      return {};
    case kube::StorageClass::Binding::kImmediate:
      break;
  }
  return "PersistentVolume had no name";
}

}  // namespace

PreFilterResult VolumeZone::PreFilter(const Question& question) const {
  const VolumeUse* use = question.model.volumes_of(question.pod);
  if (use == nullptr) return {};
  for (const VolumeUse::Claim& wanted : use->claims) {
    if (wanted.ephemeral) continue;
    std::string rejection = Rejection(question.model.storage, wanted.claim);
    if (!rejection.empty()) return {.rejection = std::move(rejection), .nodes = {}, .error = {}};
  }
  return {};
}

void VolumeZone::Narrow(const Question& question, NodeSet& alive, Tally& tally) const {
  if (const std::string rejection = PreFilter(question).rejection; !rejection.empty()) {
    tally.Add(rejection, alive.Count());  // a profile that does not run it as a PreFilter
    alive = NodeSet();
    return;
  }
  std::int64_t rejected = 0;
  ForEachZone(question, [&](const NodeSet& nodes) { rejected += alive.IntersectWith(nodes); });
  tally.Add(kNoZone, rejected);
}

bool VolumeZone::Admits(const Question& question, NodeIndex node) const {
  bool all = PreFilter(question).rejection.empty();
  ForEachZone(question, [&](const NodeSet& nodes) { all = all && nodes.Has(node); });
  return all;
}

std::vector<std::string> VolumeZone::Explain(const Question& question, NodeIndex) const {
  const std::string rejection = PreFilter(question).rejection;
  return {rejection.empty() ? std::string(kNoZone) : rejection};
}

}  // namespace spillway::sim
