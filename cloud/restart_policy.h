#pragma once

#include <string_view>

#include "base/time.h"

namespace spillway::cloud {

// Whether kubelet would start a container again. An unknown policy is Always, the API's default.
// Source: kubelet/container/helpers.go ShouldContainerBeRestarted, v1.33 to v1.36.
bool RestartsAfter(std::string_view restart_policy, int exit_code);
// An init container that succeeded is done; one that failed is started again unless the policy is Never.
bool InitRestartsAfter(std::string_view restart_policy, int exit_code);

// kubelet's pause before it starts a crashed container again: none after the first end, then 10 s, doubled up to 5
// minutes; forgotten once a run lasted 10 minutes.
class CrashBackoff {
 public:
  // The pause after a run that lasted `ran`.
  Duration Next(Duration ran);

 private:
  Duration pause_{0};
};

}  // namespace spillway::cloud
