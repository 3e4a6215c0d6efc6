#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace spillway::controller {

// What was decided for one Pod and told about it; `id` is the one in the event, the annotation and the log line.
struct LoggedDecision {
  std::string id;
  WallTime at;
  std::string pod;  // namespace/name
  std::string uid;
  std::string reason;  // the event's: OverflowScheduled
  std::string text;
  std::string node;  // virtual node, where there is one
};

// The last `capacity` decisions, for status pages and explain.
class DecisionLog {
 public:
  explicit DecisionLog(std::size_t capacity) : capacity_(capacity) {}

  void Add(LoggedDecision decision);
  // nullptr when it was never made or has been forgotten.
  const LoggedDecision* FindById(std::string_view id) const;
  // Newest first. `pod` is namespace/name.
  std::vector<const LoggedDecision*> OfPod(std::string_view pod) const;
  // Oldest first.
  const std::deque<LoggedDecision>& all() const { return decisions_; }

 private:
  std::size_t capacity_;
  std::deque<LoggedDecision> decisions_;
};

}  // namespace spillway::controller
