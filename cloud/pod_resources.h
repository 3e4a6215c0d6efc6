#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "kube/api/quantity.h"

namespace spillway::cloud {

using ResourceAmounts = std::map<std::string, kube::Quantity>;

// What a Pod asks of its node: containers summed, init containers maxed with the sidecars before them, pod-level
// requests in place of the sum, overhead on top. Malformed quantities count as absent: the API server lets none
// through. Source: component-helpers resource/helpers.go PodRequests, v1.33 to v1.36, as kubelet admission uses it.
ResourceAmounts PodRequests(const nlohmann::json& pod);

}  // namespace spillway::cloud
