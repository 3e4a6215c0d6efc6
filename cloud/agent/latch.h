#pragma once

#include <utility>
#include <vector>

#include "base/sync.h"

namespace spillway::cloud {

// Closed, then open for good: flows that wait for something to be known for the first time. Loop thread only.
class Latch {
 public:
  explicit Latch(Runtime& runtime) : runtime_(runtime) {}
  bool is_open() const { return open_; }
  void Open() {
    open_ = true;
    for (const OneShot<bool>& waiter : std::exchange(waiting_, {})) waiter.Set(true);
  }
  Task<void> Wait() {
    if (open_) co_return;
    OneShot<bool> opened(runtime_);
    waiting_.push_back(opened);
    co_await opened.Wait();
  }

 private:
  Runtime& runtime_;
  bool open_ = false;
  std::vector<OneShot<bool>> waiting_;
};

}  // namespace spillway::cloud
