#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "cloud/agent/options.h"
#include "cloud/capabilities.h"
#include "cloud/json.h"

// The agent's Node and Lease as JSON; pure.
namespace spillway::cloud {

// Everything the agent says about its Node outside of status. NodeRestriction forbids a kubelet's identity the label
// that makes `kubectl get nodes` print the role: RoleLabel::kLeftOut.
enum class RoleLabel : std::uint8_t { kIncluded, kLeftOut };
Json NewNode(const AgentOptions& options, const std::string& provider, const ProviderCapabilities& capabilities,
             RoleLabel role);

// What the node tells of its cloud.
struct CloudView {
  enum class State : std::uint8_t {
    kUnheard,      // it has not answered yet
    kReachable,    // it answers, and knows us
    kUnreachable,  // it had its time
  };
  State state = State::kUnheard;
  std::string reason, message;  // of kUnreachable
  bool has_answered = false;    // once
  bool operator==(const CloudView&) const = default;
};

// How many instances of this node a complete listing, asked for at that time, has shown in the cloud: those that are
// going and those that have ended included. With none left, and none wanted since, the node may be taken away.
struct InstancesLeft {
  std::size_t count = 0;
  WallTime observed_at{};
};
// The Node's annotation that says so: {"count":3,"observedAt":"2026-11-30T08:00:00Z"}.
inline constexpr const char* kInstancesLeft = "spillway.io/instances";

// Strategic merge patches that put back what of NewNode() is missing or different in `node`; null when nothing is. What
// others have added (labels, annotations, taints, cordon) is left alone.
Json MetadataRepair(const Json& node, const Json& wanted);
// The list of taints is written as a whole, so the patch is good for this version of `node` only. While the cloud is
// unreachable it has one more: spillway.io/cloud-unreachable:NoSchedule.
Json TaintRepair(const Json& node, const Json& wanted, const CloudView& cloud);

// A strategic merge patch of status, and of the annotation of the instances left where that is known: writes of status
// carry annotations too. Conditions keep their lastTransitionTime in `node` unless they change, and
// conditions of others stay. A node that was never ready is not before its cloud has answered; after that it stays so
// whatever the cloud does, for a node that is not ready loses its Pods: CloudReachable tells of trouble.
Json NodeStatusPatch(const AgentOptions& options, const Json& node, const CloudView& cloud,
                     const std::optional<InstancesLeft>& left, WallTime now);

Json NewLease(const AgentOptions& options, const std::string& node_uid, WallTime now);

}  // namespace spillway::cloud
