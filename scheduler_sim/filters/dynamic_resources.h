#pragma once

#include "scheduler_sim/filter.h"

namespace spillway::sim {

// Since 1.36 an extended resource that a DeviceClass stands for is checked against what a node's device plugin offers
// (NodeResourcesFit) or, where a node offers none of it, left to dynamic resource allocation, which nobody but
// kube-scheduler can judge. This filter rejects the latter nodes, in kube-scheduler's words for no device being free
// there, and may err. It does not err about nodes that do not know another extended resource that the Pod asks for, one
// for which no DeviceClass stands: NodeResourcesFit lets them pass where it ignores that resource.
//
// Source: kube-scheduler plugins/dynamicresources/extendeddynamicresources.go, 1.36. Pods with resource claims of their
// own are undecidable.
class DynamicResources final : public Filter {
 public:
  std::string_view name() const override { return "DynamicResources"; }
  Scope scope() const override { return Scope::kObjects; }
  bool is_about_resources() const override { return true; }
  bool may_err(const Question& question) const override { return question.model.has_device_resources(); }
  NodeSet Doubtful(const Question& question, const NodeSet& rejected) const override;
  void Narrow(const Question& question, NodeSet& alive, Tally& tally) const override;
  bool Admits(const Question& question, NodeIndex node) const override;
  std::vector<std::string> Explain(const Question& question, NodeIndex node) const override;

  // Why a node that it rejected may take the Pod all the same, for operators.
  static std::string WhyItMayErr(const Question& question);
};

}  // namespace spillway::sim
