#pragma once

#include "scheduler_sim/testing/naive_cycle.h"

// The two filters of the naive model that look at Pods on other nodes. Nobody's counts are kept: each question counts
// everything anew.
namespace spillway::sim::testing {

// Why the node does not take the cycle's Pod, with the Pods `added` to it; empty: it does.
Reasons PodTopologySpread(const Cycle& cycle, const NodeInfo& info, const PodList& added);
Reasons InterPodAffinity(const Cycle& cycle, const NodeInfo& info, const PodList& added);

}  // namespace spillway::sim::testing
