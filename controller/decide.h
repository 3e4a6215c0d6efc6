#pragma once

#include <vector>

#include "controller/pending_pod.h"
#include "controller/plan.h"
#include "controller/policy/policy.h"
#include "scheduler_sim/cluster.h"
#include "scheduler_sim/packing.h"

namespace spillway::controller {

// Everything that kube-scheduler would place now, packed onto the real nodes in its order. Pods that may not overflow
// take part, since they use up room all the same; Pods whose bind is under way do not: they count as placed.
sim::Packing Simulate(const sim::Cluster& cluster, const PendingPods& pending, const Policy& policy);

// One round: what to do about each pending Pod, given that packing. Pure: same input, same plan. `cluster` is unchanged
// since Simulate().
Plan Decide(const sim::Cluster& cluster, const PendingPods& pending, const sim::Packing& packing, const Policy& policy,
            Instant now);

// "0/12 real nodes fit (8 Insufficient cpu, 4 node(s) had untolerated taint(s))"
std::string RealNodesText(const sim::Explanation& nowhere);

}  // namespace spillway::controller
