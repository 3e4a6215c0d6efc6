#pragma once

#include <cstdint>

#include "sandbox/standins/objects.h"

namespace spillway::sandbox {

// What a Pod takes from its node, rounded as kube-scheduler and kubelet round.
struct PodRequest {
  std::int64_t milli_cpu = 0, memory = 0;  // bytes
};

// The larger of: the sum over containers (and sidecars), the largest init container beside the sidecars before it. Plus
// overhead. Unreadable quantities count as 0.
PodRequest RequestOf(const Json& pod);

std::int64_t MilliCpu(const Json& quantity);
std::int64_t Bytes(const Json& quantity);

}  // namespace spillway::sandbox
