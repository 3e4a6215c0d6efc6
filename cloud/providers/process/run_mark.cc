#include "cloud/providers/process/run_mark.h"

#include <fmt/core.h>
#include <signal.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <set>
#include <utility>
#include <vector>

#include "cloud/files.h"
#include "cloud/providers/process/process_table.h"

extern "C" {  // glibc 2.36 forgot to say so itself
#include <sys/pidfd.h>
}

namespace spillway::cloud {
namespace {

bool HasInEnvironment(pid_t pid, const std::string& variable) {
  const auto environment = ReadPrivateFile(fmt::format("/proc/{}/environ", pid));
  if (!environment) return false;
  std::string all(1, '\0');
  all += *environment;
  std::string wanted(1, '\0');
  wanted += variable;
  wanted += '\0';
  return all.find(wanted) != std::string::npos;
}

// Sessions are inherited and never joined: who shares one with a marked process comes from the same command.
std::vector<ProcessLine> WithTheirKin(const std::vector<ProcessLine>& all, std::set<pid_t> ours) {
  std::set<pid_t> sessions;
  for (std::size_t known = 0; known != ours.size();) {
    known = ours.size();
    for (const ProcessLine& each : all) {
      if (ours.contains(each.pid)) sessions.insert(each.session);
    }
    for (const ProcessLine& each : all) {
      if (sessions.contains(each.session) || ours.contains(each.parent)) ours.insert(each.pid);
    }
  }
  std::vector<ProcessLine> found;
  for (const ProcessLine& each : all) {
    if (ours.contains(each.pid)) found.push_back(each);
  }
  return found;
}

// False: it is there and may not be killed.
bool Kill(const ProcessLine& process) {
  const UniqueFd held(::pidfd_open(process.pid, 0));
  if (!held.is_open()) return true;
  const auto again = ReadProcess(process.pid);
  if (!again || again->started_ticks != process.started_ticks) return true;
  return ::pidfd_send_signal(held.get(), SIGKILL, nullptr, 0) == 0 || errno == ESRCH;
}

}  // namespace

Result<RunMark> RunMark::Of(const std::string& directory) {
  struct stat info{};
  if (::stat(directory.c_str(), &info) != 0) {
    return Fail(Code::kUnavailable, fmt::format("{}: {}", directory, std::strerror(errno)));
  }
  return RunMark(fmt::format("SPILLWAY_RUN={:x}-{}", info.st_dev, info.st_ino));
}

RunMark::Sweep RunMark::KillAll() const {
  std::vector<ProcessLine> all;
  std::set<pid_t> marked;
  for (const ProcessLine& each : ReadProcesses()) {
    if (each.has_ended) continue;
    all.push_back(each);
    if (HasInEnvironment(each.pid, variable_)) marked.insert(each.pid);
  }
  if (marked.empty()) return Sweep::kClean;
  Sweep result = Sweep::kKilled;
  for (const ProcessLine& each : WithTheirKin(all, std::move(marked))) {
    if (!Kill(each)) result = Sweep::kStuck;
  }
  return result;
}

}  // namespace spillway::cloud
