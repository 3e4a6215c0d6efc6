#include "cloud/providers/process/container_run.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <utility>
#include <vector>

#include "base/log.h"
#include "cloud/providers/process/exec_failure.h"
#include "cloud/providers/process/run_mark.h"
#include "cloud/providers/process/shim.h"

extern "C" {  // glibc 2.36 forgot to say so itself
#include <sys/pidfd.h>
}

namespace spillway::cloud {
namespace {

constexpr int kKilled = 137;
constexpr std::size_t kLongestMessage = 4096;  // kubelet's
constexpr const char* kFilesOfARun[] = {"pid", "command", "error", "exit", "message", "log", "oldlog", "input"};

// Whole numbers separated by blanks; empty when anything else is in `text`.
std::vector<std::int64_t> Numbers(std::string_view text) {
  std::vector<std::int64_t> numbers;
  while (!text.empty()) {
    if (text.front() == ' ' || text.front() == '\n') {
      text.remove_prefix(1);
      continue;
    }
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc()) return {};
    numbers.push_back(number);
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  }
  return numbers;
}

std::vector<std::int64_t> NumbersIn(const std::string& path, std::size_t want) {
  const auto text = ReadPrivateFile(path, 4096);
  std::vector<std::int64_t> numbers = text ? Numbers(*text) : std::vector<std::int64_t>();
  if (numbers.size() != want) numbers.clear();
  return numbers;
}

}  // namespace

ContainerRun::ContainerRun(std::string directory, std::size_t log_limit)
    : directory_(std::move(directory)), log_limit_(log_limit) {}

std::string ContainerRun::Path(const char* kind) const { return directory_ + "/" + kind; }
std::string ContainerRun::Path(const char* kind, int attempt) const {
  return fmt::format("{}/{}.{}", directory_, kind, attempt);
}

bool ContainerRun::Recover() {
  const auto run = NumbersIn(Path("run"), 2);
  if (run.empty()) return false;
  attempt_ = static_cast<int>(run[0]);
  started_at_ = WallTime(Duration(run[1]));
  running_ = IsHeld();
  if (running_) return true;
  const bool was_forked = ReadPrivateFile(Path("pid", attempt_), 64).has_value();
  if (!was_forked &&
      !ReadPrivateFile(Path("exit", attempt_), 64)) {  // the agent died just before: nothing of this run ever was
    --attempt_;
    return attempt_ >= 0;
  }
  running_ = !IsSwept();
  if (!running_) ReadEnd(started_at_);
  return true;
}

bool ContainerRun::IsHeld() const {
  const auto lock = LockFile(Path("lock"));
  return !lock && lock.error().code == Code::kConflict;
}

bool ContainerRun::IsSwept() {
  if (ReadPrivateFile(Path("exit", attempt_), 64)) return true;  // its shim has seen to it
  const auto mark = RunMark::Of(directory_);
  if (!mark) return true;  // the directory has gone, and it with whoever removed it
  const RunMark::Sweep sweep = mark->KillAll();
  if (sweep == RunMark::Sweep::kStuck && !std::exchange(is_stuck_, true)) {
    log::Warning(
        "a container's processes have outlived what looked after them and may not be killed by this user; it "
        "is not started again before they have ended",
        {{"directory", directory_}, {"mark", mark->variable()}});
  }
  return sweep == RunMark::Sweep::kClean;
}

std::string ContainerRun::NextMessagePath() const {
  const std::string path = Path("message", attempt_ + 1);
  (void)MakePrivateDirectory(directory_);
  ::unlink(path.c_str());
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (file.is_open()) ::fchmod(file.get(), 0666);  // whoever the command runs as; the directory is private
  return path;
}

Status ContainerRun::Start(const RunPlan& wanted, WallTime now) {
  if (auto made = MakePrivateDirectory(directory_); !made) return made;
  auto lock = LockFile(Path("lock"));
  if (!lock) return Fail(std::move(lock).error());
  const int attempt = attempt_ + 1;
  if (auto noted = NoteRun(attempt, now); !noted) return noted;

  ShimPlan plan;
  plan.executable = wanted.command.executable;
  plan.arguments = wanted.command.words;
  plan.environment = wanted.command.environment;
  if (const auto mark = RunMark::Of(directory_)) plan.environment.push_back(mark->variable());
  plan.work_dir = wanted.work_dir;
  if (wanted.isolation) plan.isolation = &*wanted.isolation;
  plan.pid_path = Path("pid", attempt);
  plan.command_path = Path("command", attempt);
  plan.log_path = Path("log", attempt);
  plan.old_log_path = Path("oldlog", attempt);
  plan.error_path = Path("error", attempt);
  plan.exit_path = Path("exit", attempt);
  if (wanted.input == StandardInput::kAttachable) {
    plan.input_path = Path("input", attempt);
    ::unlink(plan.input_path.c_str());
    if (::mkfifo(plan.input_path.c_str(), 0600) != 0)
      return Fail(Code::kUnavailable, "cannot make a FIFO for its input");
  }
  plan.lock_fd = lock->get();
  plan.log_limit = log_limit_;
  const Result<pid_t> pid = StartShim(plan);
  if (!pid) return Fail(pid.error());
  child_ = *pid;
  shim_ = UniqueFd(::pidfd_open(*pid, 0));
  attempt_ = attempt;
  started_at_ = now;
  ended_.reset();
  running_ = true;
  return {};
}

