#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "base/result.h"

namespace spillway::cmd {

// The emulator of a cloud, tests/emulators, as a process of its own that ends with this one, however that ends.
class EmulatorProcess {
 public:
  // Returns when it serves; waits up to 10 s for that, and blocks meanwhile. From the main thread: the process is told
  // to end when the thread that started it does.
  static Result<std::unique_ptr<EmulatorProcess>> Start(const std::string& program);
  ~EmulatorProcess();
  EmulatorProcess(const EmulatorProcess&) = delete;
  EmulatorProcess& operator=(const EmulatorProcess&) = delete;

  // "http://127.0.0.1:41234"
  const std::string& url() const { return url_; }

 private:
  EmulatorProcess(pid_t pid, int output) : pid_(pid), output_(output) {}
  // Its first line.
  Status ReadUrl(const std::string& program);

  pid_t pid_;
  int output_;
  std::string url_;
};

}  // namespace spillway::cmd
