#pragma once

#include "scheduler_sim/filter.h"

namespace spillway::sim {

// The volumes that a Pod's claims are bound to must be reachable from the node by their node affinity. A claim whose
// class waits for its first consumer must find a free volume that is reachable, or its class's provisioner must be able
// to make one there: within allowedTopologies and, if the driver publishes it, with enough storage left. All that is
// wrong with a node is counted. A claim that is missing, going, lost, another Pod's, or should have been bound at once
// keeps the Pod from every node.
//
// Source: kube-scheduler plugins/volumebinding, 1.30 to 1.36. Cost: see ClaimBinder.
class VolumeBinding final : public Filter {
 public:
  std::string_view name() const override { return "VolumeBinding"; }
  bool is_about_volumes() const override { return true; }
  Scope scope() const override { return Scope::kVolumes; }
  PreFilterResult PreFilter(const Question& question) const override;
  void Narrow(const Question& question, NodeSet& alive, Tally& tally) const override;
  bool Admits(const Question& question, NodeIndex node) const override;
  std::vector<std::string> Explain(const Question& question, NodeIndex node) const override;
};

}  // namespace spillway::sim
