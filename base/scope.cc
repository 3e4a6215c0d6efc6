#include "base/scope.h"

#include <exception>
#include <utility>

namespace spillway::base {

struct TaskScope::Root {
  struct promise_type {
    TaskScope* scope = nullptr;
    Root get_return_object() { return Root{std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    auto final_suspend() noexcept {
      struct FreeSelf {
        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<promise_type> self) const noexcept {
          self.promise().scope->running_.erase(self.address());
          self.destroy();
        }
        void await_resume() const noexcept {}
      };
      return FreeSelf{};
    }
    void return_void() const noexcept {}
    [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
  };
  std::coroutine_handle<promise_type> frame;
};

TaskScope::Root TaskScope::Run(Runtime& runtime, Task<void> task) {
  // Next turn, not now: whoever spawns is in the middle of something. The wait dies with the frame.
  co_await runtime.SleepFor(0ns);
  co_await task;
}

void TaskScope::Spawn(Task<void> task) {
  const Root root = Run(runtime_, std::move(task));
  root.frame.promise().scope = this;
  running_.insert(root.frame.address());
}

void TaskScope::Clear() {
  while (!running_.empty()) {
    void* address = *running_.begin();
    running_.erase(running_.begin());
    std::coroutine_handle<>::from_address(address).destroy();
  }
}

}  // namespace spillway::base
