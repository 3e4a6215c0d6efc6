#include "cloud/providers/process/container_log.h"

#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <string_view>

#include "cloud/files.h"

namespace spillway::cloud {
namespace {

constexpr std::size_t kLongestHead = 21;  // 20 digits and a line feed
constexpr std::size_t kMostAtOnce = 64u << 20;
constexpr int kTries = 16;

// One of the two files, held open so that a rotation does not take it away.
struct KeptFile {
  UniqueFd fd;
  std::uint64_t head = 0;      // bytes of its first line
  std::uint64_t position = 0;  // of what follows that
  std::uint64_t size = 0;
  bool is_there = false;

  std::uint64_t end() const { return position + size; }
};

KeptFile OpenKept(const std::string& path) {
  KeptFile file;
  file.fd = OpenPrivateFile(path);
  struct stat info{};
  if (!file.fd.is_open() || ::fstat(file.fd.get(), &info) != 0) return file;
  const std::string first = ReadAt(file.fd, 0, kLongestHead);
  const auto [end, error] = std::from_chars(first.data(), first.data() + first.size(), file.position);
  if (error != std::errc() || end == first.data() + first.size() || *end != '\n') return file;
  file.head = static_cast<std::uint64_t>(end - first.data()) + 1;
  file.size = static_cast<std::uint64_t>(info.st_size) - file.head;
  file.is_there = true;
  return file;
}

struct LogLine {
  std::uint64_t position = 0;
  std::optional<WallTime> at;  // absent: the continuation of a line
  std::string_view text;       // with its newline, if it has one
};

// Splits "<nanoseconds> <text>"; false while not all of the time is there.
bool ParseStamp(std::string_view raw, LogLine& line) {
  std::int64_t nanos = 0;
  const auto [end, error] = std::from_chars(raw.data(), raw.data() + raw.size(), nanos);
  if (error != std::errc() || end == raw.data() + raw.size() || *end != ' ') return false;
  line.at = WallTime(Duration(nanos));
  line.text = raw.substr(static_cast<std::size_t>(end - raw.data()) + 1);
  return true;
}

// The lines of all segments; `next` becomes the position behind them.
std::vector<LogLine> LinesOf(const RunLog& log, std::uint64_t& next) {
  std::vector<LogLine> lines;
  bool is_continued = false;  // the line before has no end: it was cut in two by a rotation
  for (const LogSegment& segment : log.segments) {
    std::string_view rest = segment.text;
    bool is_start = segment.is_line_start;
    next = segment.position;
    while (!rest.empty()) {
      const auto newline = rest.find('\n');
      const std::size_t size = newline == std::string_view::npos ? rest.size() : newline + 1;
      LogLine line{next, std::nullopt, rest.substr(0, size)};
      const bool is_whole = newline != std::string_view::npos;
      if (is_start && !ParseStamp(line.text, line) && !is_whole) return lines;
      if (is_continued) line.at.reset();
      lines.push_back(line);
      is_continued = !is_whole;
      is_start = true;
      next += size;
      rest.remove_prefix(size);
    }
  }
  return lines;
}

}  // namespace

RunLog ReadRunLog(const std::string& log_path, const std::string& old_log_path, std::optional<std::uint64_t> from) {
  KeptFile files[2];
  for (int tries = 0; tries < kTries; ++tries) {
    files[1] = OpenKept(log_path);
    files[0] = OpenKept(old_log_path);
    if (!files[0].is_there || !files[1].is_there) break;
    if (files[0].end() == files[1].position) break;  // otherwise it was rotated meanwhile
  }
  RunLog log;
  std::size_t room = kMostAtOnce;
  bool is_first = true;
  for (const KeptFile& file : files) {
    if (!file.is_there) continue;
    log.end = file.end();
    if (std::exchange(is_first, false)) {
      log.has_gap = from && *from < file.position;
      if (!from || log.has_gap) from = file.position;
    }
    if (*from >= file.end() || room == 0) continue;
    const std::uint64_t start = std::max(*from, file.position);
    const std::uint64_t offset = file.head + (start - file.position);
    LogSegment segment;
    segment.position = start;
    segment.text = ReadAt(file.fd, offset, std::min<std::uint64_t>(room, file.end() - start));
    segment.is_line_start = start == file.position || ReadAt(file.fd, offset - 1, 1) == "\n";
    room -= segment.text.size();
    log.segments.push_back(std::move(segment));
  }
  if (log.segments.empty() && from) log.segments.push_back({*from, "", true});
  return log;
}

RenderedLog RenderLog(const RunLog& log, const LogOptions& options) {
  RenderedLog rendered;
  std::vector<LogLine> lines = LinesOf(log, rendered.next);
  if (options.since) std::erase_if(lines, [&](const LogLine& line) { return line.at && *line.at < *options.since; });
  std::size_t first = 0;
  if (options.tail_lines) {
    auto wanted = static_cast<std::size_t>(*options.tail_lines);
    for (first = lines.size(); first > 0 && wanted > 0; --first) wanted -= lines[first - 1].at ? 1 : 0;
  }
  const auto limit = options.limit_bytes ? static_cast<std::size_t>(*options.limit_bytes) : std::string::npos;
  for (std::size_t i = first; i < lines.size() && rendered.text.size() < limit; ++i) {
    if (options.timestamps && lines[i].at) rendered.text += base::FormatRfc3339Micro(*lines[i].at) + " ";
    rendered.text += lines[i].text;
  }
  if (rendered.text.size() > limit) rendered.text.resize(limit);
  return rendered;
}

}  // namespace spillway::cloud
