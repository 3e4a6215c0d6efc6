#pragma once

#include <string>

#include "sandbox/standins/objects.h"

namespace spillway::sandbox {

// The statuses that a kubelet writes in the life of a Pod. `pod` is the whole object; its status is edited.

// Containers waiting with reason ContainerCreating.
void SetCreating(Json& pod, const std::string& host_ip, WallTime now);
// All containers running and ready.
void SetRunning(Json& pod, const std::string& ip, const std::string& host_ip, WallTime now);
// All containers terminated with `exit_code`; phase Succeeded or Failed.
void SetEnded(Json& pod, int exit_code, WallTime now);

}  // namespace spillway::sandbox
