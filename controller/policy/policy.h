#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "controller/policy/limits.h"
#include "controller/policy/restrictions.h"
#include "scheduler_sim/spread_balancer.h"

namespace spillway::controller {

// What makes a Pod that fits nowhere a case for overflow.
enum class Trigger : std::uint8_t {
  // At least one real node lacks resources for it or is lost to it (not ready, cordoned, ...), or there is no real
  // node.
  kInsufficientResources,
  kAny,  // whatever the reasons
};

// What is made of decisions.
enum class Mode : std::uint8_t {
  kEnforce,
  kDryRun,  // decided and told, nothing is bound
  kOff,     // nothing is decided
};
std::string_view ToString(Mode mode);  // "Enforce", as the configuration has it

// How AUTO_SCALE_EKS of a Pod and of the cluster add up, see switches.h.
enum class SwitchTable : std::uint8_t {
  kCoherent,  // the Pod's wins where it is set
  kBrief,     // a Pod's "false" is nothing that the cluster's does not say
};

enum class NodeAutoscaler : std::uint8_t {
  kIgnore,
  kDefer,  // it gets Policy::node_autoscaler_deadline to bring a node
};

// Who may overflow, when, where and how much. Values only. Flags give them; the configuration object may change them at
// run time, all at once (configuration.h).
struct Policy {
  Mode mode = Mode::kEnforce;
  std::string mode_set_in = "--dry-run";  // for texts
  std::vector<std::string> scheduler_names = {"default-scheduler"};
  std::vector<std::string> exclude_namespaces = {"kube-system"};
  std::string exclude_namespaces_set_in = "--exclude-namespaces";
  std::vector<std::string> overflow_taints;                    // sim::SpreadOptions::overflow_taints
  std::string virtual_node_selector = "type=virtual-kubelet";  // for texts
  Trigger trigger = Trigger::kInsufficientResources;
  // A verdict must have stood this long before it is acted on.
  Duration pending_grace = std::chrono::seconds(2);
  // So long Pods wait for a real node that would take them, if only it were ready: from when it became not ready, or
  // came, and no longer than this in all. At most NodeReturns::kLongest.
  Duration node_return_grace = std::chrono::seconds(60);

  // So long a virtual node may refuse a Pod before it is evicted, see fail_over.h; 0: none is.
  Duration virtual_grace{0};

  SwitchTable auto_scale_eks_table = SwitchTable::kCoherent;
  std::string auto_scale_eks_config = "kube-system/eks-config";  // namespace/name; for texts

  Restrictions restrictions;
  Limits limits;
  std::vector<sim::SpreadPool> pools;  // in order of preference, see sim::SpreadOptions
  NodeAutoscaler node_autoscaler = NodeAutoscaler::kIgnore;
  std::string node_autoscaler_set_in = "--node-autoscaler";
  Duration node_autoscaler_deadline = std::chrono::minutes(3);
};

}  // namespace spillway::controller
