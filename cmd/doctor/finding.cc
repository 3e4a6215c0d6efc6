#include "cmd/doctor/finding.h"

#include <algorithm>

namespace spillway::cmd::doctor {
namespace {

constexpr int kWarnExit = 4, kFailExit = 3;

}  // namespace

std::string_view ToString(Level level) {
  switch (level) {
    case Level::kOk:
      return "OK";
    case Level::kUnknown:
      return "UNKNOWN";
    case Level::kWarn:
      return "WARN";
    case Level::kFail:
      return "FAIL";
  }
  return "?";
}

int ExitCodeOf(const Findings& findings) {
  Level worst = Level::kOk;
  for (const Finding& finding : findings) worst = std::max(worst, finding.level);
  if (worst == Level::kFail) return kFailExit;
  return worst == Level::kWarn ? kWarnExit : 0;
}

}  // namespace spillway::cmd::doctor
