#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cloud/agent/pod_inputs.h"
#include "cloud/agent/resource_field.h"

// The environment of a Pod's containers, as kubelet makes it; pure.
//
// Source: kubelet kubelet_pods.go makeEnvironmentVariables, v1.33 to v1.36.
namespace spillway::cloud {

struct ResolvedPod {
  Json pod;  // env of literal values only, command, args and subPathExpr expanded; see CreateRequest::pod
  std::vector<InputNotice> notices;
};
// The error is why it cannot be: a mandatory reference that leads nowhere. `services` are variables that each container
// gets unless it defines them itself; `node` is what a container without limits has.
InputResult<ResolvedPod> ResolveEnvironment(const Json& pod, const Inputs& inputs, const std::string& host_ip,
                                            const std::vector<std::pair<std::string, std::string>>& services = {},
                                            const NodeAmounts& node = {});

}  // namespace spillway::cloud
