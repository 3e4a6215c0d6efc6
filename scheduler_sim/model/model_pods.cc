#include <algorithm>

#include "scheduler_sim/model/model.h"
#include "scheduler_sim/model/storage_edit.h"

namespace spillway::sim {
namespace {

std::uint32_t SecondsOf(const std::optional<WallTime>& time) {
  if (!time) return 0;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time->time_since_epoch()).count();
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(seconds, 0, UINT32_MAX));
}

bool OwnedByDaemonSet(const kube::Pod& pod) {
  const kube::OwnerReference* owner = pod.metadata.Controller();
  return owner != nullptr && owner->kind == "DaemonSet";
}

// Some resource or port that `before` took is free, at least in part, with `after`.
bool Shrunk(const Footprint& before, const Footprint& after) {
  if (after.milli_cpu < before.milli_cpu || after.memory < before.memory ||
      after.ephemeral_storage < before.ephemeral_storage) {
    return true;
  }
  return before.scalars != after.scalars || before.ports != after.ports || before.carried != after.carried ||
         before.volumes != after.volumes;
}

bool SameForTheModel(const PodRecord& a, const PodRecord& b) {
  return a.bound == b.bound && a.node == b.node && a.footprint == b.footprint && a.pod_class == b.pod_class &&
         a.identity == b.identity && a.priority == b.priority && a.owner == b.owner && a.created == b.created &&
         a.tried == b.tried && a.daemon == b.daemon && a.preempts == b.preempts && a.terminating == b.terminating &&
         a.queued == b.queued;
}

}  // namespace

PodIndex Cluster::Model::FindPod(std::string_view text) const {
  std::optional<Uid> uid = Uid::Parse(text);
  if (!uid) {
    const std::uint32_t interned = odd_uids.Find(text);
    if (interned == IdTable::kNone) return {};
    uid = Uid::Interned(interned);
  }
  const std::uint32_t found = pods_by_uid.Find(uid->Hash(), [&](std::uint32_t id) { return pods[id].uid == *uid; });
  return found == IdTable::kNone ? PodIndex() : PodIndex(found);
}

Uid Cluster::Model::UidOf(const kube::Pod& pod) {
  const std::string text = pod.metadata.uid.empty() ? pod.metadata.Key() : pod.metadata.uid;
  if (const std::optional<Uid> uid = Uid::Parse(text)) return *uid;
  return Uid::Interned(odd_uids.Acquire(text).first);
}

// Gates keep a Pod out of the queue, other schedulers' Pods are never put in, and one that is being deleted is thrown
// out when its turn comes. kube-scheduler does count the nomination of a gated Pod that it has seen change since it
// started, and a deleted one's as that of a Pod that asks for nothing; which of the two it is cannot be seen, so that
// they hold nothing here: what may be free is left to kube-scheduler.
//
// Source: kube-scheduler backend/queue/scheduling_queue.go moveToActiveQ, Update and nominatedPodToInfo;
// eventhandlers.go responsibleForPod; schedule_one.go skipPodSchedule.
bool Cluster::Model::IsQueued(const kube::Pod& pod) const {
  const std::string_view name = SchedulerNameOf(pod);
  return !pod.is_bound() && !pod.has_scheduling_gates && !pod.is_terminating() &&
         std::any_of(profiles.begin(), profiles.end(),
                     [&](const Profile& profile) { return profile.scheduler_name == name; });
}

PodIndex Cluster::Model::NewPod(const Uid& uid) {
  PodIndex index(static_cast<std::uint32_t>(pods.size()));
  if (free_pods.empty()) {
    pods.emplace_back();
  } else {
    index = free_pods.back();
    free_pods.pop_back();
  }
  PodRecord& record = pods[index.value()];
  record = PodRecord();
  record.uid = uid;
  record.arrival = ++arrivals;
  pods_by_uid.Insert(uid.Hash(), index.value());
  return index;
}

void Cluster::Model::UpsertPod(const kube::Pod& pod) {
  const std::string& uid = pod.metadata.uid;
  PodIndex index = FindPod(uid.empty() ? pod.metadata.Key() : uid);
  if (pod.is_terminal()) {
    if (index.valid()) RemovePod(index);
    return;
  }
  const bool is_new = !index.valid();
  PodRecord next = is_new ? PodRecord() : pods[index.value()];
  const kube::OwnerReference* owner = pod.metadata.Controller();
  next.created = SecondsOf(pod.metadata.creation_timestamp);
  next.priority = pod.priority;
  next.bound = pod.is_bound();
  next.queued = IsQueued(pod);
  next.terminating = pod.is_terminating();
  next.preempts = pod.preempts;
  next.daemon = OwnedByDaemonSet(pod);
  next.tried =
      !next.bound && pod.pod_scheduled && !pod.pod_scheduled->is_true && pod.pod_scheduled->reason == "Unschedulable";
  next.owner = owner == nullptr ? OwnerId() : OwnerId(owners.Acquire(owner->uid).first);
  next.identity = AcquireIdentity(pod);
  next.footprint = AcquireFootprint(pod);
  if (!next.bound) AddPending(next.identity);
  next.pod_class = next.bound ? ClassIndex() : AcquireClass(pod, next.footprint, next.identity);
  const std::string& node = next.bound ? pod.node_name : pod.nominated_node_name;
  next.node = node.empty() ? NodeIndex() : AcquireNodeName(node);

  if (is_new) {
    index = NewPod(UidOf(pod));
    next.uid = pods[index.value()].uid;
    next.arrival = pods[index.value()].arrival;
  } else {
    const PodRecord before = pods[index.value()];
    NoteSpreadByDefault(index, pod);
    if (SameForTheModel(before, next)) {
      DropReferences(next);
      return;
    }
    const bool moved = before.node != next.node || before.bound != next.bound || before.identity != next.identity ||
                       (before.queued && !next.queued);
    const bool freed_place =
        before.node.valid() && (moved || Shrunk(footprint(before.footprint), footprint(next.footprint)));
    if (freed_place || (!next.bound && before.pod_class != next.pod_class)) ++relaxations;
    Detach(index);
    DropReferences(before);
  }
  next.next_on_node = next.previous_on_node = next.next_alike = next.previous_alike = PodIndex();
  pods[index.value()] = next;
  NoteSpreadByDefault(index, pod);
  Attach(index);
  ++generation;
}

