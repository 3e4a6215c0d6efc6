#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cmd/flags/flags.h"

// What a question is about: -f. Shared by simulate and explain.
namespace spillway::cmd {

inline constexpr FlagGroup kInputFlags = {"Input", "cmd/flags/input_flags.cc"};

// -f and what follows the flags; empty when neither is given.
std::vector<std::string> InputFiles(std::vector<std::string> arguments);
// A live cluster is asked for: --kubeconfig or --context is given. kInvalidArgument when files are given as well.
Result<bool> WantsCluster(const ParsedFlags& flags, const std::vector<std::string>& files);

}  // namespace spillway::cmd
