#pragma once

#include <nlohmann/json_fwd.hpp>

#include "base/result.h"

namespace spillway::controller {

// Which kube-scheduler belongs to an API server, from its /version: the minor version, 33 to 36, the nearest that the
// simulator knows.
Result<int> SchedulerMinorVersion(const nlohmann::json& version);

}  // namespace spillway::controller
