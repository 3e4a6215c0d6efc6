#include "scheduler_sim/filters/volume_restrictions.h"

#include <algorithm>

namespace spillway::sim {
namespace {

constexpr std::string_view kDiskConflict = "node(s) had no available disk";
constexpr std::string_view kClaimInUse =
    "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod";
constexpr std::string_view kClaimInUseOld =
    "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode";

bool Overlap(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  return std::find_first_of(a.begin(), a.end(), b.begin(), b.end()) != a.end();
}

// Of the same kind, name and pool already.
bool Conflict(const kube::Volume& a, const kube::Volume& b) {
  if (a.kind == kube::Volume::Kind::kAwsEbs) return true;
  if (a.read_only && b.read_only) return false;
  return a.kind != kube::Volume::Kind::kRbd || Overlap(a.monitors, b.monitors);
}

// Calls each(taken) with the nodes of every disk in use that conflicts with one of the Pod's.
template <typename Each>
void ForEachConflict(const Question& question, Each&& each) {
  const Storage& storage = question.model.storage;
  const VolumeUsage& usage = question.usage.volumes();
  for (const DiskId wanted : question.model.volumes_of(question.pod)->disks) {
    const kube::Volume& disk = storage.disks[wanted.value()].source;
    for (const DiskId other : storage.SameName(wanted)) {
      const NodeSet* taken = Conflict(disk, storage.disks[other.value()].source) ? usage.DiskTaken(other) : nullptr;
      if (taken != nullptr) each(*taken);
    }
  }
}

bool WantsAlone(const Storage& storage, const VolumeUse::Claim& use) {
  return !use.ephemeral && (storage.claim(use.claim).modes & kReadWriteOncePod) != 0;
}

bool InUse(const Cluster::Model& model, const VolumeUse& use, const VolumeUsage& usage) {
  return std::any_of(use.claims.begin(), use.claims.end(), [&](const VolumeUse::Claim& claim) {
    return WantsAlone(model.storage, claim) && usage.PodsUsing(claim.claim) != 0;
  });
}

bool ClaimInUse(const Question& question) {
  const VolumeUsage& usage = question.usage.volumes();
  return usage.nominated_conflicts != 0 || InUse(question.model, *question.model.volumes_of(question.pod), usage);
}

std::string_view ClaimReason(const Question& question) {
  return question.model.semantics.old_read_write_once_pod_reason ? kClaimInUseOld : kClaimInUse;
}

}  // namespace

PreFilterResult VolumeRestrictions::PreFilter(const Question& question) const {
  const VolumeUse* use = question.model.volumes_of(question.pod);
  if (use == nullptr) return {};
  for (const VolumeUse::Claim& claim : use->claims) {
    if (claim.ephemeral || question.model.storage.claim(claim.claim).exists) continue;
    const std::string name(question.model.storage.NameOf(claim.claim));
    return {.rejection = "persistentvolumeclaim \"" + name + "\" not found", .nodes = {}, .error = {}};
  }
  return {};
}

void VolumeRestrictions::Narrow(const Question& question, NodeSet& alive, Tally& tally) const {
  if (question.model.volumes_of(question.pod) == nullptr) return;
  std::int64_t rejected = 0;
  ForEachConflict(question, [&](const NodeSet& taken) { rejected += alive.Subtract(taken); });
  tally.Add(kDiskConflict, rejected);
  if (!ClaimInUse(question)) return;
  tally.Add(ClaimReason(question), alive.Count());
  alive = NodeSet();
}

bool VolumeRestrictions::Admits(const Question& question, NodeIndex node) const {
  if (question.model.volumes_of(question.pod) == nullptr) return true;
  bool free = !ClaimInUse(question);
  ForEachConflict(question, [&](const NodeSet& taken) { free = free && !taken.Has(node); });
  return free;
}

std::vector<std::string> VolumeRestrictions::Explain(const Question& question, NodeIndex node) const {
  bool conflict = false;
  ForEachConflict(question, [&](const NodeSet& taken) { conflict = conflict || taken.Has(node); });
  return {std::string(conflict ? kDiskConflict : ClaimReason(question))};
}

void VolumeRestrictions::ChangeNominated(const Cluster::Model& model, const VolumeUse& pod, const Usage& base,
                                         const VolumeUse& nominated, std::int32_t change, VolumeUsage& usage) {
  if (pod.disks.empty() && !InUse(model, pod, base.volumes())) return;  // the plugin is skipped, and stays so
  for (const VolumeUse::Claim& theirs : nominated.claims) {
    const std::string_view name = model.storage.NameOf(theirs.claim);
    const bool wanted = !theirs.ephemeral && std::any_of(pod.claims.begin(), pod.claims.end(), [&](const auto& ours) {
      return WantsAlone(model.storage, ours) && model.storage.NameOf(ours.claim) == name;
    });
    if (wanted) usage.nominated_conflicts += change;
  }
}

}  // namespace spillway::sim
