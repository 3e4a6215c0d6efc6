#include "cloud/restart_policy.h"

#include <algorithm>

namespace spillway::cloud {
namespace {
constexpr Duration kFirstPause = 10s;
constexpr Duration kLongestPause = 5min;
constexpr Duration kStableRun = 10min;
}  // namespace

bool RestartsAfter(std::string_view restart_policy, int exit_code) {
  if (restart_policy == "Never") return false;
  if (restart_policy == "OnFailure") return exit_code != 0;
  return true;
}

bool InitRestartsAfter(std::string_view restart_policy, int exit_code) {
  return exit_code != 0 && restart_policy != "Never";
}

Duration CrashBackoff::Next(Duration ran) {
  if (ran >= kStableRun) pause_ = 0s;
  const Duration now = pause_;
  pause_ = pause_ == 0s ? kFirstPause : std::min(2 * pause_, kLongestPause);
  return now;
}

}  // namespace spillway::cloud
