#include "cloud/providers/tencent/log_window.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <vector>

#include "cloud/providers/rest/digest.h"

namespace spillway::cloud::tencent {
namespace {

constexpr std::size_t kCompared = 64, kMarkDigits = 16;

using Lines = std::vector<std::string_view>;

// Complete ones, with their ends.
Lines LinesOf(std::string_view content) {
  Lines lines;
  for (std::size_t end = content.find('\n'); end != std::string_view::npos; end = content.find('\n')) {
    lines.push_back(content.substr(0, end + 1));
    content.remove_prefix(end + 1);
  }
  return lines;
}

std::string DigestOf(const Lines& lines, std::size_t from, std::size_t count) {
  std::string text;
  for (std::size_t i = from; i < from + count; ++i) text += lines[i];
  return rest::Hex(rest::Sha256(text)).substr(0, kMarkDigits);
}

// Where what the cursor has not seen begins; nullopt: nothing of what it has seen is left.
std::optional<std::size_t> NewFrom(const Lines& lines, const LogCursor& cursor, bool is_full) {
  if (!cursor.was_full && !is_full) return std::min<std::size_t>(cursor.lines, lines.size());
  const std::size_t count = std::min<std::size_t>(cursor.lines, kCompared);
  for (std::size_t end = lines.size(); count > 0 && end >= count; --end) {
    if (DigestOf(lines, end - count, count) == cursor.last) return end;
  }
  return cursor.lines == 0 ? std::optional<std::size_t>(0) : std::nullopt;
}

}  // namespace

std::string LogCursor::Text() const { return fmt::format("{}/{}/{}/{}", run, lines, was_full ? 1 : 0, last); }

LogCursor LogCursor::Parse(std::string_view text) {
  std::array<std::string_view, 4> parts;
  for (std::string_view& part : parts) {
    const std::size_t end = std::min(text.find('/'), text.size());
    part = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  LogCursor cursor;
  cursor.run = parts[0];
  std::from_chars(parts[1].data(), parts[1].data() + parts[1].size(), cursor.lines);
  cursor.was_full = parts[2] == "1";
  cursor.last = parts[3];
  return cursor;
}

LogPart ReadWindow(std::string_view content, const LogCursor& cursor) {
  const Lines lines = LinesOf(content);
  const bool is_full = lines.size() >= kLogLines || content.size() >= kLogBytes;
  const auto from = NewFrom(lines, cursor, is_full);
  LogPart part;
  part.has_gap = !from;
  for (std::size_t i = from.value_or(0); i < lines.size(); ++i) part.text += lines[i];
  LogCursor next = cursor;
  if (!lines.empty()) {
    const std::size_t count = std::min(lines.size(), kCompared);
    next.lines = lines.size();
    next.was_full = is_full;
    next.last = DigestOf(lines, lines.size() - count, count);
  }
  part.cursor = next.Text();
  return part;
}

}  // namespace spillway::cloud::tencent
