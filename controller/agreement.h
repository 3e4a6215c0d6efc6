#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "base/runtime.h"
#include "base/scope.h"
#include "base/sync.h"
#include "controller/cluster_state.h"
#include "controller/policy/policy.h"
#include "metrics/registry.h"

namespace spillway::controller {

// How one message of kube-scheduler compares with ours.
enum class Agreement : std::uint8_t {
  kAgree,      // the same counts and reasons
  kDiffer,     // not, although nothing has changed that could explain it
  kUndecided,  // the simulation says nothing of this Pod
  kStale,      // not the same, but the cluster has changed, or the Pod is gone: they speak of different times
};
std::string_view ToString(Agreement agreement);

// True when `theirs`, the message of a PodScheduled condition, says what `ours` says. kube-scheduler adds what
// PostFilter plugins did ("preemption: 0/3 nodes are available: ..."), which is not about filters.
//
// Source: kube-scheduler framework/types.go FitError.Error.
bool IsSameMessage(std::string_view ours, std::string_view theirs);

// Holds every Unschedulable message that kube-scheduler writes against the simulation's own, in production, and counts:
// a running cluster is the oracle. The message speaks of the cluster as it was some time before; so it is compared at
// once and, unless it agrees then, once more when the other watches have had time to catch up. It counts as kDiffer
// only if nothing that bears on verdicts has changed in the model since the Pod came or changed, or for two minutes.
// Each class that differs is logged once, with both messages. Loop thread only.
class AgreementMonitor {
 public:
  // All outlive this.
  AgreementMonitor(Runtime& runtime, const ClusterState& state, const Policy& policy, metrics::Registry& metrics);

  void Start();
  // kube-scheduler has just written the condition that `pod` now has.
  void Heard(const PendingPod& pod);

 private:
  struct Waiting {
    std::string uid, message;
    Instant at;
  };
  Task<void> Run();
  void CompareAgain(const Waiting& waiting);
  // Our message over all nodes; empty when some node takes the Pod. nullopt: nothing is said of it.
  std::optional<std::string> OurMessage(const PendingPod& pod, sim::PodIndex index);
  void Count(Agreement agreement);
  void Log(const PendingPod& pod, sim::PodIndex index, const std::string& ours);

  Runtime& runtime_;
  const ClusterState& state_;
  const Policy& policy_;
  metrics::Registry& metrics_;
  std::deque<Waiting> waiting_;
  std::unordered_set<std::uint32_t> logged_;  // classes

  // The last message made: equal Pods come in a row.
  struct Made {
    std::uint64_t shifts = 0;
    sim::ClassIndex pod_class;
    std::int32_t priority = 0;  // decides which nominated Pods count
    std::optional<std::string> message;
  };
  Made made_;

  Signal wake_;
  TaskScope flows_;  // last: dies before what its flows use
};

}  // namespace spillway::controller
