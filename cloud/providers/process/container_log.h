#pragma once

#include <string>
#include <string_view>

#include "base/time.h"
#include "cloud/provider.h"

namespace spillway::cloud {

// What the shim wrote ("<nanoseconds> <text>" lines), as `kubectl logs` wants it. A last line without an end is kept
// so.
std::string RenderLog(std::string_view raw, const LogOptions& options, WallTime now);

}  // namespace spillway::cloud
