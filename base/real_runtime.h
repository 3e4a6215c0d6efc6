#pragma once

#include <functional>
#include <memory>

#include "base/runtime.h"

namespace spillway::base {

// The loop of a production process, on Boost.Asio. Run() turns it on the calling thread, which is the loop thread.
class RealRuntime final : public Runtime {
 public:
  RealRuntime();
  ~RealRuntime() override;

  Instant Now() const override;
  WallTime WallNow() const override;
  void Post(std::function<void()> work) override;  // any thread
  TimerId PostAt(Instant when, std::function<void()> work) override;
  void CancelTimer(TimerId timer) override;
  Random& random() override;

  // Turns the loop until Stop(). SIGINT and SIGTERM call `on_signal` on the loop, with how many have come so far.
  void Run(std::function<void(int signals_so_far)> on_signal);
  // Any thread. Run() returns after the current turn.
  void Stop();
  // Turns the loop until `done` holds; false if `limit` passes first. `done` is asked after every turn and at least
  // each millisecond, since it may depend on other threads. Takes no signals: for tests and tools.
  bool RunUntil(const std::function<bool()>& done, Duration limit);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace spillway::base

namespace spillway {
using base::RealRuntime;
}  // namespace spillway
