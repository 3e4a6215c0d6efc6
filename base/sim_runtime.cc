#include "base/sim_runtime.h"

#include <algorithm>
#include <utility>

namespace spillway::base {
namespace {
// 2026-01-01T00:00:00Z: simulated objects get plausible timestamps, the same in every run.
constexpr Duration kSimulationEpoch = std::chrono::seconds(1767225600);
}  // namespace

SimRuntime::SimRuntime(std::uint64_t seed) : random_(seed) {}

WallTime SimRuntime::WallNow() const { return WallTime(kSimulationEpoch + now_.time_since_epoch()); }

void SimRuntime::Post(std::function<void()> work) { ready_.push_back(std::move(work)); }

TimerId SimRuntime::PostAt(Instant when, std::function<void()> work) {
  const TimerId id = next_timer_++;
  when = std::max(when, now_);
  timers_.emplace(std::pair(when, id), std::move(work));
  timer_times_.emplace(id, when);
  return id;
}

void SimRuntime::CancelTimer(TimerId timer) {
  const auto found = timer_times_.find(timer);
  if (found == timer_times_.end()) return;
  timers_.erase({found->second, timer});
  timer_times_.erase(found);
}

bool SimRuntime::RunOneTurn(Instant end) {
  std::function<void()> work;
  if (!ready_.empty()) {
    work = std::move(ready_.front());
    ready_.pop_front();
  } else if (!timers_.empty() && timers_.begin()->first.first <= end) {
    auto timer = timers_.extract(timers_.begin());
    timer_times_.erase(timer.key().second);
    now_ = timer.key().first;
    work = std::move(timer.mapped());
  } else {
    return false;
  }
  ++turns_;
  work();
  return true;
}

void SimRuntime::RunFor(Duration span) {
  const Instant end = now_ + span;
  while (RunOneTurn(end)) {
  }
  now_ = end;
}

bool SimRuntime::RunUntil(const std::function<bool()>& done, Duration limit) {
  const Instant end = now_ + limit;
  while (!done()) {
    if (!RunOneTurn(end)) {
      now_ = end;
      return done();
    }
  }
  return true;
}

}  // namespace spillway::base
