#pragma once

#include <cmath>
#include <cstdint>

#include "base/time.h"

namespace spillway::base {

// Seeded pseudo-random numbers, equal on every platform (splitmix64; standard distributions differ between libraries).
// Not for secrets. Not thread-safe.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t Next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  // Uniform in [0, bound); bound must be positive.
  std::uint64_t Below(std::uint64_t bound) {
    return static_cast<std::uint64_t>((static_cast<Wide>(Next()) * bound) >> 64);
  }
  // Uniform in [0, 1).
  double Unit() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }
  bool Chance(double probability) { return Unit() < probability; }
  // Exponentially distributed with the given mean.
  Duration Exponential(Duration mean) {
    return Duration(static_cast<Duration::rep>(-std::log1p(-Unit()) * static_cast<double>(mean.count())));
  }
  // Uniform in [low, high].
  Duration Between(Duration low, Duration high) {
    return low + Duration(static_cast<Duration::rep>(Unit() * static_cast<double>((high - low).count())));
  }
  // An independent stream: one component drawing more numbers must not shift another's.
  Random Fork() { return Random(Next()); }

 private:
  __extension__ using Wide = unsigned __int128;

  std::uint64_t state_;
};

}  // namespace spillway::base
