#include "base/sync.h"

namespace spillway::base {

void Signal::Notify() {
  notified_ = true;
  if (!waiting_) return;
  // Through a timer rather than Post: the waiting coroutine may be destroyed first, and takes its timer with it.
  Awaiter& awaiter = *waiting_;
  if (awaiter.timer_) runtime_.CancelTimer(*awaiter.timer_);
  awaiter.timer_ = runtime_.PostAt(runtime_.Now(), [&awaiter] { awaiter.Wake(true); });
}

Signal::Awaiter::~Awaiter() {
  if (timer_) signal_.runtime_.CancelTimer(*timer_);
  if (signal_.waiting_ == this) signal_.waiting_ = nullptr;
}

void Signal::Awaiter::await_suspend(std::coroutine_handle<> waiter) {
  waiter_ = waiter;
  signal_.waiting_ = this;
  if (until_) timer_ = signal_.runtime_.PostAt(*until_, [this] { Wake(false); });
}

void Signal::Awaiter::Wake(bool notified) {
  timer_.reset();
  signal_.waiting_ = nullptr;
  woken_ = notified;
  if (notified) signal_.notified_ = false;
  waiter_.resume();
}

void CancelToken::Cancel() const {
  if (state_->cancelled) return;
  state_->cancelled = true;
  const auto state = state_;  // a callback may drop the last other copy
  for (auto& call : std::exchange(state->calls, {})) call();
}

void CancelToken::OnCancel(std::function<void()> call) const {
  if (state_->cancelled) return call();
  state_->calls.push_back(std::move(call));
}

}  // namespace spillway::base
