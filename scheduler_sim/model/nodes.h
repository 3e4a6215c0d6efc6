#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kube/api/capabilities.h"
#include "kube/api/objects.h"
#include "scheduler_sim/cluster.h"
#include "scheduler_sim/model/node_set.h"
#include "scheduler_sim/model/outage.h"
#include "scheduler_sim/model/usage.h"

namespace spillway::sim {

// What a virtual node says that it can run, in its annotations.
struct VirtualOffer {
  std::string capabilities_text, largest_text;  // as they are there
  bool foreign = false;                         // it says nothing: capabilities are what is assumed
  kube::Capabilities capabilities;
  std::vector<kube::LargestInstance> largest;  // none: any size
  std::string unreadable;                      // what is wrong with the annotation of the largest
};

// A name that has a Node object, or that Pods are bound or nominated to. Without the object it takes no Pods, but
// those that came early, or stay behind, count again the moment it appears.
struct NodeRecord {
  std::string name, uid;
  bool exists = false;
  bool ready = false, unschedulable = false, cloud_unreachable = false;
  NodeRole role = NodeRole::kReal;
  kube::StringMap labels;
  std::vector<kube::Taint> taints;
  std::vector<std::string> declared_features;
  std::shared_ptr<const VirtualOffer> offer;                                // of virtual nodes
  std::int64_t milli_cpu = 0, memory = 0, ephemeral_storage = 0, pods = 0;  // allocatable
  std::vector<std::pair<ResourceId, std::int64_t>> scalars;
  std::uint64_t rank = 0;        // orders names
  std::uint32_t references = 0;  // Pods bound or nominated
  PodIndex first_pod;

  // It has some of the resource, in use or not.
  bool Offers(ResourceId resource) const;
  // It says how much it has of the resource, if only that it has none.
  bool Declares(ResourceId resource) const;
};

// spec.nodeSelector and required node affinity, and the nodes they match.
struct NodeRule {
  kube::StringMap selector;
  std::optional<kube::NodeSelector> affinity;
  // Every term names its nodes (metadata.name In ...), as DaemonSet Pods do: judged on those nodes alone, `matches`
  // unused.
  bool pinned = false;
  std::vector<std::string> pinned_to;
  NodeSet matches;

  bool Matches(const NodeRecord& node) const;
};

// A list of tolerations, and the nodes whose NoSchedule and NoExecute taints it tolerates.
struct TolerationRule {
  std::vector<kube::Toleration> tolerations;
  bool tolerates_cordon = false;
  std::array<NodeSet, 3> tolerated_if;  // by Suppose

  const NodeSet& tolerated(Suppose suppose) const { return tolerated_if[static_cast<std::size_t>(suppose)]; }
  void Judge(NodeIndex index, const NodeRecord& node);
};

// The first NoSchedule or NoExecute taint that no toleration matches; nullptr when all are tolerated.
const kube::Taint* FirstUntolerated(const std::vector<kube::Taint>& taints,
                                    const std::vector<kube::Toleration>& tolerations,
                                    Suppose suppose = Suppose::kNothing);

}  // namespace spillway::sim
