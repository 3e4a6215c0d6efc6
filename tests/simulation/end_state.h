#pragma once

#include <vector>

#include "tests/simulation/world.h"

namespace spillway::simulation {

// What does not hold of virtual nodes, their Pods and the cloud once nothing has disturbed a world for some minutes,
// though it was disturbed before. Read from the store and from the cloud, never from agents:
//
// - one-instance-per-live-pod: every Pod of a virtual node that is to run has exactly one, and never had two at a time
// - status-is-instance: and its status says what that is: phase, address, containers
// - no-orphans: every instance is the one of a Pod, and runs only for one that is to run
// - pods-go: no Pod of a virtual node is still there long after it was to be gone
// - registered: every virtual node is there and Ready, and has the address of its agent and no other
std::vector<Wrong> WrongAtTheEnd(const World& world);

}  // namespace spillway::simulation
