#pragma once

#include <coroutine>
#include <cstddef>
#include <unordered_set>

#include "base/runtime.h"
#include "base/task.h"

namespace spillway::base {

// Owns flows that run side by side. A spawned Task starts on the next turn of the loop and is freed when it ends;
// destroying the scope destroys the flows that have not ended, in no particular order. A flow must not destroy the
// scope it runs in: post that to the runtime. Declare the scope last in a class, so that its flows die before what they
// use.
class TaskScope {
 public:
  explicit TaskScope(Runtime& runtime) : runtime_(runtime) {}
  TaskScope(const TaskScope&) = delete;
  TaskScope& operator=(const TaskScope&) = delete;
  ~TaskScope() { Clear(); }

  void Spawn(Task<void> task);
  // Destroys every flow that has not ended.
  void Clear();
  std::size_t size() const { return running_.size(); }

 private:
  struct Root;
  static Root Run(Runtime& runtime, Task<void> task);

  Runtime& runtime_;
  std::unordered_set<void*> running_;  // addresses of root frames
};

}  // namespace spillway::base

namespace spillway {
using base::TaskScope;
}  // namespace spillway
