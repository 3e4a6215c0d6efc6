#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/runtime.h"
#include "base/sync.h"
#include "controller/doubts.h"
#include "controller/pending_pod.h"
#include "controller/policy/node_returns.h"
#include "controller/policy/policy.h"
#include "controller/policy/surroundings.h"
#include "controller/refused_pods.h"
#include "controller/watch_set.h"
#include "kube/api/workloads.h"
#include "kube/reflector.h"
#include "kube/transport.h"
#include "scheduler_sim/cluster.h"

namespace spillway::controller {

class Edit;

// The facts: Pods, Nodes, Namespaces and storage, and what else verdicts depend on in this cluster, watched into the
// simulator's model. Of a bound Pod nothing but the model's record is kept; an unbound Pod's object is kept in
// pending(). Terminal Pods are not even asked for.
//
// Whatever changes the model does so within an Edit (cluster_edit.h), which works out what it came to.
class ClusterState {
 public:
  // `transport` and `policy` outlive this; see PolicyChanged().
  ClusterState(Runtime& runtime, kube::Transport& transport, const sim::ClusterOptions& options, const Policy& policy);
  ClusterState(const ClusterState&) = delete;
  ClusterState& operator=(const ClusterState&) = delete;

  // Before Start(), where the API server has them and kube-scheduler looks at them.
  void WatchDeviceClasses();
  void Start();
  // `on_marked` is called when the watch shows that kube-scheduler has just written the condition Unschedulable, or a
  // new message of it; not for conditions that a Pod comes with, in a list, of which nobody knows how old they are.
  void OnMarked(std::function<void(const PendingPod&)> on_marked) { on_marked_ = std::move(on_marked); }

  // Notified when something changed that a decision may depend on while Pods are pending. One flow waits for it.
  Signal& changes() { return changes_; }

  const sim::Cluster& cluster() const { return cluster_; }
  const PendingPods& pending() const { return pending_; }
  // For Overflow, see PendingPod. nullptr: it is not pending.
  PendingPod* Find(std::string_view uid);
  // The next in order of UID; nullptr: there is none.
  PendingPod* After(std::string_view uid);

  // Ok when everything that all verdicts depend on was listed completely and is being watched: nothing may be decided,
  // let alone bound, on anything less. The error says what is not and why.
  Status Usable() const { return watches_.Known(WatchSet::Concerns::kEveryPod); }
  // Before decisions: Pods with volumes are undecidable while storage is not known.
  void NoteWhatIsKnown();

  // What policies go by.
  const Surroundings& surroundings() const { return surroundings_; }
  // The policy is another one now: every pending Pod is to be looked at.
  void PolicyChanged();

  // When nodes became ready or not.
  const NodeReturns& returns() const { return returns_; }
  // Pods with the gate of policy/gates.h, by when they came: UIDs. gates() is notified when one comes or changes, or
  // policies do; one flow waits for it.
  const std::map<std::uint64_t, std::string>& gated() const { return gated_; }
  Signal& gates() { return gates_; }
  // Bound Pods that their node cannot run. refusals() is notified when one comes or changes, or policies do; one flow
  // waits for it.
  const RefusedPods& refused() const { return refused_; }
  Signal& refusals() { return refusals_; }
  FailOverBook& fail_overs() { return surroundings_.fail_overs(); }
  // Pods that may stand otherwise among the replicas of their workload since this was last called, by UID.
  std::vector<std::string> TakeMovedReplicas() { return surroundings_.TakeMovedReplicas(); }
  // Objects that cannot be read.
  const Doubts& doubts() const { return doubts_; }

  // Pending Pods that came or changed since this was last called; some may be gone.
  struct Touched {
    bool everything = false;        // all of pending(), whatever is listed
    std::vector<std::string> pods;  // UIDs
  };
  Touched TakeTouched() { return std::exchange(touched_, {}); }

