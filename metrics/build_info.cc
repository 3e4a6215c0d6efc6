#include "metrics/build_info.h"

#include <fmt/core.h>

#ifndef SPILLWAY_VERSION
#define SPILLWAY_VERSION "0.1.0"
#endif
#ifndef SPILLWAY_REVISION
#define SPILLWAY_REVISION "unknown"
#endif

namespace spillway::metrics {

const BuildInfo& GetBuildInfo() {
#ifdef __clang__
  static const BuildInfo info{SPILLWAY_VERSION, SPILLWAY_REVISION, "clang " __clang_version__};
#else
  static const BuildInfo info{SPILLWAY_VERSION, SPILLWAY_REVISION, "g++ " __VERSION__};
#endif
  return info;
}

std::string VersionLine() {
  const BuildInfo& info = GetBuildInfo();
  return fmt::format("spillway {} (revision {}, {})", info.version, info.revision, info.compiler);
}

}  // namespace spillway::metrics
