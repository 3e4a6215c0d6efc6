#include "cloud/providers/process/process_table.h"

#include <fmt/core.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace spillway::cloud {

// proc(5): the command's name stands in parentheses and may hold anything.
std::optional<ProcessLine> ReadProcess(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string text;
  if (!std::getline(file, text, '\0')) return std::nullopt;
  const auto name_end = text.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream rest(text.substr(name_end + 1));
  ProcessLine line;
  line.pid = pid;
  std::string state, skipped;
  pid_t group = 0;
  rest >> state >> line.parent >> group >> line.session;
  line.has_ended = state == "Z" || state == "X";
  for (int i = 0; i < 7; ++i) rest >> skipped;  // to utime, field 14
  for (int i = 0; i < 4; ++i) {
    std::int64_t ticks = 0;
    rest >> ticks;
    line.ticks += ticks > 0 ? static_cast<std::uint64_t>(ticks) : 0;
  }
  for (int i = 0; i < 4; ++i) rest >> skipped;  // to starttime, field 22
  rest >> line.started_ticks >> skipped >> line.pages;
  if (!rest) return std::nullopt;
  return line;
}

std::vector<ProcessLine> ReadProcesses() {
  std::vector<ProcessLine> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename();
    pid_t pid = 0;
    const auto [end, wrong] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (wrong != std::errc() || end != name.data() + name.size()) continue;
    if (const auto line = ReadProcess(pid)) found.push_back(*line);  // else it has just ended
  }
  return found;
}

ProcessTable ProcessTable::Read() {
  ProcessTable table;
  const auto tick = static_cast<std::uint64_t>(1'000'000'000 / ::sysconf(_SC_CLK_TCK));
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  for (const ProcessLine& line : ReadProcesses()) {
    table.parents_[line.pid] = line.parent;
    Session& session = table.sessions_[line.session];
    if (line.pid == line.session) session.leaders_parent = line.parent;
    session.use.cpu_nanoseconds += line.ticks * tick;
    session.use.resident_bytes += line.pages * page;
  }
  return table;
}

ProcessUse ProcessTable::UseBelow(pid_t shim) const {
  ProcessUse sum;
  for (const auto& [leader, session] : sessions_) {
    const auto above = parents_.find(session.leaders_parent);
    const bool is_grandchild = above != parents_.end() && above->second == shim;
    if (session.leaders_parent != shim && !is_grandchild) continue;
    sum.cpu_nanoseconds += session.use.cpu_nanoseconds;
    sum.resident_bytes += session.use.resident_bytes;
  }
  return sum;
}

}  // namespace spillway::cloud
