#pragma once

#include "scheduler_sim/filter.h"

namespace spillway::sim {

// A host port can be used once on a node per protocol and address; 0.0.0.0 (the default) stands for every address.
// Ports of ordinary init containers do not count.
//
// Source: kube-scheduler plugins/nodeports, 1.30 to 1.36. Cost: one AND per 64 nodes for each (address, protocol, port)
// in use that conflicts.
class NodePorts final : public Filter {
 public:
  std::string_view name() const override { return "NodePorts"; }
  Scope scope() const override { return Scope::kNode; }
  void Narrow(const Question& question, NodeSet& alive, Tally& tally) const override;
  bool Admits(const Question& question, NodeIndex node) const override;
  std::vector<std::string> Explain(const Question& question, NodeIndex node) const override;
  std::vector<Objection> Object(const Question& question, NodeIndex node) const override;
};

}  // namespace spillway::sim
