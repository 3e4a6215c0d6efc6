#pragma once

#include <string>

#include "kube/api/objects.h"

namespace spillway::sim {

// What of this Pod the simulation cannot know, in words for operators; empty when it can judge the Pod. An undecidable
// Pod is left alone: moving it could be wrong in ways nobody would see.
std::string WhyUndecidable(const kube::Pod& pod);

}  // namespace spillway::sim
