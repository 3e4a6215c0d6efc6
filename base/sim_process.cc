#include "base/sim_process.h"

#include <utility>

#include "base/rarely.h"

namespace spillway::base {

SimProcess::~SimProcess() {
  for (const auto& [ours, theirs] : timers_) world_.CancelTimer(theirs);
}

void SimProcess::Post(std::function<void()> work) {
  world_.Post([this, alive = std::weak_ptr<char>(alive_), work = std::move(work)]() mutable {
    if (!alive.expired()) RunOrHold(0, std::move(work));
  });
}

TimerId SimProcess::PostAt(Instant when, std::function<void()> work) {
  const TimerId id = next_timer_++;
  timers_[id] = world_.PostAt(when, [this, id, work = std::move(work)]() mutable {
    timers_.erase(id);
    RunOrHold(id, std::move(work));
  });
  return id;
}

void SimProcess::CancelTimer(TimerId timer) {
  if (const auto found = timers_.extract(timer)) return world_.CancelTimer(found.mapped());
  held_.remove_if([timer](const Held& held) { return held.timer == timer; });
}

void SimProcess::RunOrHold(TimerId timer, std::function<void()> work) {
  // What came due during the pause goes first.
  if (!is_paused() && held_.empty()) return work();
  held_.push_back({timer, std::move(work)});
  if (!is_paused())
    world_.Post([this, alive = std::weak_ptr<char>(alive_)] {
      if (!alive.expired()) RunOneHeld();
    });
}

void SimProcess::RunOneHeld() {
  if (is_paused() || held_.empty()) return;
  const std::function<void()> work = std::move(held_.front().work);
  held_.pop_front();
  work();
}

void SimProcess::Pause() {
  if (!is_paused()) paused_since_ = Now();
}

void SimProcess::Resume() {
  if (!is_paused()) return;
  last_pause_ = last_pause();
  resumed_at_ = Now();
  paused_since_.reset();
  for (std::size_t i = 0; i < held_.size(); ++i) {
    world_.Post([this, alive = std::weak_ptr<char>(alive_)] {
      if (!alive.expired()) RunOneHeld();
    });
  }
}

bool SimProcess::Rarely(std::string_view where) {
  if (rare_chance_ <= 0) return false;
  std::uint64_t hash = rare_places_;
  for (const char c : where) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  if (Random(hash).Below(4) != 0 || !random_.Chance(rare_chance_)) return false;
  ++rare_branches_;
  return true;
}

bool Rarely(Runtime& runtime, std::string_view where) {
  auto* process = dynamic_cast<SimProcess*>(&runtime);
  return process != nullptr && process->Rarely(where);
}

}  // namespace spillway::base
