#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "cloud/json.h"
#include "cloud/provider.h"

// What a kubelet would write into a Pod's status; pure.
//
// Source: kubelet kubelet_pods.go (getPhase, convertStatusToAPIStatus), status/generate.go, v1.33 to v1.36.
namespace spillway::cloud {

// What the agent itself has to say about a Pod, whatever its instance shows. Empty members: nothing.
struct PodRemark {
  std::string phase;            // "Failed": decided here, not by containers
  std::string reason, message;  // status.reason and status.message
  // Why no container runs yet: "ContainerCreating" when empty, "CreateContainerConfigError", ...
  std::string waiting_reason, waiting_message;
  bool operator==(const PodRemark&) const = default;
};

// A resize that does not happen.
struct PendingResize {
  std::string message;
  Json resources;  // by container: what it goes on with
};

struct StatusInputs {
  const Instance* instance = nullptr;  // null: there is none (yet, or any more)
  PodRemark remark;
  std::string host_ip;  // for a Pod that has none yet: a recorded one stays, wherever the agent has moved
  WallTime now{};
  std::string no_ephemeral_containers;  // why they do not start
  std::optional<PendingResize> resize;
};

// The members of status that a kubelet owns, from the Pod as the API server has it. Phases go forward only: a Pod that
// ran is never Pending again, and one that has ended keeps phase, reason and message, and what it says of containers
// that have ended, whoever wrote it. Conditions keep their lastTransitionTime unless they change; those of others are
// not in it.
Json PodStatus(const Json& pod, const StatusInputs& inputs);

// The patch that writes `status`. Lists that a strategic merge would merge by key are replaced: an address that is no
// more would stay beside the new one, and the API server refuses two. Conditions do merge: others own some.
Json StatusPatch(Json status);

// Whether the API server's `status` says all that `wanted` does, but for what some API servers drop. Null in `wanted`
// means absent, and so does a condition with the directive to delete it.
bool Covers(const Json& status, const Json& wanted);

bool IsTerminalPhase(std::string_view phase);
// Whether any container of the Pod has been seen running.
bool HasStarted(const Json& pod);

// A change a user would want to read about, by kubelet's words: Pulled, Created, Started, BackOff, Failed.
struct ContainerEvent {
  bool is_warning = false;
  std::string container, reason, message;
};
// What has happened to containers between two statuses of one Pod.
std::vector<ContainerEvent> ContainerEvents(const Json& pod, const Json& before, const Json& after);

}  // namespace spillway::cloud
