#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cloud/streams.h"

// The log of one run as the shim keeps it: "<nanoseconds since 1970> <text>" lines in a file and the one before it.
// Each file begins with a line that says at which position, of all that the run has written, its first byte is.
namespace spillway::cloud {

// A piece of it without that first line.
struct LogSegment {
  std::uint64_t position = 0;
  std::string text;
  bool is_line_start = true;
};

struct RunLog {
  std::vector<LogSegment> segments;  // in order
  bool has_gap = false;              // what was asked for is gone; the segments begin behind it
  std::uint64_t end = 0;             // the position behind everything written so far
};

// What is kept from position `from` on; nullopt: from wherever it begins. Consistent while the shim writes and rotates.
RunLog ReadRunLog(const std::string& log_path, const std::string& old_log_path, std::optional<std::uint64_t> from);

struct RenderedLog {
  std::string text;
  std::uint64_t next = 0;  // the position behind it: before a line of which not even the time is written yet
};
// As `kubectl logs` wants it. A last line without an end is kept so.
RenderedLog RenderLog(const RunLog& log, const LogOptions& options);

}  // namespace spillway::cloud
