#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace spillway::base {

using Duration = std::chrono::nanoseconds;
using namespace std::chrono_literals;  // NOLINT: 5s, 100ms are how durations are written everywhere in Spillway

// A point on the monotonic clock of one Runtime; only differences mean anything.
struct MonotonicClockTag {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<MonotonicClockTag, Duration>;
  static constexpr bool is_steady = true;
};
using Instant = MonotonicClockTag::time_point;

// Nanoseconds since the Unix epoch, UTC: for what is written into Kubernetes objects, never for measuring.
using WallTime = std::chrono::time_point<std::chrono::system_clock, Duration>;

// "2026-11-22T10:03:12Z" (metav1.Time: whole seconds, truncated).
std::string FormatRfc3339(WallTime time);
// "2026-11-22T10:03:12.123456Z" (metav1.MicroTime).
std::string FormatRfc3339Micro(WallTime time);
// RFC 3339 with optional fraction and any offset; nullopt when malformed. Who is deleted with a grace of centuries has
// a time that no int64 holds: before 1901 and after 2149 it is the nearest of these, so that differences can be told
// too.
std::optional<WallTime> ParseRfc3339(std::string_view text);

// Go-style duration, as Kubernetes flags take it: "1.5s", "300ms", "2m", "1h30m"; nullopt when malformed.
std::optional<Duration> ParseGoDuration(std::string_view text);
// Short and readable: "1.2s", "42s", "3m20s", "150ms".
std::string FormatDuration(Duration duration);

}  // namespace spillway::base

namespace spillway {
using base::Duration;
using base::Instant;
using base::WallTime;
using namespace std::chrono_literals;  // NOLINT
}  // namespace spillway
