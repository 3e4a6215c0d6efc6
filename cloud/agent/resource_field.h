#pragma once

#include <map>
#include <optional>
#include <string>

#include "cloud/json.h"

namespace spillway::cloud {

// What the node offers, as quantities by resource: AgentOptions::capacity.
using NodeAmounts = std::map<std::string, std::string>;

// The value of an env resourceFieldRef: requests.cpu, limits.memory, ... of `container` or of the one it names, divided
// by its divisor and rounded up. A limit of cpu, memory or ephemeral-storage that is not set is what the node has, 0 if
// that is not known. nullopt when the resource or divisor is none that kubelet knows.
//
// Source: component-helpers resource/helpers.go ExtractResourceValueByContainerNameAndNodeAllocatable, v1.33 to v1.36.
std::optional<std::string> ResourceField(const Json& pod, const Json& container, const Json& ref,
                                         const NodeAmounts& node);

}  // namespace spillway::cloud
