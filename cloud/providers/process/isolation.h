#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "cloud/files.h"

// A view of the file system of a container's own: that of the machine, with the container's mounts in it, and its
// hostname. Linux namespaces; needs CAP_SYS_ADMIN, which is to say root.
namespace spillway::cloud {

// One thing to be seen at `path`, which is absolute and need not exist on the machine.
struct Mount {
  std::string source;  // a file or directory of the machine
  std::string path;
  bool is_read_only = false;
};

struct MountStep {
  enum class Kind : std::uint8_t {
    kTmpfs,
    kDirectory,
    kFile,
    kLink,
    kMirror,  // what the machine has; what has gone meanwhile, or cannot be mounted, is not there
    kBind,
    kReadOnly,
  };
  Kind kind;
  std::string source, target;
};

// Ready to be entered by a process that is about to execute a command.
struct Isolation {
  std::string root;  // an empty directory, which is nobody else's
  std::string hostname;
  std::vector<MountStep> steps;
  // What the machine has at `path` cannot be seen: something is mounted over it.
  bool Hides(const std::string& path) const;

  std::vector<std::string> mounted;  // paths
};

// What it takes to see `mounts`, the outer ones first. A path that the machine does not have is made in an empty
// directory put over the one that lacks it, in which everything else of that one is mounted again: the machine stays as
// it is. kInvalidArgument: a path that cannot be, told with its cause.
Result<Isolation> PlanIsolation(std::string root, std::string hostname, std::vector<Mount> mounts);

// Whether this process may: tried in a child.
bool CanIsolate();

// The steps as a forked child needs them: it may allocate nothing.
class RawIsolation {
 public:
  // `isolation` outlives it.
  explicit RawIsolation(const Isolation& isolation) : isolation_(isolation) {}
  // In the child, which is alone: leaves the machine's namespaces, with / as working directory. Null, or what failed:
  // errno says why. Async-signal-safe.
  const char* Enter() const;

 private:
  static bool Take(const MountStep& step);
  const Isolation& isolation_;
};

// The namespaces of a process that runs, for another command to join it.
class JoinedNamespaces {
 public:
  // Of process `pid`; 0: those that this process has.
  static Result<JoinedNamespaces> Of(pid_t pid);
  // In the child. False: errno says why. Async-signal-safe.
  bool Enter() const;

 private:
  UniqueFd mounts_, names_, root_;
};

}  // namespace spillway::cloud
