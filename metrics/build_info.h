#pragma once

#include <string>
#include <string_view>

namespace spillway::metrics {

struct BuildInfo {
  std::string_view version;   // "0.1.0"
  std::string_view revision;  // of the source; "unknown" outside release builds
  std::string_view compiler;
};

const BuildInfo& GetBuildInfo();
// "spillway 0.1.0 (revision unknown, g++ 12.2.0)"
std::string VersionLine();

}  // namespace spillway::metrics
