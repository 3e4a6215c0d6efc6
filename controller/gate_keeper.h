#pragma once

#include <functional>
#include <map>
#include <string>

#include "base/runtime.h"
#include "base/scope.h"
#include "base/sync.h"
#include "controller/cluster_state.h"
#include "controller/decision.h"
#include "controller/policy/gates.h"
#include "controller/reporter.h"
#include "kube/client.h"
#include "kube/release_gate.h"

namespace spillway::controller {

struct GateOptions {
  bool lifts = true;                             // false: a process that writes nothing
  Duration deadline = std::chrono::seconds(30);  // whoever lives lifts a gate as old as this plainly
  double qps = 150;                              // of patches, which share no limit with anything else
  int burst = 300;
  int max_in_flight = 32;
  kube::StringMap virtual_node_labels;      // all virtual nodes have them, and no other; empty: nothing is sent there
  std::string pod_deletion_cost = "-1000";  // empty: none
};

// Lifts the gates that the webhook sets on Pods with local replicas, each by one write: plainly, or towards virtual
// nodes, and then only where one has room and no cap is against it, for that can never be taken back. From then on the
// Pod counts as placed there, until the watch shows where it is, or for a minute.
//
// Every replica runs one; who does not lead lifts what has reached its deadline. Loop thread only.
class GateKeeper {
 public:
  // All outlive this. `writer` is not rate-limited itself. `leads`: see Overflow.
  GateKeeper(Runtime& runtime, ClusterState& state, kube::Client& writer, Reporter& reporter,
             metrics::Registry& metrics, const Policy& policy, GateOptions options, std::function<bool()> leads);
  void Start();
  void Stop() { stopped_ = true; }

 private:
  struct Attempt {
    bool in_flight = false;
    std::string refused_version;  // not again while the watch shows it...
    Instant retry_at{};           // ...and not before then
    bool is_told = false;         // that a permission is missing
  };
  // What is to be written, and what it was decided on.
  struct Order {
    std::string uid, decision_id;
    Decision decision;  // kToVirtualNodes
    GateRelease release = GateRelease::kPlainly;
    kube::GateReleaseRequest request;
    kube::ObjectReference reference;
  };
  Task<void> Run();
  bool MayTry(const PendingPod& pod) const;
  GateRelease WhatOf(const PendingPod& pod) const;
  Order OrderFor(PendingPod& pod, GateRelease release);
  bool FindPlace(const PendingPod& pod, Decision& decision) const;
  Task<void> Send(Order order);
  void NoteOutcome(const Order& order, const Status& status);

  Runtime& runtime_;
  ClusterState& state_;
  kube::Client& writer_;
  Reporter& reporter_;
  metrics::Registry& metrics_;
  const Policy& policy_;
  GateOptions options_;
  std::function<bool()> leads_;
  bool stopped_ = false;
  kube::RateLimiter limiter_;
  std::map<std::string, Attempt> attempts_;  // by UID, of gated Pods
  int in_flight_ = 0;
  Signal done_;
  TaskScope flows_;  // last: dies before what its flows use
};

}  // namespace spillway::controller
