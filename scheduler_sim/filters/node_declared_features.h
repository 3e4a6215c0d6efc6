#pragma once

#include "scheduler_sim/filter.h"

namespace spillway::sim {

// A Pod may need something that only newer kubelets can do; a node that can says so in status.declaredFeatures. For
// scheduling these are RestartAllContainersOnContainerExits (a restart rule with the action RestartAllContainers) and
// UserNamespacesHostNetworkSupport (hostNetwork together with hostUsers=false).
//
// Source: kube-scheduler plugins/nodedeclaredfeatures and component-helpers nodedeclaredfeatures/features; on
// since 1.36. Cost: a look at each node's short list, for Pods that need something.
class NodeDeclaredFeatures final : public Filter {
 public:
  std::string_view name() const override { return "NodeDeclaredFeatures"; }
  Scope scope() const override { return Scope::kObjects; }
  void Narrow(const Question& question, NodeSet& alive, Tally& tally) const override;
  bool Admits(const Question& question, NodeIndex node) const override;
  std::vector<std::string> Explain(const Question& question, NodeIndex node) const override;
  std::vector<Objection> Object(const Question& question, NodeIndex node) const override;
};

}  // namespace spillway::sim
