#pragma once

#include <string>
#include <vector>

#include "cloud/agent/context.h"
#include "cloud/agent/pod_inputs.h"
#include "cloud/agent/pod_volumes.h"

namespace spillway::cloud {

// What is asked for, but for its token.
struct ResolvedRequest {
  CreateRequest request;
  std::string digest;  // RequestDigest()
  std::vector<InputNotice> notices;
  Tokens tokens;  // that its files hold
};
// Reads all that the Pod refers to and makes of it what a provider gets. The error is what the user has to be told; an
// empty reason: the API server does not answer, try again.
Task<InputResult<ResolvedRequest>> ResolveRequest(AgentContext& context, Json pod, std::string host_ip);

// The Pod's volumes as they are now, for an instance that runs. Of `tokens` those that are due are replaced.
Task<InputResult<std::vector<PodVolume>>> ResolveCurrentVolumes(AgentContext& context, Json pod, Tokens& tokens);

}  // namespace spillway::cloud
