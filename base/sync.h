#pragma once

#include <coroutine>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/runtime.h"

namespace spillway::base {

// One value handed over once, from whoever Set()s it to the one flow that waits. Copies share the slot. Loop thread
// only: another thread posts its Set() to the runtime. The waiter resumes on a turn of its own; if it was destroyed
// meanwhile, the value is dropped.
template <typename T>
class OneShot {
 public:
  explicit OneShot(Runtime& runtime) : state_(std::make_shared<State>(runtime)) {}

  // Only the first call counts.
  void Set(T value) const {
    if (state_->value) return;
    state_->value.emplace(std::move(value));
    if (!state_->waiter) return;
    state_->runtime.Post([state = state_] {
      if (auto waiter = std::exchange(state->waiter, {})) waiter.resume();
    });
  }
  bool is_set() const { return state_->value.has_value(); }
  // False once the waiting flow is gone: work still under way for it may be dropped.
  bool is_wanted() const { return !state_->abandoned; }
  // Called on the loop if the waiting flow is destroyed before the value came.
  void OnAbandoned(std::function<void()> call) const { state_->on_abandoned = std::move(call); }

  // co_await shot.Wait(); at most one waiter.
  auto Wait() const { return Awaiter(state_); }

 private:
  struct State {
    explicit State(Runtime& r) : runtime(r) {}
    Runtime& runtime;
    std::optional<T> value;
    std::coroutine_handle<> waiter;
    std::function<void()> on_abandoned;
    bool abandoned = false;
  };
  class Awaiter {
   public:
    explicit Awaiter(std::shared_ptr<State> state) : state_(std::move(state)) {}
    Awaiter(const Awaiter&) = delete;
    Awaiter& operator=(const Awaiter&) = delete;
    ~Awaiter() {
      state_->waiter = {};
      if (taken_) return;
      state_->abandoned = true;
      if (auto call = std::exchange(state_->on_abandoned, nullptr)) call();
    }
    bool await_ready() const { return state_->value.has_value(); }
    void await_suspend(std::coroutine_handle<> waiter) { state_->waiter = waiter; }
    T await_resume() {
      taken_ = true;
      state_->on_abandoned = nullptr;
      return std::move(*state_->value);
    }

   private:
    std::shared_ptr<State> state_;
    bool taken_ = false;
  };
  std::shared_ptr<State> state_;
};

// "Something changed": Notify() wakes the one flow that waits, or lets its next Wait() pass at once. Loop thread only.
class Signal {
 public:
  explicit Signal(Runtime& runtime) : runtime_(runtime) {}
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;

  void Notify();
  // co_await signal.Wait(); consumes the notification. At most one waiter.
  auto Wait() { return Awaiter(*this, std::nullopt); }
  // co_await signal.WaitUntil(t): true if notified, false if `when` came first.
  auto WaitUntil(Instant when) { return Awaiter(*this, when); }

 private:
  class Awaiter {
   public:
    Awaiter(Signal& signal, std::optional<Instant> until) : signal_(signal), until_(until) {}
    Awaiter(const Awaiter&) = delete;
    Awaiter& operator=(const Awaiter&) = delete;
    ~Awaiter();
    bool await_ready() { return std::exchange(signal_.notified_, false) && (woken_ = true); }
    void await_suspend(std::coroutine_handle<> waiter);
    bool await_resume() const { return woken_; }

   private:
    friend class Signal;
    void Wake(bool notified);
    Signal& signal_;
    std::optional<Instant> until_;
    std::optional<TimerId> timer_;
    std::coroutine_handle<> waiter_;
    bool woken_ = false;
  };

  Runtime& runtime_;
  Awaiter* waiting_ = nullptr;
  bool notified_ = false;
};

// Asks work under way to stop early; copies share one state. Loop thread only.
class CancelToken {
 public:
  CancelToken() : state_(std::make_shared<State>()) {}

  // Calls every callback once, in the order added.
  void Cancel() const;
  bool is_cancelled() const { return state_->cancelled; }
  // Called at Cancel(), or at once if that has been. Callbacks are dropped with the last copy of the token.
  void OnCancel(std::function<void()> call) const;

 private:
  struct State {
    bool cancelled = false;
    std::vector<std::function<void()>> calls;
  };
  std::shared_ptr<State> state_;
};

}  // namespace spillway::base

namespace spillway {
using base::CancelToken;
using base::OneShot;
using base::Signal;
}  // namespace spillway