Status ContainerRun::NoteRun(int attempt, WallTime now) {
  const std::string run = fmt::format("{} {}\n", attempt, now.time_since_epoch().count());
  if (auto written = WriteFileAtomically(Path("run"), run); !written) return written;
  for (const char* kind : kFilesOfARun) {
    if (std::string_view(kind) != "message") ::unlink(Path(kind, attempt).c_str());
    ::unlink(Path(kind, attempt - 2).c_str());
  }
  return {};
}

Status ContainerRun::FailToStart(const std::string& why, WallTime now) {
  if (auto made = MakePrivateDirectory(directory_); !made) return made;
  const int attempt = attempt_ + 1;
  if (auto noted = NoteRun(attempt, now); !noted) return noted;
  if (auto written = WriteFileAtomically(Path("error", attempt), why); !written) return written;
  const std::string exit = fmt::format("{} 0 {}\n", kCannotStart, now.time_since_epoch().count());
  if (auto written = WriteFileAtomically(Path("exit", attempt), exit); !written) return written;
  attempt_ = attempt;
  started_at_ = now;
  ReadEnd(now);
  return {};
}

bool ContainerRun::Poll(WallTime now) {
  if (!running_) return false;
  if (!shim_.is_open()) {
    // Adopted, or without pidfds: the lock tells.
    const auto pid = NumbersIn(Path("pid", attempt_), 1);
    if (!pid.empty()) shim_ = UniqueFd(::pidfd_open(static_cast<pid_t>(pid[0]), 0));
  } else {
    pollfd source{shim_.get(), POLLIN, 0};
    if (::poll(&source, 1, 0) == 0) return false;
  }
  if (IsHeld()) return false;  // the shim lives, and so the pidfd is its; or its keeper still has something to end
  if (child_ != 0) ::waitpid(child_, nullptr, WNOHANG);
  child_ = 0;
  shim_ = UniqueFd();
  if (!IsSwept()) return false;
  running_ = false;
  ReadEnd(now);
  return true;
}

void ContainerRun::ReadEnd(WallTime now) {
  Termination ended;
  ended.started_at = started_at_;
  const auto exit = NumbersIn(Path("exit", attempt_), 3);
  if (exit.empty()) {
    ended.exit_code = kKilled;
    ended.signal = SIGKILL;
    ended.reason = "Error";
    ended.message = "The process was killed together with the one that looked after it";
    ended.finished_at = now;
  } else {
    ended.exit_code = static_cast<int>(exit[0]);
    ended.signal = static_cast<int>(exit[1]);
    ended.reason = ended.exit_code == 0 ? "Completed" : "Error";
    ended.finished_at = WallTime(Duration(exit[2]));
    if (const auto why = ReadPrivateFile(Path("error", attempt_), kLongestMessage)) {
      ended.reason = kStartError;
      ended.message = *why;
    } else {
      ended.message = ReadPrivateFile(Path("message", attempt_), kLongestMessage).value_or("");
    }
  }
  ended_ = ended;
}

void ContainerRun::Signal(int shim_signal) const {
  if (running_ && shim_.is_open()) ::pidfd_send_signal(shim_.get(), shim_signal, nullptr, 0);
}

pid_t ContainerRun::ShimPid() const {
  if (!running_) return 0;
  if (child_ != 0) return child_;
  const auto pid = NumbersIn(Path("pid", attempt_), 1);
  return pid.empty() ? 0 : static_cast<pid_t>(pid[0]);
}

UniqueFd ContainerRun::WatchShim() const { return UniqueFd(::fcntl(shim_.get(), F_DUPFD_CLOEXEC, 3)); }

pid_t ContainerRun::CommandPid() const {
  const auto pid = running_ ? NumbersIn(Path("command", attempt_), 1) : std::vector<std::int64_t>();
  return pid.empty() ? 0 : static_cast<pid_t>(pid[0]);
}

UniqueFd ContainerRun::OpenInput() const {
  if (!running_) return UniqueFd();
  return UniqueFd(::open(Path("input", attempt_).c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW));
}

RunLog ContainerRun::ReadLog(int attempt, std::optional<std::uint64_t> from) const {
  return ReadRunLog(Path("log", attempt), Path("oldlog", attempt), from);
}

}  // namespace spillway::cloud
