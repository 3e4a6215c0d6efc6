#pragma once

#include <sys/types.h>

#include <memory>
#include <set>
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
};

// The commands that run in one instance: leaders of process groups.
using ExecGroup = std::set<pid_t>;

// Runs a command beside a container's own, as a child of this process, in a session of its own, with pipes or with a
// terminal. A command that cannot be started is one that ends at once, with 126 or 127 as shells have it. Watcher and
// reaper outlive the session; it is in `group` while it runs.
Result<std::unique_ptr<ContainerSession>> StartExec(FdWatcher& watcher, Reaper& reaper,
                                                    std::shared_ptr<ExecGroup> group, const ExecPlan& plan);
// One that ends at once: says `text` on `stream`.
std::unique_ptr<ContainerSession> EndedSession(OutputStream stream, std::string text, int exit_code);

// Reads what there is, at most 64 KiB, waiting for it if there is nothing; none: the end, or `ended` is readable and
// nothing is left. `fd` does not block.
Task<std::string> ReadWhenReady(FdWatcher& watcher, int fd, int ended);
// Writes all; false when nobody reads it.
Task<bool> WriteWhenReady(FdWatcher& watcher, int fd, std::string bytes);

}  // namespace spillway::cloud
