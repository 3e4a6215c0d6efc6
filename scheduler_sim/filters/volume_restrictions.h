#pragma once

#include "scheduler_sim/filter.h"

namespace spillway::sim {

// Disks named in the Pod itself that a node can mount once only: the same GCE disk, RBD image or iSCSI target unless
// every Pod reads only, the same EBS volume always. And a claim with access mode ReadWriteOncePod that a placed Pod
// uses keeps all nodes from every other Pod.
//
// Source: kube-scheduler plugins/volumerestrictions, 1.30 to 1.36. Nominated Pods count against ReadWriteOncePod by the
// claim's name alone, whatever their namespace, and only if something else makes the plugin look at all. Cost: one AND
// per 64 nodes for each disk in use that conflicts.
class VolumeRestrictions final : public Filter {
 public:
  std::string_view name() const override { return "VolumeRestrictions"; }
  bool is_about_volumes() const override { return true; }
  Scope scope() const override { return Scope::kVolumes; }
  PreFilterResult PreFilter(const Question& question) const override;
  void Narrow(const Question& question, NodeSet& alive, Tally& tally) const override;
  bool Admits(const Question& question, NodeIndex node) const override;
  std::vector<std::string> Explain(const Question& question, NodeIndex node) const override;

  // The volumes of nominated Pod `nominated`, added to (1) or taken from (-1) what the question's Pod sees of claims.
  // `base` is the usage without nominated Pods.
  static void ChangeNominated(const Cluster::Model& model, const VolumeUse& pod, const Usage& base,
                              const VolumeUse& nominated, std::int32_t change, VolumeUsage& usage);
};

}  // namespace spillway::sim
