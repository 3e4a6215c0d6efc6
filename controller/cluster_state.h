#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/result.h"
#include "base/runtime.h"
#include "controller/optional_watches.h"
#include "controller/pending_pod.h"
#include "controller/storage_watch.h"
#include "kube/reflector.h"
#include "kube/transport.h"
#include "scheduler_sim/cluster.h"

namespace spillway::controller {

// The facts: Pods, Nodes, Namespaces and storage, and what else verdicts depend on in this cluster, watched into the
// simulator's model. Of a bound Pod nothing but the model's record is kept; an unbound Pod's object is kept in
// pending(). Terminal Pods are not even asked for.
class ClusterState {
 public:
  // `on_change` is called when something changed that a decision may depend on while Pods are pending; it must not
  // destroy this. `transport` outlives this.
  ClusterState(Runtime& runtime, kube::Transport& transport, sim::ClusterOptions options,
               std::function<void()> on_change);
  ClusterState(const ClusterState&) = delete;
  ClusterState& operator=(const ClusterState&) = delete;

  // Before Start(), where the API server has them and kube-scheduler looks at them.
  void WatchDeviceClasses() { others_.AddDeviceClasses(); }
  void Start();
  // `on_marked` is called when the watch shows that kube-scheduler has just written the condition Unschedulable, or a
  // new message of it; not for conditions that were there before us.
  void OnMarked(std::function<void(const PendingPod&)> on_marked) { on_marked_ = std::move(on_marked); }

  const sim::Cluster& cluster() const { return cluster_; }
  PendingPods& pending() { return pending_; }
  const PendingPods& pending() const { return pending_; }

  // Ok when Pods, Nodes and Namespaces were listed completely and their watches are being answered: nothing may be
  // decided, let alone bound, on anything less. The error says which is not and why.
  Status Usable() const;
  // Before decisions: Pods with volumes are undecidable while storage is not known, see StorageWatch.
  void NoteWhatIsKnown() { storage_.NoteWhatIsKnown(); }

  // While it stands still, a plan made since still holds: nothing has come free, no Pod that was to take a real node
  // has gone or changed, no virtual node has changed but by what we do ourselves.
  std::uint64_t epoch() const { return epoch_ + cluster_.relaxations(); }

  // Changes that bear on verdicts and their reasons: all but those of Pods that wait without being nominated. And when
  // the last one came.
  std::uint64_t shifts() const { return shifts_; }
  Instant last_shift() const { return last_shift_; }

  // Counts `pod` as placed on `node`, or as pending again. Changes pod.bind.phase and node, and nothing else of it.
  void CountAsPlaced(PendingPod& pod, BindState::Phase phase, std::string node);
  void CountAsPending(PendingPod& pod);

  // Of storage too.
  std::vector<Watched> Watches() const;

 private:
  std::vector<Watched> EssentialWatches() const;
  void OnPods(kube::DeltaBatch<kube::Pod> batch);
  void OnNodes(kube::DeltaBatch<kube::Node> batch);
  void OnNamespaces(kube::DeltaBatch<kube::Namespace> batch);
  void RemovePod(std::string_view uid);
  void TakeUnbound(kube::Pod pod, bool from_first_list);
  void TakeBound(const kube::Pod& pod);
  bool IsVirtual(std::string_view node_name) const;
  sim::ClassIndex ClassOf(std::string_view uid) const;  // invalid: not known, or not pending
  void LeavePlaceFree(const PendingPod& pod);
  void NoteShiftSince(std::uint64_t generation_before);
  void AnnounceIfChanged(std::uint64_t generation_before, bool pending_changed);

  Runtime& runtime_;
  sim::Cluster cluster_;
  PendingPods pending_;
  std::uint64_t epoch_ = 0, shifts_ = 0;
  Instant last_shift_{};
  std::unordered_set<std::string> namespace_uids_;
  std::function<void()> on_change_;
  std::function<void(const PendingPod&)> on_marked_;
  bool pods_listed_ = false;
  kube::Reflector<kube::Pod> pods_;
  kube::Reflector<kube::Node> nodes_;
  kube::Reflector<kube::Namespace> namespaces_;
  OptionalWatches others_;
  StorageWatch storage_;
};

}  // namespace spillway::controller
