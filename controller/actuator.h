#pragma once

#include <algorithm>
#include <functional>
#include <optional>

#include "base/runtime.h"
#include "base/scope.h"
#include "base/sync.h"
#include "controller/bind_order.h"
#include "kube/client.h"

namespace spillway::controller {

struct ActuatorOptions {
  int max_in_flight = 32;
  double max_binds_per_second = 0;  // 0: bounded by the API limiter only
};

// Sends binds, one after the other as the rate limits allow, several in flight. It keeps no queue of its own: it asks
// for the next bind only once it may go, so that each is confirmed on the newest state.
class Actuator {
 public:
  struct Next {
    // There may be a bind to take.
    std::function<bool()> has_work;
    // The next bind that still stands on the newest state; nullopt when there is none. It counts as in flight.
    std::function<std::optional<BindOrder>()> take;
  };
  using Done = std::function<void(const BindOrder&, const Status&)>;

  // `client` must not be rate-limited itself: `limiter` is waited for before a bind is taken. Both outlive this;
  // `observer` may be null.
  Actuator(Runtime& runtime, kube::Client& client, kube::RateLimiter& limiter, kube::ClientObserver* observer,
           ActuatorOptions options, Next next, Done done);

  void Start();
  // There may be something to bind.
  void Wake() { work_.Notify(); }
  // Sends nothing before `until`.
  void HoldUntil(Instant until) { held_until_ = std::max(held_until_, until); }
  // Sends nothing any more; what is in flight goes on.
  void Stop() { stopped_ = true; }
  int in_flight() const { return in_flight_; }
  // Returns when nothing is in flight, or at `deadline`.
  Task<void> WaitUntilIdle(Instant deadline);

 private:
  Task<void> Dispatch();
  Task<void> Execute(BindOrder order);
  Task<void> WaitForLimits();

  Runtime& runtime_;
  kube::Client& client_;
  kube::RateLimiter& limiter_;
  kube::ClientObserver* observer_;
  kube::RateLimiter own_limiter_;
  ActuatorOptions options_;
  Next next_;
  Done done_;
  Signal work_, idle_;
  int in_flight_ = 0;
  bool stopped_ = false;
  Instant held_until_{};
  TaskScope flows_;  // last: dies before what its flows use
};

}  // namespace spillway::controller
