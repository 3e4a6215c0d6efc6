#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <vector>

#include "base/result.h"
#include "cloud/providers/process/isolation.h"

namespace spillway::cloud {

// One run of one container's command, ready to be started. Paths are absolute.
struct ShimPlan {
  std::string executable;
  std::vector<std::string> arguments;    // argv, the program's name first
  std::vector<std::string> environment;  // "NAME=value": all of it
  std::string work_dir;                  // as the command sees it
  const Isolation* isolation = nullptr;  // outlives the call; null: it sees the machine as it is
  std::string pid_path, command_path, log_path, old_log_path, error_path, exit_path;
  std::string input_path;  // a FIFO, from which it reads; empty: from nothing
  int lock_fd = -1;        // held by the shim and its keeper, and by nothing else, for as long as one of them lives
  std::size_t log_limit = 0;
};

// Forks a shim: a small process of its own session that starts the command as its child, takes its output and writes
// down how it ended. It outlives the agent, so that a new agent finds what ran and how it ended. Returns its pid; the
// caller reaps it.
//
// The command runs in its own session and process group, with the default signal handling, standard output and error on
// one pipe, and no other descriptor. Its standard input is empty, or a FIFO whose other end the shim holds as well, so
// that it does not end when a writer goes, until SIGUSR2. If the shim is killed, so is the command with all that it has
// started, by the keeper between them, and the lock is held until that is done.
//
// To the shim: SIGTERM and SIGUSR1 send SIGTERM and SIGKILL to the command's process group. When the command ends, so
// does all that it has started, whatever session or group that is in. Log lines carry "<nanoseconds since 1970> " in
// front; past log_limit bytes the log moves to old_log_path and begins anew; the first line of a log says how much was
// written before it. Why the command could not be executed is in the error file, in runc's words. The exit file holds
// "<code> <signal> <nanoseconds>" and appears whole.
//
// The command's number is in command_path as soon as it is executed, in the namespaces of its own if there are any.
//
// Everything after the fork is async-signal-safe, for the agent has threads.
Result<pid_t> StartShim(const ShimPlan& plan);

}  // namespace spillway::cloud
