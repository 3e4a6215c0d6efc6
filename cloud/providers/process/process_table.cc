#include "cloud/providers/process/process_table.h"

#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

namespace spillway::cloud {
namespace {

struct ProcessLine {
  pid_t parent = 0, session = 0;
  std::uint64_t ticks = 0, pages = 0;
};

// /proc/<pid>/stat, proc(5): the command's name stands in parentheses and may hold anything.
std::optional<ProcessLine> ReadStat(const std::string& path) {
  std::ifstream file(path);
  std::string text;
  if (!std::getline(file, text, '\0')) return std::nullopt;
  const auto name_end = text.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream rest(text.substr(name_end + 1));
  ProcessLine line;
  std::string state, skipped;
  pid_t group = 0;
  rest >> state >> line.parent >> group >> line.session;
  for (int i = 0; i < 7; ++i) rest >> skipped;  // to utime, field 14
  for (int i = 0; i < 4; ++i) {
    std::int64_t ticks = 0;
    rest >> ticks;
    line.ticks += ticks > 0 ? static_cast<std::uint64_t>(ticks) : 0;
  }
  for (int i = 0; i < 6; ++i) rest >> skipped;  // to rss, field 24
  rest >> line.pages;
  if (!rest) return std::nullopt;
  return line;
}

}  // namespace

ProcessTable ProcessTable::Read() {
  ProcessTable table;
  const auto tick = static_cast<std::uint64_t>(1'000'000'000 / ::sysconf(_SC_CLK_TCK));
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename();
    pid_t pid = 0;
    const auto [end, wrong] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (wrong != std::errc() || end != name.data() + name.size()) continue;
    const std::optional<ProcessLine> line = ReadStat(entry.path() / "stat");
    if (!line) continue;  // it has just ended
    Session& session = table.sessions_[line->session];
    if (pid == line->session) session.leaders_parent = line->parent;
    session.use.cpu_nanoseconds += line->ticks * tick;
    session.use.resident_bytes += line->pages * page;
  }
  return table;
}

ProcessUse ProcessTable::UseOfChildren(pid_t parent) const {
  ProcessUse sum;
  for (const auto& [leader, session] : sessions_) {
    if (session.leaders_parent != parent) continue;
    sum.cpu_nanoseconds += session.use.cpu_nanoseconds;
    sum.resident_bytes += session.use.resident_bytes;
  }
  return sum;
}

}  // namespace spillway::cloud
