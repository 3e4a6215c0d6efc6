#pragma once

#include "scheduler_sim/filter.h"

namespace spillway::sim {

// A node must match the affinity that the profile adds to all its Pods (NodeAffinityArgs.addedAffinity), all of
// spec.nodeSelector, and at least one term of required node affinity. When every term of the Pod's own names nodes
// (metadata.name In ..., as DaemonSet Pods have it), only those are looked at, and all others are rejected by the
// PreFilter.
//
// Source: kube-scheduler plugins/nodeaffinity, 1.30 to 1.36. Cost: one AND per 64 nodes, or the named nodes alone.
class NodeAffinity final : public Filter {
 public:
  std::string_view name() const override { return "NodeAffinity"; }
  Scope scope() const override { return Scope::kObjects; }
  PreFilterResult PreFilter(const Question& question) const override;
  void Narrow(const Question& question, NodeSet& alive, Tally& tally) const override;
  bool Admits(const Question& question, NodeIndex node) const override;
  std::vector<std::string> Explain(const Question& question, NodeIndex node) const override;
  std::vector<Objection> Object(const Question& question, NodeIndex node) const override;
};

}  // namespace spillway::sim
