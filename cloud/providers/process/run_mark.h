#pragma once

#include <string>

#include "base/result.h"

namespace spillway::cloud {

// The variable that all processes of a container have in their environment, by which those are found that shim and
// keeper could not end because both were killed at once. Of what works without root it is the sturdiest: a cgroup
// would be surer, but to make one takes root or a delegated tree, and in a Pod the file system is read-only; a process
// group or session is left by every daemon; a number alone may be used again by somebody else's process.
//
// It misses only what has, all of it, cleared its environment, left its session and lost its parents. Keeper and shim
// do not.
class RunMark {
 public:
  // Of the container whose runs are in `directory`, which exists: no other has that directory's device and inode,
  // whatever mounts it is seen through.
  static Result<RunMark> Of(const std::string& directory);

  // "NAME=value".
  const std::string& variable() const { return variable_; }

  enum class Sweep : std::uint8_t {
    kClean,   // there is none
    kKilled,  // some were there, and were killed: look again
    kStuck,   // some are there that this user may not kill
  };
  // Reads all of /proc. Kills what has the mark, whatever is in a session with such a process, and what descends from
  // either, unless that has just ended. No other number is ever signalled: processes are held by pidfd and looked at
  // again first.
  Sweep KillAll() const;

 private:
  explicit RunMark(std::string variable) : variable_(std::move(variable)) {}
  std::string variable_;
};

}  // namespace spillway::cloud
