#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "cloud/streams.h"

// A log that can be read only through a window: the last 2,000 lines or 1 MB since a second. A cursor is the time of
// the last line that was given, and how many lines of that very time were; pure.
namespace spillway::cloud::alibaba {

inline constexpr std::size_t kLogLines = 2000, kLogBytes = 1u << 20;

struct LogCursor {
  WallTime last{};           // the epoch: nothing yet
  std::uint64_t count = 0;   // lines at `last` that have been given
  std::string run;           // which run of the container: its start
  std::string Text() const;  // "<run>/<nanoseconds>/<count>"
  static LogCursor Parse(std::string_view text);
};

// What is new in `content`, the window's lines with their times in front.
LogPart ReadWindow(std::string_view content, LogCursor cursor, bool with_timestamps);

}  // namespace spillway::cloud::alibaba
