#include "controller/cluster_state.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "controller/bind_order.h"
#include "controller/cluster_edit.h"
#include "controller/policy/eligibility.h"
#include "controller/policy/gates.h"
#include "controller/policy/pod_annotations.h"
#include "kube/api/storage.h"
#include "kube/paths.h"

namespace spillway::controller {
namespace {

using Concerns = WatchSet::Concerns;
using Scope = Doubts::Scope;

// kube-scheduler says something that it did not say of `before`.
bool IsNewlyMarked(const kube::Pod& before, const kube::Pod& now) {
  if (!IsMarkedUnschedulable(now)) return false;
  return !IsMarkedUnschedulable(before) || before.pod_scheduled->message != now.pod_scheduled->message;
}

}  // namespace

// ---- what is watched

ClusterState::ClusterState(Runtime& runtime, kube::Transport& transport, const sim::ClusterOptions& options,
                           const Policy& policy)
    : runtime_(runtime),
      policy_(policy),
      cluster_(options),
      changes_(runtime),
      departed_(runtime),
      gates_(runtime),
      refusals_(runtime),
      watches_(runtime, transport) {
  surroundings_.Price(policy.limits);
  using sim::Cluster;
  watches_.Add<kube::Node>(Concerns::kEveryPod, kube::kNodesPath, [this](const auto& batch) { OnNodes(batch); });
  watches_.Add<kube::Namespace>(Concerns::kEveryPod, kube::kNamespacesPath,
                                [this](const auto& batch) { OnNamespaces(batch); });
  WatchAutoScale();
  WatchAutoscaler();
  if (sim::SpreadsByDefault(options.scheduler)) {
    WatchSelecting<kube::Service>(sim::SelectingKind::kService, kube::kServicesPath);
    WatchSelecting<kube::ReplicationController>(sim::SelectingKind::kReplicationController,
                                                kube::kReplicationControllersPath);
    WatchSelecting<kube::ReplicaSet>(sim::SelectingKind::kReplicaSet, kube::kReplicaSetsPath);
    WatchSelecting<kube::StatefulSet>(sim::SelectingKind::kStatefulSet, kube::kStatefulSetsPath);
  }
  WatchStorage<kube::PersistentVolumeClaim>(kube::kPersistentVolumeClaimsPath, &Cluster::RemoveClaim);
  WatchStorage<kube::PersistentVolume>(kube::kPersistentVolumesPath, &Cluster::RemoveVolume);
  WatchStorage<kube::StorageClass>(kube::kStorageClassesPath, &Cluster::RemoveStorageClass);
  WatchStorage<kube::CsiNode>(kube::kCsiNodesPath, &Cluster::RemoveCsiNode);
  WatchStorage<kube::CsiDriver>(kube::kCsiDriversPath, &Cluster::RemoveCsiDriver);
  WatchStorage<kube::CsiStorageCapacity>(kube::kCsiStorageCapacitiesPath, &Cluster::RemoveStorageCapacity);
  WatchStorage<kube::VolumeAttachment>(kube::kVolumeAttachmentsPath, &Cluster::RemoveVolumeAttachment);
  // As kube-scheduler's own informer: a Pod that has ended frees its node at once.
  watches_.Add<kube::Pod>(
      Concerns::kEveryPod, kube::kPodsPath, [this](auto batch) { OnPods(std::move(batch)); },
      "status.phase!=Succeeded,status.phase!=Failed");
}

void ClusterState::WatchDeviceClasses() {
  Watch<kube::DeviceClass>(Concerns::kEveryPod, Scope::kPodsThatAskForDevices, kube::kDeviceClassesPath,
                           &sim::Cluster::RemoveDeviceClass);
}

template <typename T>
void ClusterState::WatchStorage(std::string_view path, void (sim::Cluster::*remove)(std::string_view)) {
  Watch<T>(Concerns::kPodsWithVolumes, Scope::kPodsWithVolumes, path, remove);
}

template <typename T>
void ClusterState::Watch(Concerns concerns, Scope scope, std::string_view path,
                         void (sim::Cluster::*remove)(std::string_view)) {
  watches_.Add<T>(concerns, path, [=, this](const kube::DeltaBatch<T>& batch) {
    Take(
        batch, scope, path, [this](const T& object) { cluster_.Upsert(object); },
        [=, this](const std::string& uid) { (cluster_.*remove)(uid); });
  });
}

template <typename T>
void ClusterState::WatchSelecting(sim::SelectingKind kind, std::string_view path) {
  cluster_.MarkListed(kind);  // nothing is decided before it is, see Usable()
  watches_.Add<T>(Concerns::kEveryPod, path, [=, this](const kube::DeltaBatch<T>& batch) {
    Take(
        batch, Scope::kPodsThatLookAtOthers, path, [=, this](const T& object) { cluster_.Upsert(kind, object); },
        [=, this](const std::string& uid) { cluster_.RemoveSelecting(kind, uid); });
  });
}

template <typename T, typename UpsertOne, typename RemoveOne>
void ClusterState::Take(const kube::DeltaBatch<T>& batch, Scope scope, std::string_view resource, UpsertOne upsert,
                        RemoveOne remove) {
  Edit edit(*this);
  if (batch.deltas.empty()) edit.IsBackInStep();
  for (const kube::Delta<T>& delta : batch.deltas) {
    if (delta.unreadable) {  // what is known of it stays, and is not trusted
      edit.CannotRead(scope, resource, delta.uid, delta.unreadable->why);
      continue;
    }
    edit.CanRead(scope, resource, delta.uid);
    if (delta.object) {
      upsert(*delta.object);
    } else {
      remove(delta.uid);
    }
  }
  NoteWhatIsKnown();
}

void ClusterState::Start() {
  NoteWhatIsKnown();
  watches_.Start();
}

void ClusterState::NoteWhatIsKnown() {
  const Status storage = watches_.Known(Concerns::kPodsWithVolumes);
  const std::string unknown = storage ? std::string(doubts_.First(Scope::kPodsWithVolumes)) : storage.error().message;
  cluster_.SetStorageUnknown(
      unknown.empty() ? "" : fmt::format("it has volumes, and what decides about them is not known: {}", unknown));
}

// ---- what policies go by

// An empty name: there is no such switch.
void ClusterState::WatchAutoScale() {
  const std::string& config = policy_.auto_scale_eks_config;
  const std::size_t slash = config.find('/');
  if (slash == std::string::npos) return;
  watches_.Add<kube::ConfigMap>(
      Concerns::kEveryPod, kube::ConfigMapPath(config.substr(0, slash)),
      [this](const auto& batch) { OnAutoScale(batch); }, "metadata.name=" + config.substr(slash + 1));
}

// cluster-autoscaler's words and nobody else's, one a Pod at a time. Nothing waits for this watch: without it Pods wait
// for the deadline.
//
// Source: cluster-autoscaler processors/status/eventing_scale_up_processor.go.
void ClusterState::WatchAutoscaler() {
  if (policy_.node_autoscaler != NodeAutoscaler::kDefer) return;
  for (const char* reason : {"NotTriggerScaleUp", "TriggeredScaleUp"}) {
    watches_.Add<kube::ObjectEvent>(
        Concerns::kNoVerdict, kube::kCoreEventsPath, [this](const auto& batch) { OnAutoscalerEvents(batch); },
        std::string("source=cluster-autoscaler,reason=") + reason);
  }
}

void ClusterState::OnAutoscalerEvents(const kube::DeltaBatch<kube::ObjectEvent>& batch) {
  for (const kube::Delta<kube::ObjectEvent>& delta : batch.deltas) {
    const PendingPod* pod = delta.object ? Find(delta.object->about_uid) : nullptr;
    if (pod == nullptr) continue;
    Edit edit(*this);
    surroundings_.AutoscalerSays(delta.object->about_uid, delta.object->reason == "TriggeredScaleUp");
    edit.Touches(*pod);
  }
}

// One that cannot be read leaves what is known: the Reflector says so in the log.
void ClusterState::OnAutoScale(const kube::DeltaBatch<kube::ConfigMap>& batch) {
  if (batch.deltas.empty()) Edit(*this).IsBackInStep();
  for (const kube::Delta<kube::ConfigMap>& delta : batch.deltas) {
    if (delta.unreadable) continue;
    const std::string* value = delta.object ? kube::Find(delta.object->data, "AUTO_SCALE_EKS") : nullptr;
    Note(surroundings_.SetAutoScale(value == nullptr ? std::nullopt : std::optional(*value)));
  }
}

void ClusterState::OnNamespaces(const kube::DeltaBatch<kube::Namespace>& batch) {
  Take(
      batch, Scope::kPodsThatLookAtOthers, kube::kNamespacesPath,
      [this](const kube::Namespace& ns) {
        cluster_.Upsert(ns);
        Note(surroundings_.Upsert(ns));
      },
      [this](const std::string& uid) {
        cluster_.RemoveNamespace(uid);
        Note(surroundings_.RemoveNamespace(uid));
      });
}

void ClusterState::Note(bool policies_moved) {
  if (policies_moved) Edit(*this).MovesPolicies();
}

void ClusterState::PolicyChanged() {
  surroundings_.Price(policy_.limits);
  gates_.Notify();
  refusals_.Notify();
  Note(true);
}

// ---- Nodes

void ClusterState::OnNodes(const kube::DeltaBatch<kube::Node>& batch) {
  Take(
      batch, Scope::kEveryPod, kube::kNodesPath,
      [this](const kube::Node& node) {
        NoteReadiness(node);
        cluster_.Upsert(node);
        Note(surroundings_.Upsert(node, cluster_.node(*cluster_.FindNode(node.metadata.name)).role));
      },
      [this](const std::string& uid) {
        cluster_.RemoveNode(uid);
        Note(surroundings_.RemoveNode(uid));
      });
  nodes_listed_ = nodes_listed_ || batch.synced;
}

void ClusterState::NoteReadiness(const kube::Node& node) {
  const auto known = cluster_.FindNode(node.metadata.name);
  if (known && cluster_.node(*known).ready == node.ready) return;
  if (nodes_listed_) {
    returns_.Changed(node.metadata.name, runtime_.Now());
  } else {
    returns_.FoundSo(node, runtime_.Now(), runtime_.WallNow());
  }
}

// ---- Pods

PendingPod* ClusterState::Find(std::string_view uid) {
  const auto found = pending_.find(uid);
  return found == pending_.end() ? nullptr : &found->second;
}

PendingPod* ClusterState::After(std::string_view uid) {
  const auto next = pending_.upper_bound(uid);
  return next == pending_.end() ? nullptr : &next->second;
}

PendingPod* ClusterState::AtIndex(sim::PodIndex index) {
  return index.valid() && index.value() < by_index_.size() ? by_index_[index.value()] : nullptr;
}

void ClusterState::OnPods(kube::DeltaBatch<kube::Pod> batch) {
  if (batch.deltas.empty()) Edit(*this).IsBackInStep();
  for (kube::Delta<kube::Pod>& delta : batch.deltas) {
    const PendingPod* marked = Take(std::move(delta));
    if (marked != nullptr && on_marked_) on_marked_(*marked);
  }
  pods_listed_ = pods_listed_ || batch.synced;
}

const PendingPod* ClusterState::Take(kube::Delta<kube::Pod> delta) {
  Edit edit(*this);
  if (delta.unreadable) {  // it counts as using no room, see Doubts
    edit.CannotRead(Scope::kPodsThatLookAtOthers, kube::kPodsPath, delta.uid, std::move(delta.unreadable->why));
    RemoveFromModel(edit, delta.uid);  // caps count it as it was: its instance is paid for
    return nullptr;
  }
  edit.CanRead(Scope::kPodsThatLookAtOthers, kube::kPodsPath, delta.uid);
  if (!delta.object || delta.object->is_terminal()) {
    RemovePod(edit, delta.uid);
  } else if (delta.object->is_bound()) {
    TakeBound(edit, *delta.object);
  } else {
    return TakeUnbound(edit, std::move(*delta.object));
  }
  return nullptr;
}

void ClusterState::RemovePod(Edit& edit, std::string_view uid) {
  RemoveFromModel(edit, uid);
  surroundings_.RemovePod(uid);
}

void ClusterState::RemoveFromModel(Edit& edit, std::string_view uid) {
  refused_.Remove(uid);
  if (const auto found = pending_.find(uid); found != pending_.end()) {
    const PendingPod& pod = found->second;
    edit.Removes();
    if (!pod.counts_as_placed() && pod.object.nominated_node_name.empty()) edit.BearsOnNobodyElse();
    NoteDeparture(pod, nullptr);
    ErasePending(found);
  }
  cluster_.RemovePod(uid);
}

const PendingPod* ClusterState::TakeUnbound(Edit& edit, kube::Pod pod) {
  const Instant now = runtime_.Now();
  auto [entry, is_new] = pending_.try_emplace(pod.metadata.uid);
  PendingPod& pending = entry->second;
  const bool was_there_before_us = is_new && !pods_listed_;
  const bool newly_marked = !is_new && IsNewlyMarked(pending.object, pod);
  const bool nominated = !pending.object.nominated_node_name.empty() || !pod.nominated_node_name.empty();
  if (is_new) {
    pending.first_seen = now;
    pending.arrival = ++arrivals_;
  }
  // Creation times are whole seconds of another clock: they serve only for Pods that were there before us.
  if (was_there_before_us && pod.metadata.creation_timestamp) {
    pending.age_when_seen = std::max(Duration(0), Duration(runtime_.WallNow() - *pod.metadata.creation_timestamp));
  }
  pending.object = std::move(pod);
  const sim::ClassIndex class_before = ClassOf(pending);
  Upsert(pending);
  edit.Touches(pending);
  NoteGate(pending);
  if (pending.counts_as_placed()) return nullptr;  // an update that crossed our bind
  Wait(pending);
  if (is_new || ClassOf(pending) != class_before) pending.changed = now;
  if (!nominated) edit.BearsOnNobodyElse();
  return newly_marked ? &pending : nullptr;
}

void ClusterState::TakeBound(Edit& edit, const kube::Pod& pod) {
  if (const auto found = pending_.find(pod.metadata.uid); found != pending_.end()) {
    edit.Removes();
    NoteDeparture(found->second, &pod);
    ErasePending(found);
  }
  cluster_.Upsert(pod);
  surroundings_.Place(cluster_, pod, pod.node_name);
  if (refused_.Put(pod, runtime_.Now())) refusals_.Notify();
}

void ClusterState::NoteDeparture(const PendingPod& pod, const kube::Pod* bound) {
  if (!pod.bind.was_tried()) return;
  Departure departure{.uid = pod.object.metadata.uid, .is_bound = bound != nullptr};
  const std::string* id = bound == nullptr ? nullptr : kube::Find(bound->metadata.annotations, kDecisionId);
  if (id != nullptr) departure.decision_id = *id;
  departures_.push_back(std::move(departure));
  departed_.Notify();
}

void ClusterState::ErasePending(PendingPods::iterator found) {
  PendingPod& pod = found->second;
  if (AtIndex(pod.index) == &pod) by_index_[pod.index.value()] = nullptr;
  surroundings_.ForgetPod(pod.object.metadata.uid);
  gated_.erase(pod.arrival);
  pending_.erase(found);
}

void ClusterState::Upsert(PendingPod& pod) {
  if (pod.counts_as_placed()) {
    kube::Pod placed = pod.object;
    placed.node_name = pod.assumed_node;
    cluster_.Upsert(placed);
  } else {
    cluster_.Upsert(pod.object);
  }
  if (AtIndex(pod.index) == &pod) by_index_[pod.index.value()] = nullptr;
  pod.index = cluster_.FindPod(pod.object.metadata.uid).value_or(sim::PodIndex());
  if (!pod.index.valid()) return;
  if (by_index_.size() <= pod.index.value()) by_index_.resize(pod.index.value() + 1);
  by_index_[pod.index.value()] = &pod;
}

void ClusterState::Assume(PendingPod& pod, std::string node) {
  Edit edit(*this);
  edit.IsOurs();
  pod.assumed_node = std::move(node);
  Upsert(pod);
  surroundings_.Place(cluster_, pod.object, pod.assumed_node);
}

void ClusterState::Forget(PendingPod& pod) {
  ForgetUnknown(pod);
  surroundings_.Uncount(pod.object.metadata.uid);
}

void ClusterState::ForgetUnknown(PendingPod& pod) {
  if (!pod.counts_as_placed()) return;
  Edit edit(*this);
  edit.IsOurs();
  pod.assumed_node.clear();
  Upsert(pod);
  Wait(pod);
}

void ClusterState::Wait(const PendingPod& pod) {
  const bool in_turn = WaitsForGateOnly(pod.object) || !WhyNotScheduled(pod.object, policy_);
  surroundings_.Wait(pod.object, in_turn && !pod.bind.was_tried());
}

void ClusterState::NoteGate(const PendingPod& pod) {
  if (!GateOf(pod.object)) {
    gated_.erase(pod.arrival);
    return;
  }
  gated_.emplace(pod.arrival, pod.object.metadata.uid);
  gates_.Notify();
}

sim::ClassIndex ClusterState::ClassOf(const PendingPod& pod) const {
  return pod.index.valid() ? cluster_.class_of(pod.index) : sim::ClassIndex();
}

}  // namespace spillway::controller
