#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "cloud/files.h"
#include "cloud/provider.h"
#include "cloud/providers/process/command.h"
#include "cloud/providers/process/container_log.h"
#include "cloud/providers/process/isolation.h"

namespace spillway::cloud {

// kAttachable: a FIFO, whose end is told by SIGUSR2 to the shim.
enum class StandardInput : std::uint8_t { kEmpty, kAttachable };

struct RunPlan {
  Command command;
  std::string work_dir;
  StandardInput input = StandardInput::kEmpty;
  std::optional<Isolation> isolation;  // none: it sees the machine as it is
};

// The reason of a run whose command could not be executed; its exit code is 128. Source: containerd, cri/server.
inline constexpr const char* kStartError = "StartError";

// The runs of one container, in a directory of their own:
//
//   lock               held by the shim of the current run and its keeper
//   run                "<attempt> <started, ns>", written before the shim is forked
//   pid.<n>            the shim's, written by it before it starts the command
//   command.<n>        the command's number, written once it is executed
//   error.<n>          why its command could not be executed, before exit.<n>
//   exit.<n>           how run n ended
//   message.<n>        what it has to say about that (terminationMessagePath)
//   log.<n>, oldlog.<n>
//   input.<n>          a FIFO, if its standard input may be attached to
//
// A run is under way as long as the lock is held, so no run is ever started twice, not even by two agents, and process
// numbers used again deceive nobody. One whose end nobody has written down is also under way until nothing with the
// container's mark is left.
class ContainerRun {
 public:
  ContainerRun(std::string directory, std::size_t log_limit);

  // Finds what an agent before this one left. True when the container has ever been started.
  bool Recover();
  // Starts the next run. kConflict: one is still under way.
  Status Start(const RunPlan& plan, WallTime now);
  // The next run is over before it began.
  Status FailToStart(const std::string& why, WallTime now);
  // A file that is there, for the next run to write its last message to.
  std::string NextMessagePath() const;
  // Looks without waiting; true when the run has just been seen to end.
  bool Poll(WallTime now);

  bool is_running() const { return running_; }
  int attempt() const { return attempt_; }  // 0 is the first
  WallTime started_at() const { return started_at_; }
  const std::optional<Termination>& ended() const { return ended_; }
  void Signal(int shim_signal) const;  // SIGTERM, SIGUSR1 to kill, SIGUSR2 to end its input
  // Of the current run; 0 when there is none.
  pid_t ShimPid() const;
  // A pidfd of its shim; not open: it is not known yet, or there is none.
  UniqueFd WatchShim() const;
  // The command of the current run; 0 while it is not executed yet.
  pid_t CommandPid() const;
  // The writing end of the current run's standard input; not open when it has none.
  UniqueFd OpenInput() const;
  // What run `attempt` has written from position `from` on.
  RunLog ReadLog(int attempt, std::optional<std::uint64_t> from) const;
  bool is_over(int attempt) const { return attempt < attempt_ || (attempt == attempt_ && !running_); }

 private:
  std::string Path(const char* kind) const;
  std::string Path(const char* kind, int attempt) const;
  bool IsHeld() const;
  // Nothing of the current run, whose lock is free, is left. Else that has just been killed: ask again.
  bool IsSwept();
  // Its number and beginning are on disk, and nothing of any other run with that number.
  Status NoteRun(int attempt, WallTime now);
  void ReadEnd(WallTime now);

  std::string directory_;
  std::size_t log_limit_;
  int attempt_ = -1;
  WallTime started_at_{};
  bool running_ = false, is_stuck_ = false;
  pid_t child_ = 0;  // the shim, if this process forked it
  UniqueFd shim_;    // a pidfd; not open while an adopted shim has not told its number
  std::optional<Termination> ended_;
};

}  // namespace spillway::cloud
