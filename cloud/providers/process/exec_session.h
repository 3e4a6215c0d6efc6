#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "base/fd_watcher.h"
#include "base/scope.h"
#include "cloud/files.h"
#include "cloud/providers/process/command.h"
#include "cloud/streams.h"

namespace spillway::cloud {

// Waits for children that nobody waits for any more, so that none stays a zombie.
class Reaper {
 public:
  Reaper(Runtime& runtime, FdWatcher& watcher) : watcher_(watcher), flows_(runtime) {}
  void Take(pid_t pid, UniqueFd pidfd) { flows_.Spawn(Wait(pid, std::move(pidfd))); }

 private:
  Task<void> Wait(pid_t pid, UniqueFd pidfd);
  FdWatcher& watcher_;
  TaskScope flows_;
};

struct ExecPlan {
  Command command;
  std::string work_dir;
  bool has_input = false, is_terminal = false;
  pid_t join = 0;  // runs in the namespaces of this process; 0: in those of the agent
  UniqueFd owner;  // a pidfd: it ends when that process does; not open: it has none
};

// Runs a command beside a container's own, in a session of its own, with pipes or with a terminal. A command that
// cannot be started is one that ends at once, with 126 or 127 as shells have it. Watcher and reaper outlive the
// session.
//
// It is below a guard, a child of this process: when the command ends, or its owner does, so does all that it has
// started, whatever session or group that is in, and whether this process still lives or not.
Result<std::unique_ptr<ContainerSession>> StartExec(FdWatcher& watcher, Reaper& reaper, const ExecPlan& plan);
// One that ends at once: says `text` on `stream`.
std::unique_ptr<ContainerSession> EndedSession(OutputStream stream, std::string text, int exit_code);

// Reads what there is, at most 64 KiB, waiting for it if there is nothing; none: the end, or `ended` is readable and
// nothing is left. `fd` does not block.
Task<std::string> ReadWhenReady(FdWatcher& watcher, int fd, int ended);
// Writes all; false when nobody reads it.
Task<bool> WriteWhenReady(FdWatcher& watcher, int fd, std::string bytes);

}  // namespace spillway::cloud
