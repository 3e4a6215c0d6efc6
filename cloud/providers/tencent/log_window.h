#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "cloud/streams.h"

// A log that can be read only through a window, the last 2,000 lines or 1 MB of a run, and whose lines have no times: a
// cursor is how many lines there were, or, once the window is full, what the last of them were; pure.
namespace spillway::cloud::tencent {

inline constexpr std::size_t kLogLines = 2000, kLogBytes = 1u << 20;

struct LogCursor {
  std::string run;          // which run of the container: its number
  std::uint64_t lines = 0;  // that have been given; 0: nothing yet
  bool was_full = false;    // so that `lines` says nothing
  std::string last;         // of the last 64 given at most: their digest
  std::string Text() const;
  static LogCursor Parse(std::string_view text);
};

// What is new in `content`, the window as it is now. Lines that are not complete yet come later. Once the window is
// full, a log whose last 64 lines come again and again is followed from the last place that looks like them.
LogPart ReadWindow(std::string_view content, const LogCursor& cursor);

}  // namespace spillway::cloud::tencent
