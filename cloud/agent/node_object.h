#pragma once

#include <string>
#include <vector>

#include "base/time.h"
#include "cloud/agent/options.h"
#include "cloud/json.h"

// The agent's Node and Lease as JSON; pure.
namespace spillway::cloud {

// Everything the agent says about its Node outside of status. NodeRestriction forbids a kubelet's identity the label
// that makes `kubectl get nodes` print the role: RoleLabel::kLeftOut.
enum class RoleLabel : std::uint8_t { kIncluded, kLeftOut };
Json NewNode(const AgentOptions& options, const std::string& provider, const std::vector<std::string>& unsupported,
             RoleLabel role);

// A strategic merge patch that puts back what of NewNode() is missing or different in `node`; null when nothing is.
// What others have added (labels, annotations, taints, cordon) is left alone.
Json NodeRepair(const Json& node, const Json& wanted);

// Why the node cannot take Pods at the moment; empty members: it can.
struct NodeTrouble {
  std::string reason, message;
};
// A strategic merge patch of status: conditions keep their lastTransitionTime in `node` unless they change, and
// conditions of others stay.
Json NodeStatusPatch(const AgentOptions& options, const Json& node, const NodeTrouble& trouble, WallTime now);

Json NewLease(const AgentOptions& options, const std::string& node_uid, WallTime now);

}  // namespace spillway::cloud
