#pragma once

#include "scheduler_sim/filter.h"

namespace spillway::sim {

// A node takes only as many volumes of a CSI driver as its CSINode says. What counts there: the different volumes of
// its Pods and its VolumeAttachments; a claim without a volume counts as one of its class's provisioner. A volume that
// a Pod on the node uses costs a new one nothing; one that is only attached does. In-tree volumes count as those of the
// CSI driver that has taken over.
//
// Source: kube-scheduler plugins/nodevolumelimits/csi.go, 1.30 to 1.36; until 1.35 in-tree Portworx volumes count
// only where the CSINode's annotation lists the plugin. Cost: for each node with limits a look at a counter per driver
// of the Pod's volumes, and a search for the volume among those there.
class NodeVolumeLimits final : public Filter {
 public:
  std::string_view name() const override { return "NodeVolumeLimits"; }
  bool is_about_volumes() const override { return true; }
  Scope scope() const override { return Scope::kVolumes; }
  void Narrow(const Question& question, NodeSet& alive, Tally& tally) const override;
  bool Admits(const Question& question, NodeIndex node) const override;
  std::vector<std::string> Explain(const Question& question, NodeIndex node) const override;
};

}  // namespace spillway::sim
