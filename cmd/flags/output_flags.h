#pragma once

#include "base/result.h"
#include "cmd/flags/flags.h"

// How a question is answered: -o.
namespace spillway::cmd {

inline constexpr FlagGroup kOutputFlags = {"Output", "cmd/flags/output_flags.cc"};

// kInvalidArgument for anything but "table" and "json".
Result<bool> WantsJson();

}  // namespace spillway::cmd
