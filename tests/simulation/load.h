#pragma once

#include <string>

#include "base/result.h"
#include "sandbox/standins/cluster.h"
#include "tests/simulation/scenario.h"

namespace spillway::simulation {

// Carries out one load line as a user of the cluster would; no fault disturbs it. `folder` is the scenario file's, for
// the relative path of a manifest.
Status ApplyLoad(sandbox::SandboxCluster& cluster, const std::string& folder, const Line& load);

}  // namespace spillway::simulation
