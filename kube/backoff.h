#pragma once

#include <algorithm>

#include "base/random.h"
#include "base/time.h"

namespace spillway::kube {

struct BackoffOptions {
  Duration initial = std::chrono::milliseconds(800);
  Duration limit = std::chrono::seconds(30);  // of the doubling; jitter comes on top
  double jitter = 1.0;                        // each wait lies in [d, d * (1 + jitter))
};

// Waits that double and never fall into step with anybody else's. The defaults are client-go's for reflectors.
// Source: client-go tools/cache/reflector.go, apimachinery pkg/util/wait/backoff.go.
class Backoff {
 public:
  Backoff(BackoffOptions options, Random random) : options_(options), random_(random), next_(options.initial) {}

  Duration Next() {
    const Duration base = next_;
    next_ = std::min(next_ * 2, options_.limit);
    return base +
           Duration(static_cast<Duration::rep>(static_cast<double>(base.count()) * options_.jitter * random_.Unit()));
  }
  void Reset() { next_ = options_.initial; }

 private:
  BackoffOptions options_;
  Random random_;
  Duration next_;
};

}  // namespace spillway::kube
