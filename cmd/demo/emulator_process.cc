#include "cmd/demo/emulator_process.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace spillway::cmd {
namespace {

constexpr int kStartMilliseconds = 10000;

// In the child, between fork and exec: only what signal handlers may call, too.
[[noreturn]] void Become(const char* program, pid_t parent, int output) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(1);  // it ended before that took hold
  dup2(output, STDOUT_FILENO);
  std::array<char*, 2> arguments = {const_cast<char*>(program), nullptr};
  execv(program, arguments.data());
  _exit(127);
}

}  // namespace

Result<std::unique_ptr<EmulatorProcess>> EmulatorProcess::Start(const std::string& program) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return Fail(Code::kUnavailable, std::strerror(errno));
  const pid_t parent = getpid(), pid = fork();
  if (pid == 0) Become(program.c_str(), parent, ends[1]);
  close(ends[1]);
  if (pid < 0) {
    close(ends[0]);
    return Fail(Code::kUnavailable, fmt::format("{} cannot be started: {}", program, std::strerror(errno)));
  }
  std::unique_ptr<EmulatorProcess> process(new EmulatorProcess(pid, ends[0]));
  if (auto read = process->ReadUrl(program); !read) return Fail(std::move(read.error()));
  return process;
}

EmulatorProcess::~EmulatorProcess() {
  kill(pid_, SIGTERM);
  waitpid(pid_, nullptr, 0);
  close(output_);
}

Status EmulatorProcess::ReadUrl(const std::string& program) {
  for (char letter = 0; letter != '\n';) {
    pollfd ready{output_, POLLIN, 0};
    if (poll(&ready, 1, kStartMilliseconds) <= 0 || read(output_, &letter, 1) != 1)
      return Fail(Code::kUnavailable, fmt::format("{} did not say where it serves", program));
    if (letter != '\n') url_ += letter;
  }
  return {};
}

}  // namespace spillway::cmd
