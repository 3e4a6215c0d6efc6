#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace spillway::cloud {

// A process as /proc/<pid>/stat tells of it.
struct ProcessLine {
  pid_t pid = 0, parent = 0, session = 0;
  bool has_ended = false;           // and was not waited for
  std::uint64_t started_ticks = 0;  // since the machine started: with the number, one process for ever
  std::uint64_t ticks = 0, pages = 0;
};
// nullopt: there is none.
std::optional<ProcessLine> ReadProcess(pid_t pid);
// All of this machine that are seen from here.
std::vector<ProcessLine> ReadProcesses();

struct ProcessUse {
  std::uint64_t cpu_nanoseconds = 0;  // of processes that live, and of children they have waited for
  std::uint64_t resident_bytes = 0;
};

// What the processes of this machine use, read once.
class ProcessTable {
 public:
  static ProcessTable Read();

  // Of the sessions that children and grandchildren of `shim` lead: all that the keeper between them has taken in.
  ProcessUse UseBelow(pid_t shim) const;

 private:
  struct Session {
    pid_t leaders_parent = 0;
    ProcessUse use;
  };
  std::map<pid_t, Session> sessions_;
  std::map<pid_t, pid_t> parents_;
};

}  // namespace spillway::cloud
