#include "sandbox/standins/work_queue.h"

#include <utility>

namespace spillway::sandbox {

WorkQueue::WorkQueue(Runtime& runtime, Random random, Delays delays, Process process)
    : runtime_(runtime), random_(random), delays_(delays), process_(std::move(process)) {}

WorkQueue::~WorkQueue() {
  for (const auto& [key, waiting] : waiting_) runtime_.CancelTimer(waiting.timer);
}

void WorkQueue::Add(const std::string& key) { AddAfter(key, Duration(0)); }

void WorkQueue::AddAfter(const std::string& key, Duration delay) {
  Schedule(key, runtime_.Now() + delay + random_.Between(delays_.low, delays_.high));
}

void WorkQueue::Schedule(const std::string& key, Instant due) {
  Waiting& waiting = waiting_[key];
  if (waiting.timer != 0) {
    if (waiting.due <= due) return;
    runtime_.CancelTimer(waiting.timer);
  }
  waiting.due = due;
  waiting.timer = runtime_.PostAt(due, [this, key] {
    waiting_.erase(key);
    process_(key);
  });
}

}  // namespace spillway::sandbox
