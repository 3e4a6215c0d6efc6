#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>

#include "base/runtime.h"

namespace spillway::net::internal {

// Rings when an exchange has taken too long. Lives in the frame of the waiting flow.
class Watchdog {
 public:
  Watchdog(Runtime& runtime, std::function<void()> ring) : runtime_(runtime), ring_(std::move(ring)) {}
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;
  ~Watchdog() { runtime_.CancelTimer(timer_); }

  void RingAt(Instant deadline) { timer_ = runtime_.PostAt(deadline, ring_); }

  // Rings once `activity` has not changed for `limit`, at most an eighth later: I/O threads read no clock.
  void RingAfterSilence(Duration limit, std::function<std::uint64_t()> activity) {
    limit_ = limit;
    activity_ = std::move(activity);
    last_change_ = runtime_.Now();
    Look();
  }

 private:
  void Look() {
    const Instant now = runtime_.Now();
    const std::uint64_t activity = activity_();
    if (activity != seen_) last_change_ = now;
    seen_ = activity;
    if (now - last_change_ >= limit_) return ring_();
    timer_ = runtime_.PostAt(std::min(now + limit_ / 8, last_change_ + limit_), [this] { Look(); });
  }

  Runtime& runtime_;
  std::function<void()> ring_;
  TimerId timer_ = 0;
  Duration limit_{};
  std::function<std::uint64_t()> activity_;
  std::uint64_t seen_ = 0;
  Instant last_change_{};
};

}  // namespace spillway::net::internal
