#include "cloud/providers/process/log_cursor.h"

#include <fmt/core.h>

#include <charconv>

namespace spillway::cloud {

std::string LogCursor::Text() const { return fmt::format("{}:{}", attempt, position.value_or(0)); }

std::optional<LogCursor> LogCursor::Parse(std::string_view text) {
  LogCursor cursor;
  std::uint64_t position = 0;
  const char* const end = text.data() + text.size();
  const auto run = std::from_chars(text.data(), end, cursor.attempt);
  if (run.ec != std::errc() || run.ptr == end || *run.ptr != ':') return std::nullopt;
  const auto place = std::from_chars(run.ptr + 1, end, position);
  if (place.ec != std::errc() || place.ptr != end || cursor.attempt < 0) return std::nullopt;
  cursor.position = position;
  return cursor;
}

}  // namespace spillway::cloud
