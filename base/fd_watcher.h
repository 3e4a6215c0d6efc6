#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <thread>

#include "base/runtime.h"
#include "base/sync.h"
#include "base/task.h"

namespace spillway::base {

// Tells flows on the loop when file descriptors may be read or written, from a thread of its own that waits for all of
// them. For pipes, terminals, sockets and pidfds of child processes; real time only. Loop thread only.
class FdWatcher {
 public:
  explicit FdWatcher(Runtime& runtime);
  ~FdWatcher();
  FdWatcher(const FdWatcher&) = delete;
  FdWatcher& operator=(const FdWatcher&) = delete;

  // Returns when `fd` has something to read, its end or an error included. One flow at a time for each fd, and another
  // for writing only through a descriptor of its own (dup). The fd is not closed while it is waited for.
  Task<void> Readable(int fd);
  Task<void> Writable(int fd);

 private:
  Task<void> Wait(int fd, std::uint32_t events);
  void Watch();

  Runtime& runtime_;
  int epoll_ = -1, wake_ = -1;
  std::uint64_t next_ = 1;
  std::shared_ptr<std::map<std::uint64_t, OneShot<bool>>> waiting_;
  std::thread thread_;
};

}  // namespace spillway::base

namespace spillway {
using base::FdWatcher;
}  // namespace spillway
