#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cloud/json.h"

// What may be changed of a Pod that runs, and is not carried out: no cloud adapter changes an instance; pure.
//
// Source: pkg/apis/core/validation ValidatePodUpdate, ValidatePodResize, ValidatePodEphemeralContainersUpdate, v1.36.
// A changed activeDeadlineSeconds is the agent's own, more tolerations concern nobody here.
namespace spillway::cloud {

// Images and resources of `pod`: those that its instance is made with.
Json UpdatableParts(const Json& pod);
// Those that the instance of a Pod was made with, as far as the Pod tells: the resources that its status says it has,
// else what it asks for now.
Json MadeWith(const Json& pod);

// A change that its instance does not have. Reasons are distinct: "ImageChangeNotSupported", "ResizeInfeasible" (the
// kubelet's), "EphemeralContainerNotSupported".
struct UnmetUpdate {
  std::string reason, message;
  auto operator<=>(const UnmetUpdate&) const = default;
};
// What `pod` has otherwise than `made_with`; and its ephemeral containers, none of which runs. `provider` is its name.
std::vector<UnmetUpdate> UnmetUpdates(const Json& made_with, const Json& pod, std::string_view provider);

// Of UnmetUpdate.
inline constexpr const char* kResizeInfeasible = "ResizeInfeasible";
// A condition of the Pod as long as it asks for other resources than its instance has.
inline constexpr const char* kPodResizePending = "PodResizePending";
// Of UnmetUpdate, and the waiting reason of an ephemeral container in status.
inline constexpr const char* kNoEphemeralContainers = "EphemeralContainerNotSupported";
// Why it does not start.
std::string WhyNoEphemeralContainers(std::string_view provider);

}  // namespace spillway::cloud
