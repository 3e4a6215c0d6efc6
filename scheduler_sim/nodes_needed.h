#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "scheduler_sim/cluster.h"

namespace spillway::sim {

struct NodesNeeded {
  std::size_t nodes = 0;            // so many take at least one Pod
  std::size_t placed = 0;           // Pods on them
  std::vector<PodIndex> left_over;  // no node of this shape takes them, or not within the limit; undecidable ones
};

// How many nodes of one shape `pods` would need, at most `most`, if no other node took any of them: a question beside
// packing, for who is to buy nodes. First fit, class by class, those that take the largest share of the shape's cpu and
// memory first; all filters apply, and affinity and spread see the Pods and nodes of `cluster` too. The new nodes are
// ready and have `shape`'s labels, but names of their own, kubernetes.io/hostname included.
//
// Cost: a copy of the model; then O(classes), whatever the number of Pods and nodes, or O(Pods times nodes) if one of
// the classes has affinity or spread.
//
// Source: the semantics of cluster-autoscaler estimator/binpacking_estimator.go, decreasing_pod_orderer.go.
NodesNeeded CountNodesNeeded(const Cluster& cluster, std::span<const PodIndex> pods, const kube::Node& shape,
                             std::size_t most);

}  // namespace spillway::sim
