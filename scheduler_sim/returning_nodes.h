#pragma once

#include <memory>
#include <optional>
#include <span>

#include "scheduler_sim/cluster.h"

namespace spillway::sim {

// Room on nodes that may be back in a moment: what there would be if those of `nodes` were ready that are real, and
// kept out of use by a state that ends when they are (see Outage::ends_when_ready). Nothing else is supposed: a node
// that is cordoned too, or full, takes nobody.
//
// Of the cluster as it is when this is made; the cluster outlives it and does not change meanwhile.
class ReturningNodes {
 public:
  ReturningNodes(const Cluster& cluster, std::span<const NodeIndex> nodes);
  ~ReturningNodes();

  // None of the nodes is one that may be back.
  bool empty() const;
  // The node that would take the Pod; it takes its room from those asked about later. nullopt: none would, or nobody
  // can know. Cost: a scan, until a Pod of the class finds none.
  std::optional<NodeIndex> Place(PodIndex pod);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace spillway::sim
