#pragma once

#include <coroutine>
#include <cstdint>
#include <functional>
#include <memory>

#include "base/random.h"
#include "base/task.h"
#include "base/time.h"

namespace spillway::base {

using TimerId = std::uint64_t;

// The one loop of a process: time, timers, tasks and chance, all injected. Two implementations: RealRuntime (Boost.Asio
// behind real_runtime.h) and SimRuntime (virtual time, sim_runtime.h). All state of a process is touched only from
// here.
class Runtime {
 public:
  virtual ~Runtime() = default;

  // Monotonic; virtual time in a simulation.
  virtual Instant Now() const = 0;
  // For timestamps written into objects.
  virtual WallTime WallNow() const = 0;

  // Runs `work` on the loop, after the current turn, in the order posted. The only member that other threads may call.
  virtual void Post(std::function<void()> work) = 0;
  // Runs `work` on the loop at or after `when`; equal times in the order asked. Loop thread only.
  virtual TimerId PostAt(Instant when, std::function<void()> work) = 0;
  // No effect on a timer that has fired. Loop thread only.
  virtual void CancelTimer(TimerId timer) = 0;

  // Loop thread only. Seeded from the operating system in production.
  virtual Random& random() = 0;

  // co_await runtime.SleepFor(1s). Destroying the waiting coroutine cancels the timer.
  auto SleepFor(Duration duration);
  auto SleepUntil(Instant when);
};

namespace internal {
class SleepAwaiter {
 public:
  SleepAwaiter(Runtime& runtime, Instant when) : runtime_(runtime), when_(when) {}
  SleepAwaiter(const SleepAwaiter&) = delete;
  SleepAwaiter& operator=(const SleepAwaiter&) = delete;
  ~SleepAwaiter() {
    if (armed_) runtime_.CancelTimer(timer_);
  }
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> waiter) {
    armed_ = true;
    timer_ = runtime_.PostAt(when_, [this, waiter] {
      armed_ = false;
      waiter.resume();
    });
  }
  void await_resume() const {}

 private:
  Runtime& runtime_;
  Instant when_;
  TimerId timer_ = 0;
  bool armed_ = false;
};
}  // namespace internal

inline auto Runtime::SleepFor(Duration duration) { return internal::SleepAwaiter(*this, Now() + duration); }
inline auto Runtime::SleepUntil(Instant when) { return internal::SleepAwaiter(*this, when); }

}  // namespace spillway::base

namespace spillway {
using base::Random;
using base::Runtime;
using base::TimerId;
}  // namespace spillway
