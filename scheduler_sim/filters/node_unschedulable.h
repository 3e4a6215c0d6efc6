#pragma once

#include "scheduler_sim/filter.h"

namespace spillway::sim {

// A cordoned node takes only Pods that tolerate node.kubernetes.io/unschedulable:NoSchedule.
//
// Source: kube-scheduler plugins/nodeunschedulable, 1.30 to 1.36. Cost: one AND per 64 nodes.
class NodeUnschedulable final : public Filter {
 public:
  std::string_view name() const override { return "NodeUnschedulable"; }
  Scope scope() const override { return Scope::kObjects; }
  bool is_about_outages() const override { return true; }
  void Narrow(const Question& question, NodeSet& alive, Tally& tally) const override;
  bool Admits(const Question& question, NodeIndex node) const override;
  std::vector<std::string> Explain(const Question& question, NodeIndex node) const override;
  std::vector<Objection> Object(const Question& question, NodeIndex node) const override;
};

}  // namespace spillway::sim
