#pragma once

#include "base/result.h"
#include "base/runtime.h"

namespace spillway::metrics {

// Whether the loop still turns: a timer beats every second, and a loop that is stuck or far behind misses its beats.
// Depends on nothing outside the process, so that an API server that is away restarts nobody.
class Heartbeat {
 public:
  static constexpr Duration kPeriod = std::chrono::seconds(1);
  static constexpr Duration kLimit = std::chrono::seconds(30);

  explicit Heartbeat(Runtime& runtime);
  ~Heartbeat();
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

  // An error when the last beat was longer than kLimit ago. For Health::AddLivez().
  Status Check() const;

 private:
  void Beat();
  Runtime& runtime_;
  Instant last_;
  TimerId timer_ = 0;
};

}  // namespace spillway::metrics
