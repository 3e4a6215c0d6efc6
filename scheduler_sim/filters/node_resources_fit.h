#pragma once

#include "scheduler_sim/filter.h"

namespace spillway::sim {

// A node must have room for one more Pod, and as much of every requested resource free as the Pod requests. All that is
// short is counted, not only the first. Free amounts may be negative, and a Pod that requests nothing of a resource
// does not care; but it always needs room in "pods", of which a node has none unless it says so. Extended resources
// that the profile ignores are not checked.
//
// Source: kube-scheduler plugins/noderesources/fit.go fitsRequest, 1.30 to 1.36. Cost: one pass over the columns of
// what is requested, 64 nodes at a time.
class NodeResourcesFit final : public Filter {
 public:
  std::string_view name() const override { return "NodeResourcesFit"; }
  Scope scope() const override { return Scope::kNode; }
  bool is_about_resources() const override { return true; }
  void Narrow(const Question& question, NodeSet& alive, Tally& tally) const override;
  bool Admits(const Question& question, NodeIndex node) const override;
  std::vector<std::string> Explain(const Question& question, NodeIndex node) const override;
  std::vector<Objection> Object(const Question& question, NodeIndex node) const override;
};

}  // namespace spillway::sim
