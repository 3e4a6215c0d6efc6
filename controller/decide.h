#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "controller/awaited_nodes.h"
#include "controller/decision.h"
#include "controller/pending_pod.h"
#include "controller/policy/policy.h"
#include "controller/policy/surroundings.h"
#include "scheduler_sim/cluster.h"

namespace spillway::controller {

// What a decision about a Pod goes by, besides the Pod itself.
struct Evidence {
  sim::Verdict verdict;                  // of the simulation
  std::string_view doubt;                // why that it fits nowhere cannot be concluded; empty when it can (doubts.h)
  const AwaitedNode* awaited = nullptr;  // the node that it may wait for; null: none
  // It fits nowhere only because of Pods before it in the queue, wherever kube-scheduler will really place those.
  bool rests_on_those_ahead = false;
};

// What to do about one pending Pod. Pure: same input, same decision. Precondition: the Pod does not count as placed.
Decision Decide(const sim::Cluster& cluster, const PendingPod& pod, const Evidence& evidence, const Policy& policy,
                const Surroundings& around, Instant now);

// A virtual node for each of the Pods, in the order given: shared out evenly over the cluster as it is, and within the
// caps, each counting for those after it. Who wants to be beside one that comes later is asked again after it.
struct VirtualPlace {
  std::string node;  // empty: none takes it
  std::string why;   // in the balancer's words
  NoPlace none = NoPlace::kNoneFits;
  std::string limit;  // which cap keeps it from there; empty: none
};
std::vector<VirtualPlace> ChooseVirtualNodes(const sim::Cluster& cluster, std::span<const PendingPod* const> pods,
                                             const Policy& policy, const OverflowLedger& ledger);
VirtualPlace ChooseVirtualNode(const sim::Cluster& cluster, const PendingPod& pod, const Policy& policy,
                               const OverflowLedger& ledger);

// Which cap keeps the Pod from `node`; empty: none.
std::string WhyAtLimit(const sim::Cluster& cluster, const PendingPod& pod, const std::string& node,
                       const Policy& policy, const OverflowLedger& ledger);

// What that makes of a decision to overflow.
void TakePlace(VirtualPlace place, Decision& decision);

// Since when a Pod that fits nowhere now has done so.
Instant NowhereSince(const PendingPod& pod, Instant now);

// "0/12 real nodes fit (8 Insufficient cpu, 4 node(s) had untolerated taint(s))", "0/3 real nodes fit (3 node(s) had
// untolerated taint(s)), 2 lost: 2 not ready"
std::string RealNodesText(const sim::Explanation& nowhere);

// Why it is, or would be, on no real node. Precondition: it fits on none, or is beyond its local replicas.
std::string WhyNotLocal(const Decision& decision);

}  // namespace spillway::controller
