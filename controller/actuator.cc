#include "controller/actuator.h"

#include <algorithm>
#include <utility>

namespace spillway::controller {

Actuator::Actuator(Runtime& runtime, kube::Client& client, kube::RateLimiter& limiter, kube::ClientObserver* observer,
                   ActuatorOptions options, Next next, Done done)
    : runtime_(runtime),
      client_(client),
      limiter_(limiter),
      observer_(observer),
      own_limiter_(runtime, options.max_binds_per_second, 1),
      options_(options),
      next_(std::move(next)),
      done_(std::move(done)),
      work_(runtime),
      idle_(runtime),
      flows_(runtime) {}

void Actuator::Start() { flows_.Spawn(Dispatch()); }

Task<void> Actuator::Dispatch() {
  for (;;) {
    co_await work_.Wait();
    while (!stopped_ && in_flight_ < options_.max_in_flight) {
      // Asked first without waiting, so that no place at the limiter is taken for nothing...
      if (!next_.has_work()) break;
      co_await WaitForLimits();
      // ...and again now, on the newest state: this is the second confirmation.
      std::optional<BindOrder> order = stopped_ ? std::nullopt : next_.take();
      if (!order) break;
      ++in_flight_;
      flows_.Spawn(Execute(std::move(*order)));
    }
  }
}

Task<void> Actuator::WaitForLimits() {
  const Instant asked = runtime_.Now();
  co_await limiter_.Acquire();
  if (observer_ != nullptr && runtime_.Now() > asked) observer_->OnRateLimited(runtime_.Now() - asked);
  co_await own_limiter_.Acquire();
  while (runtime_.Now() < held_until_) co_await runtime_.SleepUntil(held_until_);
}

Task<void> Actuator::Execute(BindOrder order) {
  kube::BindRequest request = order.request;
  const Status status = co_await kube::Bind(client_, std::move(request));
  --in_flight_;
  done_(order, status);
  work_.Notify();
  if (in_flight_ == 0) idle_.Notify();
}

Task<void> Actuator::WaitUntilIdle(Instant deadline) {
  while (in_flight_ > 0 && runtime_.Now() < deadline) co_await idle_.WaitUntil(deadline);
}

}  // namespace spillway::controller
