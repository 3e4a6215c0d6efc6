#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <utility>

namespace spillway::net::internal {

// The connections of a server on which nothing is being answered. When the server is full, the one that has waited
// longest makes room: nobody keeps others out by opening connections and saying nothing. Thread-safe: several threads
// serve connections.
class WaitingConnections {
 public:
  // Never 0. `close` is called at most once, before Leave(ticket) returns, on any thread.
  std::uint64_t Enter(std::function<void()> close) {
    const std::lock_guard lock(mutex_);
    waiting_.emplace(++last_, std::move(close));
    return last_;
  }
  void Leave(std::uint64_t ticket) {
    const std::lock_guard lock(mutex_);
    waiting_.erase(ticket);
  }
  // False: nobody waits.
  bool DismissLongest() {
    const std::lock_guard lock(mutex_);
    if (waiting_.empty()) return false;
    waiting_.begin()->second();
    waiting_.erase(waiting_.begin());
    return true;
  }

 private:
  std::mutex mutex_;
  std::map<std::uint64_t, std::function<void()>> waiting_;
  std::uint64_t last_ = 0;
};

}  // namespace spillway::net::internal
