#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"

namespace spillway::controller {

// What makes a Pod that fits nowhere a case for overflow.
enum class Trigger : std::uint8_t {
  // At least one real node lacks resources for it or is lost to it (not ready, cordoned, ...), or there is no real
  // node.
  kInsufficientResources,
  kAny,  // whatever the reasons
};

// Who may overflow, and when. Values only; filled from flags.
struct Policy {
  std::vector<std::string> scheduler_names = {"default-scheduler"};
  std::vector<std::string> exclude_namespaces = {"kube-system"};
  std::vector<std::string> overflow_taints;                    // sim::SpreadOptions::overflow_taints
  std::string virtual_node_selector = "type=virtual-kubelet";  // for texts
  Trigger trigger = Trigger::kInsufficientResources;
  // A verdict must have stood this long before it is acted on.
  Duration pending_grace = std::chrono::seconds(2);
  // So long Pods wait for a real node that would take them, if only it were ready: from when it became not ready, or
  // came, and no longer than this in all. At most NodeReturns::kLongest.
  Duration node_return_grace = std::chrono::seconds(60);
};

}  // namespace spillway::controller
