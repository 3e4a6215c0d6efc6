#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <vector>

#include "base/result.h"

namespace spillway::cloud {

// One run of one container's command, ready to be started. Paths are absolute.
struct ShimPlan {
  std::string executable;
  std::vector<std::string> arguments;    // argv, the program's name first
  std::vector<std::string> environment;  // "NAME=value": all of it
  std::string work_dir;
  std::string pid_path, log_path, old_log_path, exit_path;
  int lock_fd = -1;  // held by the shim, and by nothing else, for as long as it lives
  std::size_t log_limit = 0;
};

// Forks a shim: a small process of its own session that starts the command as its child, takes its output and writes
// down how it ended. It outlives the agent, so that a new agent finds what ran and how it ended. Returns its pid; the
// caller reaps it.
//
// The command runs in its own session and process group, with the default signal handling, an empty standard input,
// standard output and error on one pipe, and no other descriptor. If the shim is killed, so is the command.
//
// To the shim: SIGTERM and SIGUSR1 send SIGTERM and SIGKILL to the command's process group. When the command ends, what
// is left of its group is killed. Log lines carry "<nanoseconds since 1970> " in front; past log_limit bytes the log
// moves to old_log_path and begins anew. The exit file holds "<code> <signal> <nanoseconds>" and appears whole.
//
// This is the only place in Spillway that forks without an exec of its own: everything after the fork is
// async-signal-safe, for the agent has threads.
Result<pid_t> StartShim(const ShimPlan& plan);

}  // namespace spillway::cloud
