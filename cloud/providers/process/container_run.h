#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/result.h"
#include "cloud/files.h"
#include "cloud/provider.h"
#include "cloud/providers/process/command.h"

namespace spillway::cloud {

// The runs of one container, in a directory of their own:
//
//   lock               held by the shim of the current run
//   run                "<attempt> <started, ns>", written before the shim is forked
//   pid.<n>            the shim's, written by it before it starts the command
//   exit.<n>           how run n ended
//   log.<n>, oldlog.<n>
//
// A run is under way exactly as long as the lock is held, so no run is ever started twice, not even by two agents, and
// process numbers used again deceive nobody.
class ContainerRun {
 public:
  ContainerRun(std::string directory, std::size_t log_limit);

  // Finds what an agent before this one left. True when the container has ever been started.
  bool Recover();
  // Starts the next run. kConflict: one is still under way.
  Status Start(const Command& command, const std::string& work_dir, WallTime now);
  // Looks without waiting; true when the run has just been seen to end.
  bool Poll(WallTime now);

  bool is_running() const { return running_; }
  int attempt() const { return attempt_; }  // 0 is the first
  WallTime started_at() const { return started_at_; }
  const std::optional<Termination>& ended() const { return ended_; }
  void Signal(int shim_signal) const;  // SIGTERM, or SIGUSR1 to kill
  // nullopt: there was no such run.
  std::optional<std::string> RawLog(bool previous) const;

 private:
  std::string Path(const char* kind) const;
  std::string Path(const char* kind, int attempt) const;
  void ReadEnd(WallTime now);

  std::string directory_;
  std::size_t log_limit_;
  int attempt_ = -1;
  WallTime started_at_{};
  bool running_ = false;
  pid_t child_ = 0;  // the shim, if this process forked it
  UniqueFd shim_;    // a pidfd; not open while an adopted shim has not told its number
  std::optional<Termination> ended_;
};

}  // namespace spillway::cloud
