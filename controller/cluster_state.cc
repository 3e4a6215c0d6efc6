#include "controller/cluster_state.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "controller/policy/eligibility.h"
#include "kube/paths.h"

namespace spillway::controller {
namespace {

// kube-scheduler says something that it did not say of `before`.
bool IsNewlyMarked(const kube::Pod& before, const kube::Pod& now) {
  if (!IsMarkedUnschedulable(now)) return false;
  return !IsMarkedUnschedulable(before) || before.pod_scheduled->message != now.pod_scheduled->message;
}

kube::ReflectorOptions Watching(std::string_view path, std::string resource, std::string field_selector = "") {
  kube::ReflectorOptions options;
  options.path = path;
  options.resource = std::move(resource);
  options.field_selector = std::move(field_selector);
  return options;
}

}  // namespace

ClusterState::ClusterState(Runtime& runtime, kube::Transport& transport, sim::ClusterOptions options,
                           std::function<void()> on_change)
    : runtime_(runtime),
      cluster_(options),
      on_change_(std::move(on_change)),
      // As kube-scheduler's own informer: a Pod that has ended frees its node at once.
      pods_(runtime, transport, Watching(kube::kPodsPath, "pods", "status.phase!=Succeeded,status.phase!=Failed"),
            [this](auto batch) { OnPods(std::move(batch)); }),
      nodes_(runtime, transport, Watching(kube::kNodesPath, "nodes"),
             [this](auto batch) { OnNodes(std::move(batch)); }),
      namespaces_(runtime, transport, Watching(kube::kNamespacesPath, "namespaces"),
                  [this](auto batch) { OnNamespaces(std::move(batch)); }),
      others_(runtime, transport, cluster_, [this](std::uint64_t generation) { AnnounceIfChanged(generation, false); }),
      storage_(runtime, transport, cluster_, [this](std::uint64_t generation) {
        NoteShiftSince(generation);
        AnnounceIfChanged(generation, false);
      }) {
  if (sim::SpreadsByDefault(options.scheduler)) others_.AddSelectors();
}

void ClusterState::Start() {
  nodes_.Start();
  namespaces_.Start();
  others_.Start();
  storage_.Start();
  pods_.Start();
}

Status ClusterState::Usable() const {
  for (const Watched& watched : EssentialWatches()) {
    const char* problem = !watched.counts.synced ? "not listed yet" : watched.counts.stale ? "watch lost" : nullptr;
    if (problem == nullptr) continue;
    const std::string& cause = watched.counts.last_error;
    return Fail(Code::kUnavailable,
                fmt::format("{}: {}{}{}", watched.resource, problem, cause.empty() ? "" : ": ", cause));
  }
  return {};
}

std::vector<Watched> ClusterState::Watches() const {
  std::vector<Watched> all = EssentialWatches();
  for (Watched& watched : storage_.Watches()) all.push_back(std::move(watched));
  return all;
}

std::vector<Watched> ClusterState::EssentialWatches() const {
  std::vector<Watched> all = {{"nodes", nodes_.counts(), cluster_.node_count(sim::NodeDomain::kAll)},
                              {"namespaces", namespaces_.counts(), namespace_uids_.size()},
                              {"pods", pods_.counts(), cluster_.pod_count()}};
  for (const Watched& other : others_.Watches()) all.push_back(other);
  return all;
}

void ClusterState::CountAsPlaced(PendingPod& pod, BindState::Phase phase, std::string node) {
  const bool moves = pod.bind.phase == BindState::Phase::kNone || pod.bind.node != node;
  pod.bind.phase = phase;
  pod.bind.node = std::move(node);
  if (!moves) return;
  const std::uint64_t generation = cluster_.generation();
  kube::Pod placed = pod.object;
  placed.node_name = pod.bind.node;
  cluster_.Upsert(placed);
  NoteShiftSince(generation);
}

void ClusterState::CountAsPending(PendingPod& pod) {
  if (pod.bind.phase == BindState::Phase::kNone) return;
  pod.bind.phase = BindState::Phase::kNone;
  pod.bind.node.clear();
  const std::uint64_t generation = cluster_.generation();
  cluster_.Upsert(pod.object);
  NoteShiftSince(generation);
  ++epoch_;  // its place on the virtual node is free again
}

void ClusterState::OnPods(kube::DeltaBatch<kube::Pod> batch) {
  const std::uint64_t generation = cluster_.generation();
  bool pending_changed = false;
  for (kube::Delta<kube::Pod>& delta : batch.deltas) {
    pending_changed = pending_changed || pending_.contains(delta.uid);
    if (!delta.object || delta.object->is_terminal()) {
      RemovePod(delta.uid);
    } else if (delta.object->is_bound()) {
      TakeBound(*delta.object);
    } else {
      pending_changed = true;
      TakeUnbound(std::move(*delta.object), !pods_listed_);
    }
  }
  pods_listed_ = pods_listed_ || batch.synced;
  AnnounceIfChanged(generation, pending_changed);
}

void ClusterState::RemovePod(std::string_view uid) {
  const std::uint64_t generation = cluster_.generation();
  bool held_no_place = false;
  if (const auto found = pending_.find(uid); found != pending_.end()) {
    const PendingPod& pod = found->second;
    held_no_place = pod.bind.phase == BindState::Phase::kNone && pod.object.nominated_node_name.empty();
    LeavePlaceFree(pod);
    pending_.erase(found);
  }
  cluster_.RemovePod(uid);
  if (!held_no_place) NoteShiftSince(generation);
}

void ClusterState::TakeUnbound(kube::Pod pod, bool from_first_list) {
  const Instant now = runtime_.Now();
  auto [entry, is_new] = pending_.try_emplace(pod.metadata.uid);
  PendingPod& pending = entry->second;
  const std::uint64_t generation = cluster_.generation();
  const bool newly_marked = (!is_new || !from_first_list) && IsNewlyMarked(pending.object, pod);
  const bool nominated = !pending.object.nominated_node_name.empty() || !pod.nominated_node_name.empty();
  const sim::ClassIndex class_before = ClassOf(pod.metadata.uid);
  if (is_new) {
    pending.first_seen = now;
    // Creation times are whole seconds of another clock: they serve only for Pods that were there before us.
    if (from_first_list && pod.metadata.creation_timestamp) {
      pending.age_when_seen = std::max(Duration(0), Duration(runtime_.WallNow() - *pod.metadata.creation_timestamp));
    }
  } else {
    LeavePlaceFree(pending);
    if (pending.bind.refused_version != pod.metadata.resource_version && !pending.bind.refused_version.empty()) {
      pending.bind.refused_version.clear();  // what the API server refused us for is known now
      pending.bind.retry_at.reset();
    }
  }
  pending.object = std::move(pod);
  if (pending.bind.phase == BindState::Phase::kNone) {
    cluster_.Upsert(pending.object);
    if (is_new || ClassOf(pending.object.metadata.uid) != class_before) pending.changed = now;
    if (nominated) NoteShiftSince(generation);
    if (newly_marked && on_marked_) on_marked_(pending);
    return;
  }
  kube::Pod placed = pending.object;  // an update that crossed our bind
  placed.node_name = pending.bind.node;
  cluster_.Upsert(placed);
  NoteShiftSince(generation);
}

sim::ClassIndex ClusterState::ClassOf(std::string_view uid) const {
  const auto index = cluster_.FindPod(uid);
  return index ? cluster_.class_of(*index) : sim::ClassIndex();
}

void ClusterState::TakeBound(const kube::Pod& pod) {
  std::string expected;
  if (const auto found = pending_.find(pod.metadata.uid); found != pending_.end()) {
    expected = found->second.bind.node;
    if (expected.empty()) LeavePlaceFree(found->second);
    pending_.erase(found);
  }
  const std::uint64_t generation = cluster_.generation();
  cluster_.Upsert(pod);
  // Somebody else fills a virtual node, or our bind was not the one that won.
  if (cluster_.generation() != generation && expected != pod.node_name && IsVirtual(pod.node_name)) ++epoch_;
  NoteShiftSince(generation);
}

// A Pod that was to take a real node, or holds one in the simulation, may leave it to another.
void ClusterState::LeavePlaceFree(const PendingPod& pod) {
  const auto& owners = pod.object.metadata.owner_references;
  const bool holds_place =
      pod.verdict == sim::Verdict::Kind::kFits || !pod.object.nominated_node_name.empty() ||
      std::any_of(owners.begin(), owners.end(), [](const auto& o) { return o.kind == "DaemonSet"; });
  if (holds_place) ++epoch_;
}

bool ClusterState::IsVirtual(std::string_view node_name) const {
  const auto node = cluster_.FindNode(node_name);
  return node && cluster_.node(*node).role == sim::NodeRole::kVirtual;
}

void ClusterState::OnNodes(kube::DeltaBatch<kube::Node> batch) {
  const std::uint64_t generation = cluster_.generation();
  for (const kube::Delta<kube::Node>& delta : batch.deltas) {
    if (delta.object) {
      cluster_.Upsert(*delta.object);
    } else {
      cluster_.RemoveNode(delta.uid);
    }
  }
  NoteShiftSince(generation);
  AnnounceIfChanged(generation, false);
}

void ClusterState::OnNamespaces(kube::DeltaBatch<kube::Namespace> batch) {
  const std::uint64_t generation = cluster_.generation();
  for (const kube::Delta<kube::Namespace>& delta : batch.deltas) {
    if (delta.object) {
      namespace_uids_.insert(delta.uid);
      cluster_.Upsert(*delta.object);
    } else {
      namespace_uids_.erase(delta.uid);
      cluster_.RemoveNamespace(delta.uid);
    }
  }
  NoteShiftSince(generation);
  AnnounceIfChanged(generation, false);
}

void ClusterState::NoteShiftSince(std::uint64_t generation_before) {
  if (cluster_.generation() == generation_before) return;
  ++shifts_;
  last_shift_ = runtime_.Now();
}

void ClusterState::AnnounceIfChanged(std::uint64_t generation_before, bool pending_changed) {
  if (pending_.empty()) return;
  if (pending_changed || cluster_.generation() != generation_before) on_change_();
}

}  // namespace spillway::controller
