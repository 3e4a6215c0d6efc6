#pragma once

#include <initializer_list>

// Why a command could not be executed, told by the child that was to become it. Async-signal-safe.
namespace spillway::cloud {

inline constexpr int kCannotStart = 128;  // the exit code that containerd gives what it could not start

// As Go words an errno: "no such file or directory".
const char* ErrorWords(int error);

class ExecFailure {
 public:
  // `told` is written to, and closed when this process ends.
  explicit ExecFailure(int told) : told_(told) {}

  // Writes the pieces and ends the process, with kCannotStart.
  [[noreturn]] void Say(std::initializer_list<const char*> pieces) const;
  // The same of execve(path), which failed with `error`; `name` is what the user calls it. What runc finds out by
  // looking is told as it tells it, and so is what the kernel says.
  //
  // Source: Go os/exec lp_unix.go findExecutable; runc libcontainer/standard_init_linux.go and system.Exec, 1.1 to 1.3.
  [[noreturn]] void SayOfExec(const char* name, const char* path, int error) const;

 private:
  int told_;
};

}  // namespace spillway::cloud
