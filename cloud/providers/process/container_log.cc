#include "cloud/providers/process/container_log.h"

#include <algorithm>
#include <charconv>
#include <vector>

namespace spillway::cloud {
namespace {

struct LogLine {
  WallTime at{};
  std::string_view text;  // with its newline, if it has one
};

LogLine ParseLine(std::string_view raw) {
  std::int64_t nanos = 0;
  const auto [end, error] = std::from_chars(raw.data(), raw.data() + raw.size(), nanos);
  if (error != std::errc() || end == raw.data() + raw.size() || *end != ' ') return {WallTime{}, raw};
  return {WallTime(Duration(nanos)), raw.substr(static_cast<std::size_t>(end - raw.data()) + 1)};
}

}  // namespace

std::string RenderLog(std::string_view raw, const LogOptions& options, WallTime now) {
  std::vector<LogLine> lines;
  while (!raw.empty()) {
    const auto newline = raw.find('\n');
    const std::size_t size = newline == std::string_view::npos ? raw.size() : newline + 1;
    lines.push_back(ParseLine(raw.substr(0, size)));
    raw.remove_prefix(size);
  }
  if (options.since_seconds) {
    const WallTime since = now - std::chrono::seconds(*options.since_seconds);
    std::erase_if(lines, [&](const LogLine& line) { return line.at < since; });
  }
  std::size_t first = 0;
  if (options.tail_lines && *options.tail_lines < static_cast<std::int64_t>(lines.size())) {
    first = lines.size() - static_cast<std::size_t>(*options.tail_lines);
  }
  std::string out;
  for (std::size_t i = first; i < lines.size(); ++i) {
    if (options.timestamps) out += base::FormatRfc3339Micro(lines[i].at) + " ";
    out += lines[i].text;
    if (options.limit_bytes && out.size() >= static_cast<std::size_t>(*options.limit_bytes)) {
      out.resize(static_cast<std::size_t>(*options.limit_bytes));
      break;
    }
  }
  return out;
}

}  // namespace spillway::cloud
