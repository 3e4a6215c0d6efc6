#pragma once

#include "scheduler_sim/filter.h"

namespace spillway::sim {

// A node's NoSchedule and NoExecute taints keep out every Pod that does not tolerate all of them. PreferNoSchedule is a
// matter of scoring and fails nobody.
//
// Source: kube-scheduler plugins/tainttoleration, 1.30 to 1.36. Until 1.33 the reason names the first untolerated
// taint; since 1.34 it does not. Cost: one AND per 64 nodes: each list of tolerations keeps the set of nodes it
// suffices for.
class TaintToleration final : public Filter {
 public:
  std::string_view name() const override { return "TaintToleration"; }
  Scope scope() const override { return Scope::kObjects; }
  bool is_about_outages() const override { return true; }
  void Narrow(const Question& question, NodeSet& alive, Tally& tally) const override;
  bool Admits(const Question& question, NodeIndex node) const override;
  std::vector<std::string> Explain(const Question& question, NodeIndex node) const override;
  std::vector<Objection> Object(const Question& question, NodeIndex node) const override;
};

}  // namespace spillway::sim
