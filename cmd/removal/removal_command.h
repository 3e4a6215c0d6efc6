#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cmd/flags/flags.h"
#include "cmd/removal/removal.h"

// What `agent retire` and `agent forget` have in common: --selector, --keep, --timeout, and a client.
namespace spillway::cmd {

inline constexpr FlagGroup kRemovalFlags = {"Virtual nodes to take away", "cmd/removal/removal_command.cc"};

// The flags as a Removal, once they are parsed. The error says which one lacks.
Result<Removal> RemovalFromFlags();
// Runs `work` against the cluster that the flags name, and prints why it failed. The process's exit code.
int RunRemoval(std::string_view subcommand, Removal removal,
               const std::function<Task<Status>(kube::Client&, Removal)>& work);

}  // namespace spillway::cmd
