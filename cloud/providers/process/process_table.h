#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>

namespace spillway::cloud {

struct ProcessUse {
  std::uint64_t cpu_nanoseconds = 0;  // of processes that live, and of children they have waited for
  std::uint64_t resident_bytes = 0;
};

// What the processes of this machine use, from /proc, read once.
class ProcessTable {
 public:
  static ProcessTable Read();

  // Of the sessions that children of `parent` lead.
  ProcessUse UseOfChildren(pid_t parent) const;

 private:
  struct Session {
    pid_t leaders_parent = 0;
    ProcessUse use;
  };
  std::map<pid_t, Session> sessions_;
};

}  // namespace spillway::cloud
