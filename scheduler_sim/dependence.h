#pragma once

#include "scheduler_sim/cluster.h"

namespace spillway::sim {

// The verdict about a pending Pod depends on where other Pods are, not only on what is free: by affinity, by
// anti-affinity of either side, or by spread.
bool LooksAtOtherPods(const Cluster& cluster, PodIndex pod);

}  // namespace spillway::sim
