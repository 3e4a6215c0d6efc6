#pragma once

#include <string>
#include <vector>

#include "cloud/provider.h"

namespace spillway::cloud {

// The instances under a ProcessProvider's state_dir by what is written there, for those who only look: no lock is
// tried, since that could be in the way of whoever runs them. What of them runs is not known that way: they are
// kRunning, or kTerminating when they have been asked to go. Unfinished ones are left out.
std::vector<Instance> ReadProcessInstances(const std::string& state_dir);

}  // namespace spillway::cloud
