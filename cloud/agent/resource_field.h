#pragma once

#include <optional>
#include <string>

#include "cloud/json.h"

namespace spillway::cloud {

// The value of an env resourceFieldRef: requests.cpu, limits.memory, ... of `container` or of the one it names, divided
// by its divisor and rounded up. A limit that is not set is 0: a virtual node has no machine size to fall back on.
// nullopt when the resource or divisor is none that kubelet knows.
//
// Source: kubectl pkg/util/resource ExtractContainerResourceValue, convertResourceCPUToString, v1.33 to v1.36.
std::optional<std::string> ResourceField(const Json& pod, const Json& container, const Json& ref);

}  // namespace spillway::cloud
