#pragma once

#include "scheduler_sim/filter.h"

namespace spillway::sim {

// The zone and region labels of the volumes that a Pod's claims are bound to must hold the node's own; labels with the
// old, beta names match new ones on the node. Nodes without any such label take every volume. Ephemeral volumes are not
// looked at.
//
// Source: kube-scheduler plugins/volumezone, 1.30 to 1.36. Cost: one AND per 64 nodes for each volume with such labels.
class VolumeZone final : public Filter {
 public:
  std::string_view name() const override { return "VolumeZone"; }
  bool is_about_volumes() const override { return true; }
  Scope scope() const override { return Scope::kObjects; }
  PreFilterResult PreFilter(const Question& question) const override;
  void Narrow(const Question& question, NodeSet& alive, Tally& tally) const override;
  bool Admits(const Question& question, NodeIndex node) const override;
  std::vector<std::string> Explain(const Question& question, NodeIndex node) const override;
};

}  // namespace spillway::sim
