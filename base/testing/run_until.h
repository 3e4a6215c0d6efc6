#pragma once

#include <optional>
#include <utility>

#include "base/runtime.h"
#include "base/scope.h"
#include "base/task.h"

// For tests: to wait for a condition with a deadline, never for a time. `Loop` is RealRuntime or SimRuntime; with
// SimRuntime the deadline is virtual time.
namespace spillway::testing {

namespace internal {
template <typename T>
Task<void> Keep(Task<T> task, std::optional<T>* into) {
  into->emplace(co_await task);
}
inline Task<void> Note(Task<void> task, bool* done) {
  co_await task;
  *done = true;
}
}  // namespace internal

// Turns the loop until `done` holds; false if `limit` passes first.
template <typename Loop, typename Condition>
[[nodiscard]] bool RunUntil(Loop& loop, Condition done, Duration limit = std::chrono::seconds(20)) {
  return loop.RunUntil(done, limit);
}

// Runs one flow to its end and returns its value; nullopt if it has not ended within `limit`, and destroys it then.
template <typename Loop, typename T>
[[nodiscard]] std::optional<T> Await(Loop& loop, Task<T> task, Duration limit = std::chrono::seconds(20)) {
  std::optional<T> value;
  TaskScope scope(loop);
  scope.Spawn(internal::Keep(std::move(task), &value));
  if (!RunUntil(loop, [&scope] { return scope.size() == 0; }, limit)) return std::nullopt;
  return value;
}

template <typename Loop>
[[nodiscard]] bool Await(Loop& loop, Task<void> task, Duration limit = std::chrono::seconds(20)) {
  bool done = false;
  TaskScope scope(loop);
  scope.Spawn(internal::Note(std::move(task), &done));
  return RunUntil(loop, [&scope] { return scope.size() == 0; }, limit) && done;
}

}  // namespace spillway::testing
