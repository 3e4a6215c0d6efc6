#pragma once

#include <deque>
#include <functional>
#include <map>
#include <utility>

#include "base/runtime.h"

namespace spillway::base {

// Virtual time: the clock stands still while there is work and then jumps to the next timer, so an hour passes in
// milliseconds and one seed replays one history. Single-threaded: Post() too.
class SimRuntime final : public Runtime {
 public:
  explicit SimRuntime(std::uint64_t seed);

  Instant Now() const override { return now_; }
  WallTime WallNow() const override;
  void Post(std::function<void()> work) override;
  TimerId PostAt(Instant when, std::function<void()> work) override;
  void CancelTimer(TimerId timer) override;
  Random& random() override { return random_; }

  // Runs everything due within `span`, then sets the clock to its end.
  void RunFor(Duration span);
  // Runs until `done` holds (checked after every turn); false if `limit` of virtual time passes first.
  bool RunUntil(const std::function<bool()>& done, Duration limit);
  // Turns carried out so far: equal for equal histories.
  std::uint64_t turns() const { return turns_; }

 private:
  bool RunOneTurn(Instant end);

  Instant now_{};
  std::uint64_t turns_ = 0;
  TimerId next_timer_ = 1;
  std::deque<std::function<void()>> ready_;
  std::map<std::pair<Instant, TimerId>, std::function<void()>> timers_;
  std::map<TimerId, Instant> timer_times_;
  Random random_;
};

}  // namespace spillway::base

namespace spillway {
using base::SimRuntime;
}  // namespace spillway
