#pragma once

#include <optional>

#include "base/runtime.h"
#include "base/time.h"

namespace spillway::cloud::rest {

struct RateLimit {
  double per_second = 10;
  int burst = 10;
};

// One API's share of what a cloud allows an account. First come, first served. When the cloud throttles all the same,
// others use the account too: the rate is halved each time, and comes back within minutes. Loop thread only; the
// runtime outlives it.
class TokenBucket {
 public:
  TokenBucket(Runtime& runtime, RateLimit limit);

  // Takes the next place and says when it comes, maybe now. None, and nothing is taken, when that is not within
  // `patience`.
  std::optional<Instant> Reserve(Duration patience);
  // How long the next one would have to wait.
  Duration wait() const;
  // The cloud has refused a call as too many: none goes within `retry_after`.
  void OnThrottled(Duration retry_after);

 private:
  double rate() const;
  Instant NextPlace() const;

  Runtime& runtime_;
  RateLimit limit_;
  Instant next_;          // when the next token would be free if the bucket were empty
  double factor_ = 1;     // of the rate, since the last throttling
  Instant throttled_at_;  // what factor_ is reckoned from
};

}  // namespace spillway::cloud::rest