void Cluster::Model::RemovePod(PodIndex index) {
  const PodRecord gone = pods[index.value()];
  if (gone.node.valid() || gone.daemon) ++relaxations;
  Detach(index);
  DropReferences(gone);
  spread_by_default.erase(index);
  pods_by_uid.Erase(gone.uid.Hash(), index.value());
  if (gone.uid.is_interned()) {
    const auto interned = static_cast<std::uint32_t>(gone.uid.low);
    if (odd_uids.Release(interned)) odd_uids.Erase(interned);
  }
  pods[index.value()] = PodRecord();
  free_pods.push_back(index);
  ++generation;
}

void Cluster::Model::Attach(PodIndex index) {
  PodRecord& record = pods[index.value()];
  if (!record.bound) {
    record.pending_at = static_cast<std::uint32_t>(pending.size());
    pending.push_back(index);
    queue_changes.Add(index);
    if (record.node.valid() && record.queued) nominated.push_back(index);
    if (footprint(record.footprint).volumes.valid()) ++storage.pending_pods;
    return;
  }
  NodeRecord& node = nodes[record.node.value()];
  record.next_on_node = node.first_pod;
  if (node.first_pod.valid()) pods[node.first_pod.value()].previous_on_node = index;
  node.first_pod = index;
  Identity& identity = identities[record.identity.value()];
  record.next_alike = identity.first_placed;
  if (identity.first_placed.valid()) pods[identity.first_placed.value()].previous_alike = index;
  identity.first_placed = index;
  const std::uint64_t before = usage.relaxations();
  Place(usage, record.footprint, record.identity, record.node);
  relaxations += usage.relaxations() != before ? 1 : 0;
  if (const VolumeUseId volumes = footprint(record.footprint).volumes; volumes.valid()) {
    StorageEdit(*this).Place(volumes, record.node);
    if (storage.pending_pods != 0) ++relaxations;  // a volume that is there already costs others nothing more
  }
  CountOnNode(record, 1);
}

void Cluster::Model::Detach(PodIndex index) {
  PodRecord& record = pods[index.value()];
  if (!record.bound) {
    pending[record.pending_at] = pending.back();
    pods[pending.back().value()].pending_at = record.pending_at;
    pending.pop_back();
    queue_changes.Add(index);
    if (record.node.valid() && record.queued) std::erase(nominated, index);
    if (footprint(record.footprint).volumes.valid()) --storage.pending_pods;
    return;
  }
  if (record.next_on_node.valid()) pods[record.next_on_node.value()].previous_on_node = record.previous_on_node;
  if (record.previous_on_node.valid()) {
    pods[record.previous_on_node.value()].next_on_node = record.next_on_node;
  } else {
    nodes[record.node.value()].first_pod = record.next_on_node;
  }
  if (record.next_alike.valid()) pods[record.next_alike.value()].previous_alike = record.previous_alike;
  if (record.previous_alike.valid()) {
    pods[record.previous_alike.value()].next_alike = record.next_alike;
  } else {
    identities[record.identity.value()].first_placed = record.next_alike;
  }
  loosened_nodes.Add(record.node);
  Unplace(usage, record.footprint, record.identity, record.node);
  if (const VolumeUseId volumes = footprint(record.footprint).volumes; volumes.valid()) {
    StorageEdit(*this).Unplace(volumes, record.node);
  }
  CountOnNode(record, -1);
}

void Cluster::Model::DropReferences(const PodRecord& record) {
  Release(record.footprint);
  if (record.pod_class.valid()) {
    Release(record.pod_class);
    Identity& identity = identities[record.identity.value()];
    if (--identity.pending == 0 && !identity.repelled_by().empty()) identity.repelled_by_to_change().clear();
  }
  Release(record.identity);
  if (record.node.valid()) ReleaseNodeName(record.node);
  if (record.owner.valid() && owners.Release(record.owner.value())) owners.Erase(record.owner.value());
}

}  // namespace spillway::sim
