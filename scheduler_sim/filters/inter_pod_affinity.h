#pragma once

#include "scheduler_sim/filter.h"

namespace spillway::sim {

// Required inter-Pod affinity and anti-affinity. A node must be in a domain (same value of the term's topology key)
// with a Pod that matches all of the incoming Pod's affinity terms; in none with a Pod that matches one of its
// anti-affinity terms; and in none with a Pod whose own anti-affinity matches the incoming one. The first Pod of a
// group that has affinity to itself may go anywhere. Terminating Pods count.
//
// Source: kube-scheduler plugins/interpodaffinity/filtering.go, 1.30 to 1.36; for namespace selectors of the incoming
// Pod see Semantics::namespace_selector_sees_no_labels. Cost: a lookup per node and term; the counts are kept by
// deltas.
class InterPodAffinity final : public Filter {
 public:
  std::string_view name() const override { return "InterPodAffinity"; }
  Scope scope() const override { return Scope::kTopology; }
  void Narrow(const Question& question, NodeSet& alive, Tally& tally) const override;
  bool Admits(const Question& question, NodeIndex node) const override;
  std::vector<std::string> Explain(const Question& question, NodeIndex node) const override;
  std::vector<Objection> Object(const Question& question, NodeIndex node) const override;
};

}  // namespace spillway::sim
