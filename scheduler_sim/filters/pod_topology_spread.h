#pragma once

#include "scheduler_sim/filter.h"

namespace spillway::sim {

// Constraints with whenUnsatisfiable=DoNotSchedule: with the incoming Pod, a node's domain may have at most maxSkew
// more matching Pods than the emptiest domain. Only nodes that have all the topology keys, and match the Pod's node
// affinity (unless told otherwise) and taints (if told so), make a domain and count. Terminating Pods do not count.
//
// Source: kube-scheduler plugins/podtopologyspread/filtering.go, 1.30 to 1.36. Cost: a lookup per node and constraint;
// the counts and their minimum are kept by deltas.
class PodTopologySpread final : public Filter {
 public:
  std::string_view name() const override { return "PodTopologySpread"; }
  Scope scope() const override { return Scope::kTopology; }
  void Narrow(const Question& question, NodeSet& alive, Tally& tally) const override;
  bool Admits(const Question& question, NodeIndex node) const override;
  std::vector<std::string> Explain(const Question& question, NodeIndex node) const override;
  std::vector<Objection> Object(const Question& question, NodeIndex node) const override;
};

}  // namespace spillway::sim
