#include "tests/emulators/common/limits.h"

#include <algorithm>
#include <chrono>

namespace spillway::emulators {

bool Limits::Take(const std::string& api, Instant now) {
  const auto named = by_api_.find(api);
  const Limit limit = named == by_api_.end() ? other_ : named->second;
  Bucket& bucket = buckets_.try_emplace(api, Bucket{limit.burst, now}).first->second;
  const std::chrono::duration<double> since = now - bucket.at;
  bucket.tokens = std::min(limit.burst, bucket.tokens + since.count() * limit.per_second);
  bucket.at = now;
  if (bucket.tokens < 1) return false;
  bucket.tokens -= 1;
  return true;
}

}  // namespace spillway::emulators
