#pragma once

#include <functional>
#include <map>
#include <string>

#include "base/runtime.h"

namespace spillway::sandbox {

// Keys to be looked at, each once however often it was added, after a small random delay: the stand-ins must be as late
// and as unordered as real controllers are, or no race would ever show. A key added while it is being processed is
// processed again. Loop thread only.
class WorkQueue {
 public:
  struct Delays {
    Duration low = std::chrono::milliseconds(1), high = std::chrono::milliseconds(20);
  };
  using Process = std::function<void(const std::string& key)>;

  WorkQueue(Runtime& runtime, Random random, Delays delays, Process process);
  ~WorkQueue();
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  void Add(const std::string& key);
  // At `delay` from now, or earlier if something else adds the key.
  void AddAfter(const std::string& key, Duration delay);
  bool empty() const { return waiting_.empty(); }

 private:
  struct Waiting {
    TimerId timer = 0;
    Instant due;
  };
  void Schedule(const std::string& key, Instant due);

  Runtime& runtime_;
  Random random_;
  Delays delays_;
  Process process_;
  std::map<std::string, Waiting> waiting_;
};

}  // namespace spillway::sandbox
