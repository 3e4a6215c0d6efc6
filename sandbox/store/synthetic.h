#pragma once

#include "sandbox/store/store.h"

namespace spillway::sandbox {

struct SyntheticCluster {
  int nodes = 0;
  int pods = 0;             // Running, spread evenly over the nodes
  int pods_per_owner = 50;  // replicas of one ReplicaSet; the ReplicaSets exist too
};

// Fills an empty Store with a cluster that stands still, for benchmarks of what watches it: objects of the size and
// shape they have on a real cluster (2 to 3 KB a Pod, managedFields included), equal on every run.
void FillSynthetic(Store& store, const SyntheticCluster& cluster);

}  // namespace spillway::sandbox
