#pragma once

#include <gflags/gflags.h>

#include "cmd/flags/flags.h"

// Where a running controller is asked: --service, --url.
DECLARE_string(service);
DECLARE_string(url);

namespace spillway::cmd {

inline constexpr FlagGroup kLiveFlags = {"Running controller", "cmd/flags/live_flags.cc"};

}  // namespace spillway::cmd