  // Pods that are pending no more although a bind of them was tried, since this was last called: what the watch says of
  // a bind whose answer got lost. departed() is notified when there is one; one flow waits for it.
  struct Departure {
    std::string uid;
    bool is_bound = false;    // otherwise it has ended, was deleted or cannot be read
    std::string decision_id;  // that bound it; empty: none of ours
  };
  std::vector<Departure> TakeDepartures() { return std::exchange(departures_, {}); }
  Signal& departed() { return departed_; }

  // nullptr: no pending Pod has that index.
  PendingPod* AtIndex(sim::PodIndex index);

  // Changes that bear on verdicts and their reasons: all but those of Pods that wait without being nominated. And when
  // the last one came.
  std::uint64_t shifts() const { return shifts_; }
  Instant last_shift() const { return last_shift_; }

  // As kube-scheduler's cache has it: `pod` counts as placed on `node` before the watch shows it there...
  void Assume(PendingPod& pod, std::string node);
  // ...or no longer...
  void Forget(PendingPod& pod);
  // ...or, as nobody knows, no longer, but caps still count it until it is known.
  void ForgetUnknown(PendingPod& pod);

  std::vector<Watched> Watches() const { return watches_.All(); }

 private:
  friend class Edit;

  // What a kind's deltas mean when they are nothing but the model's business.
  template <typename T>
  void Watch(WatchSet::Concerns concerns, Doubts::Scope scope, std::string_view path,
             void (sim::Cluster::*remove)(std::string_view));
  template <typename T>
  void WatchStorage(std::string_view path, void (sim::Cluster::*remove)(std::string_view));
  template <typename T>
  void WatchSelecting(sim::SelectingKind kind, std::string_view path);
  template <typename T, typename UpsertOne, typename RemoveOne>
  void Take(const kube::DeltaBatch<T>& batch, Doubts::Scope scope, std::string_view resource, UpsertOne upsert,
            RemoveOne remove);

  void WatchAutoScale();
  void WatchAutoscaler();
  void OnAutoscalerEvents(const kube::DeltaBatch<kube::ObjectEvent>& batch);
  void OnAutoScale(const kube::DeltaBatch<kube::ConfigMap>& batch);
  void OnNamespaces(const kube::DeltaBatch<kube::Namespace>& batch);
  void Note(bool policies_moved);
  void OnNodes(const kube::DeltaBatch<kube::Node>& batch);
  void NoteReadiness(const kube::Node& node);
  void OnPods(kube::DeltaBatch<kube::Pod> batch);
  // Return the Pod if kube-scheduler has just marked it.
  const PendingPod* Take(kube::Delta<kube::Pod> delta);
  const PendingPod* TakeUnbound(Edit& edit, kube::Pod pod);
  void TakeBound(Edit& edit, const kube::Pod& pod);
  void RemovePod(Edit& edit, std::string_view uid);
  void RemoveFromModel(Edit& edit, std::string_view uid);
  void ErasePending(PendingPods::iterator found);
  void NoteDeparture(const PendingPod& pod, const kube::Pod* bound);  // nullptr: it is not
  void Wait(const PendingPod& pod);                                   // as policies see it
  void NoteGate(const PendingPod& pod);
  // Into the model: as pending, or where it counts as placed.
  void Upsert(PendingPod& pod);
  sim::ClassIndex ClassOf(const PendingPod& pod) const;  // invalid: not known, or not pending

  Runtime& runtime_;
  const Policy& policy_;
  sim::Cluster cluster_;
  Surroundings surroundings_;
  PendingPods pending_;
  std::vector<PendingPod*> by_index_;
  std::uint64_t arrivals_ = 0;
  Touched touched_;
  Doubts doubts_;
  std::uint64_t shifts_ = 0;
  Instant last_shift_{};
  Signal changes_, departed_, gates_, refusals_;
  std::map<std::uint64_t, std::string> gated_;
  std::vector<Departure> departures_;
  std::function<void(const PendingPod&)> on_marked_;
  NodeReturns returns_;
  RefusedPods refused_;
  bool pods_listed_ = false, nodes_listed_ = false;
  WatchSet watches_;  // last: its watches write to the rest
};

}  // namespace spillway::controller
