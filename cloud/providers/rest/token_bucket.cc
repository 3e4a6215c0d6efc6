#include "cloud/providers/rest/token_bucket.h"

#include <algorithm>
#include <cmath>

namespace spillway::cloud::rest {
namespace {

constexpr double kLeast = 1.0 / 32;      // of the rate
constexpr Duration kDoublesEvery = 30s;  // until it is whole again
constexpr Duration kLeastPause = 1s;     // after a throttled call whose answer names none

Duration FromSeconds(double seconds) { return Duration(static_cast<Duration::rep>(seconds * 1e9)); }

}  // namespace

TokenBucket::TokenBucket(Runtime& runtime, RateLimit limit)
    : runtime_(runtime), limit_(limit), throttled_at_(runtime.Now()) {
  limit_.per_second = std::max(limit_.per_second, 0.01);
  limit_.burst = std::max(limit_.burst, 1);
  next_ = runtime.Now() - FromSeconds((limit_.burst - 1) / limit_.per_second);
}

double TokenBucket::rate() const {
  const std::chrono::duration<double> since = runtime_.Now() - throttled_at_;
  const std::chrono::duration<double> doubles_every = kDoublesEvery;
  return limit_.per_second * std::min(1.0, factor_ * std::exp2(since / doubles_every));
}

Instant TokenBucket::NextPlace() const {
  return std::max(next_, runtime_.Now() - FromSeconds((limit_.burst - 1) / rate()));
}

Duration TokenBucket::wait() const { return std::max(NextPlace() - runtime_.Now(), Duration(0)); }

std::optional<Instant> TokenBucket::Reserve(Duration patience) {
  const Instant place = NextPlace();
  if (place > runtime_.Now() + patience) return std::nullopt;
  next_ = place + FromSeconds(1 / rate());
  return std::max(place, runtime_.Now());
}

void TokenBucket::OnThrottled(Duration retry_after) {
  factor_ = std::max(kLeast, rate() / limit_.per_second / 2);
  throttled_at_ = runtime_.Now();
  next_ = std::max(next_, runtime_.Now() + std::max(retry_after, kLeastPause));
}

}  // namespace spillway::cloud::rest
