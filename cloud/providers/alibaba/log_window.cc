#include "cloud/providers/alibaba/log_window.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>

namespace spillway::cloud::alibaba {
namespace {

template <typename T>
T Number(std::string_view text) {
  T number{};
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

std::string LogCursor::Text() const { return fmt::format("{}/{}/{}", run, last.time_since_epoch().count(), count); }

LogCursor LogCursor::Parse(std::string_view text) {
  LogCursor cursor;
  const std::size_t second = text.rfind('/');
  if (second == std::string_view::npos || second == 0) return cursor;
  const std::size_t first = text.rfind('/', second - 1);
  if (first == std::string_view::npos) return cursor;
  cursor.run = text.substr(0, first);
  cursor.last = WallTime(Duration(Number<std::int64_t>(text.substr(first + 1, second - first - 1))));
  cursor.count = Number<std::uint64_t>(text.substr(second + 1));
  return cursor;
}

LogPart ReadWindow(std::string_view content, LogCursor cursor, bool with_timestamps) {
  LogPart part;
  const bool is_full = content.size() >= kLogBytes ||
                       static_cast<std::size_t>(std::count(content.begin(), content.end(), '\n')) >= kLogLines;
  const bool had_begun = cursor.last != WallTime{};
  bool is_first = true;
  std::uint64_t given = cursor.count, at_last = 0;
  while (!content.empty()) {
    const std::size_t end = std::min(content.find('\n'), content.size() - 1) + 1;
    const std::string_view line = content.substr(0, end);
    content.remove_prefix(end);
    const std::size_t blank = line.find(' ');
    const auto time = blank == std::string_view::npos ? std::nullopt : base::ParseRfc3339(line.substr(0, blank));
    if (!time) {  // the rest of a line that the window has cut: it belongs to nothing we know
      if (!is_first) part.text += line;
      continue;
    }
    if (is_first && had_begun && is_full && *time > cursor.last) part.has_gap = true;
    is_first = false;
    if (*time < cursor.last) continue;
    if (*time == cursor.last && had_begun && at_last < given) {
      ++at_last;
      continue;
    }
    if (*time > cursor.last) {
      cursor.last = *time;
      cursor.count = given = at_last = 0;
    }
    ++cursor.count;
    ++at_last;
    given = cursor.count;
    part.text += with_timestamps ? line : line.substr(blank + 1);
  }
  part.cursor = cursor.Text();
  return part;
}

}  // namespace spillway::cloud::alibaba
