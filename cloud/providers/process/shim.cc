#include "cloud/providers/process/shim.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <optional>

#include "base/forked_clock.h"
#include "cloud/providers/process/default_signals.h"
#include "cloud/providers/process/descendants.h"
#include "cloud/providers/process/exec_failure.h"
#include "cloud/providers/process/keeper.h"

namespace spillway::cloud {
namespace {

constexpr int kLockFd = 3, kOutputFd = 4, kCommandOutputFd = 5, kInputFd = 6, kFirstOtherFd = 7;
constexpr int kOutOfTheWay = 64;  // where descriptors are put while 3 to 5 are dealt out

// The plan as exec wants it. Made before the fork: nothing may be allocated after it.
struct RawPlan {
  explicit RawPlan(const ShimPlan& p) : plan(p) {
    if (p.isolation) isolation.emplace(*p.isolation);
    for (const std::string& text : p.arguments) argv.push_back(const_cast<char*>(text.c_str()));
    argv.push_back(nullptr);
    for (const std::string& text : p.environment) envp.push_back(const_cast<char*>(text.c_str()));
    envp.push_back(nullptr);
    exit_draft = p.exit_path + ".new";
  }
  const ShimPlan& plan;
  std::optional<RawIsolation> isolation;
  std::vector<char*> argv, envp;
  std::string exit_draft;
};

// A line of text of bounded length, without allocation.
class Line {
 public:
  void Number(std::uint64_t value) {
    char digits[20];
    std::size_t count = 0;
    do {
      digits[count++] = static_cast<char>('0' + value % 10);
      value /= 10;
    } while (value != 0);
    while (count > 0) Character(digits[--count]);
  }
  void Character(char c) {
    if (size_ < sizeof bytes_) bytes_[size_++] = c;
  }
  const char* data() const { return bytes_; }
  std::size_t size() const { return size_; }

 private:
  char bytes_[96];
  std::size_t size_ = 0;
};

std::uint64_t NowNanos() { return static_cast<std::uint64_t>(base::WallNanosInForkedChild()); }

bool WriteAll(int fd, const char* bytes, std::size_t size) {
  while (size > 0) {
    const ssize_t written = ::write(fd, bytes, size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes += written;
    size -= static_cast<std::size_t>(written);
  }
  return true;
}

void WriteFile(const char* path, const Line& line) {
  const int fd = ::open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return;
  WriteAll(fd, line.data(), line.size());
  ::close(fd);
}

void CloseFrom(int first) {
  if (::close_range(static_cast<unsigned>(first), ~0u, 0) == 0) return;
  const long limit = ::sysconf(_SC_OPEN_MAX);
  for (int fd = first; fd < limit; ++fd) ::close(fd);
}

// As CloseFrom(), when something else is executed.
void CloseOnExecFrom(int first) {
  if (::close_range(static_cast<unsigned>(first), ~0u, CLOSE_RANGE_CLOEXEC) == 0) return;
  const long limit = ::sysconf(_SC_OPEN_MAX);
  for (int fd = first; fd < limit; ++fd) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
}

// Runs in the shim. No allocation, no locks, no return.
class Shim {
 public:
  explicit Shim(const RawPlan& raw) : raw_(raw) {}

  [[noreturn]] void Run() {
    ::setsid();
    ::prctl(PR_SET_NAME, "spillway-shim");
    AdoptDescendants();
    ::umask(022);
    sigset_t all;
    ::sigfillset(&all);
    ::sigprocmask(SIG_SETMASK, &all, nullptr);
    DefaultSignals();
    if (!DealOutDescriptors()) Finish(kCannotStart, 0);

    Line pid;
    pid.Number(static_cast<std::uint64_t>(::getpid()));
    WriteFile(raw_.plan.pid_path.c_str(), pid);

    shim_ = ::getpid();
    StartCommand();
    Watch();
  }

 private:
  bool DealOutDescriptors() {
    int output[2];
    if (::pipe(output) != 0) return false;
    const int null = ::open("/dev/null", O_RDWR);
    const int lock = ::fcntl(raw_.plan.lock_fd, F_DUPFD, kOutOfTheWay);
    const int in = ::fcntl(output[0], F_DUPFD, kOutOfTheWay);
    const int out = ::fcntl(output[1], F_DUPFD, kOutOfTheWay);
    const int nothing = ::fcntl(null, F_DUPFD, kOutOfTheWay);
    if (lock < 0 || in < 0 || out < 0 || nothing < 0) return false;
    for (const int fd : {0, 1, 2}) {
      if (::dup2(nothing, fd) < 0) return false;
    }
    if (::dup2(lock, kLockFd) < 0 || ::dup2(in, kOutputFd) < 0 || ::dup2(out, kCommandOutputFd) < 0) return false;
    ::close(kInputFd);
    CloseFrom(kFirstOtherFd);
    if (!HoldInput()) return false;
    ::fcntl(kOutputFd, F_SETFL, O_NONBLOCK);
    return true;
  }

  // For reading too, or it would wait for a reader.
  bool HoldInput() {
    if (raw_.plan.input_path.empty()) return true;
    const int held = ::open(raw_.plan.input_path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
    if (held < 0) return false;
    if (held != kInputFd) {
      if (::dup2(held, kInputFd) < 0) return false;
      ::close(held);
    }
    return true;
  }

  void StartCommand() {
    int told[2];  // the command's number, and why it cannot be executed; closes when it is, or ends
    if (::pipe2(told, O_CLOEXEC) != 0) Finish(kCannotStart, 0);
    const pid_t keeper = ::fork();
    if (keeper < 0) Finish(kCannotStart, 0);
    if (keeper == 0) BeKeeper(told[1]);
    ::close(kCommandOutputFd);
    ::close(told[1]);
    if (::read(told[0], &command_, sizeof command_) != static_cast<ssize_t>(sizeof command_)) {
      KillDescendants();
      Finish(kCannotStart, 0);
    }
    if (!TakeError(told[0])) {
      Line command;
      command.Number(static_cast<std::uint64_t>(command_));
      WriteFile(raw_.plan.command_path.c_str(), command);
    }
    ::close(told[0]);
  }

  // False: there is none.
  bool TakeError(int told) {
    int file = -1;
    for (;;) {
      const ssize_t size = ::read(told, buffer_, sizeof buffer_);
      if (size < 0 && errno == EINTR) continue;
      if (size <= 0) break;
      if (file < 0) file = ::open(raw_.plan.error_path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
      WriteAll(file, buffer_, static_cast<std::size_t>(size));
    }
    if (file >= 0) ::close(file);
    return file >= 0;
  }

  [[noreturn]] void BeKeeper(int told) {
    BecomeKeeper();
    const pid_t keeper = ::getpid();
    const pid_t command = ::fork();
    if (command < 0) ::_exit(kCannotStart);
    if (command == 0) Exec(keeper, told);
    CloseFrom(kLockFd + 1);  // it holds up no reader
    Keep(shim_, command);
  }

  [[noreturn]] void Exec(pid_t keeper, int told) {
    ::setsid();
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != keeper) ::_exit(kCannotStart);  // it died before it could be asked for
    const pid_t self = ::getpid();
    WriteAll(told, reinterpret_cast<const char*>(&self), sizeof self);
    const ExecFailure failure(told);
    if (!raw_.plan.input_path.empty()) {
      const int input = ::open(raw_.plan.input_path.c_str(), O_RDONLY | O_NOFOLLOW);
      if (input < 0 || ::dup2(input, 0) < 0) failure.Say({"cannot open its standard input: ", ErrorWords(errno)});
    }
    ::dup2(kCommandOutputFd, 1);
    ::dup2(kCommandOutputFd, 2);
    CloseOnExecFrom(3);
    if (raw_.isolation) {
      const char* const failed = raw_.isolation->Enter();
      if (failed) failure.Say({"cannot give the container a view of its own: ", failed, ": ", ErrorWords(errno)});
    }
    const char* const directory = raw_.plan.work_dir.c_str();
    if (::chdir(directory) != 0) {
      failure.Say({"chdir to cwd (\"", directory, "\") set in config.json failed: ", ErrorWords(errno)});
    }
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::execve(raw_.plan.executable.c_str(), raw_.argv.data(), raw_.envp.data());
    failure.SayOfExec(raw_.argv[0], raw_.plan.executable.c_str(), errno);
  }

  [[noreturn]] void Watch() {
    sigset_t asked;
    ::sigemptyset(&asked);
    for (const int number : {SIGCHLD, SIGTERM, SIGUSR1, SIGUSR2}) ::sigaddset(&asked, number);
    const int signals = ::signalfd(-1, &asked, SFD_CLOEXEC | SFD_NONBLOCK);
    pollfd sources[2] = {{signals, POLLIN, 0}, {kOutputFd, POLLIN, 0}};
    for (;;) {
      ::poll(sources, 2, -1);
      if (sources[1].revents != 0 && TakeOutput() == Output::kClosed) sources[1].fd = -1;
      signalfd_siginfo info;
      while (::read(signals, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
        if (info.ssi_signo == SIGTERM) ::kill(-command_, SIGTERM);
        if (info.ssi_signo == SIGUSR1) ::kill(-command_, SIGKILL);
        if (info.ssi_signo == SIGUSR2) ::close(kInputFd);
        if (info.ssi_signo == SIGCHLD) TakeEnded();
      }
    }
  }

  // Of what has lost its parent nothing is to be told; with the command ends everything.
  void TakeEnded() {
    for (;;) {
      siginfo_t ended{};
      if (::waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) != 0 || ended.si_pid == 0) return;
      if (ended.si_pid == command_) EndWithCommand(ended);
      ::waitpid(ended.si_pid, nullptr, WNOHANG);
    }
  }

  [[noreturn]] void EndWithCommand(const siginfo_t& ended) {
    ::kill(-command_, SIGKILL);  // it has not been waited for: nobody else has the number
    KillDescendants();
    while (TakeOutput() == Output::kSome) {
    }
    const bool by_signal = ended.si_code != CLD_EXITED;
    Finish(by_signal ? 128 + ended.si_status : ended.si_status, by_signal ? ended.si_status : 0);
  }

  [[noreturn]] void Finish(int code, int signal) {
    Line line;
    line.Number(static_cast<std::uint64_t>(code));
    line.Character(' ');
    line.Number(static_cast<std::uint64_t>(signal));
    line.Character(' ');
    line.Number(NowNanos());
    line.Character('\n');
    WriteFile(raw_.exit_draft.c_str(), line);
    ::rename(raw_.exit_draft.c_str(), raw_.plan.exit_path.c_str());
    ::_exit(0);
  }

  enum class Output { kSome, kNoneNow, kClosed };
  Output TakeOutput() {
    const ssize_t size = ::read(kOutputFd, buffer_, sizeof buffer_);
    if (size < 0 && (errno == EINTR || errno == EAGAIN)) return Output::kNoneNow;
    if (size <= 0) return Output::kClosed;
    const char* at = buffer_;
    const char* const end = buffer_ + size;
    while (at < end) {
      const void* newline = ::memchr(at, '\n', static_cast<std::size_t>(end - at));
      const char* stop = newline ? static_cast<const char*>(newline) + 1 : end;
      WriteLog(at, static_cast<std::size_t>(stop - at));
      at_line_start_ = newline != nullptr;
      at = stop;
    }
    return Output::kSome;
  }

  void WriteLog(const char* bytes, std::size_t size) {
    const bool is_full = log_size_ > raw_.plan.log_limit;
    if (is_full && (at_line_start_ || log_size_ > 2 * raw_.plan.log_limit)) {
      ::close(log_);
      ::rename(raw_.plan.log_path.c_str(), raw_.plan.old_log_path.c_str());
      log_ = -1;
      log_position_ += log_size_;
      log_size_ = 0;
      at_line_start_ = true;
    }
    if (log_ < 0) {
      log_ = ::open(raw_.plan.log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
      Line head;
      head.Number(log_position_);
      head.Character('\n');
      WriteAll(log_, head.data(), head.size());
    }
    if (at_line_start_) {
      Line stamp;
      stamp.Number(NowNanos());
      stamp.Character(' ');
      WriteAll(log_, stamp.data(), stamp.size());
      log_size_ += stamp.size();
    }
    WriteAll(log_, bytes, size);
    log_size_ += size;
  }

  const RawPlan& raw_;
  pid_t shim_ = 0, command_ = 0;
  int log_ = -1;
  std::uint64_t log_position_ = 0;  // of the file's first byte in all that was written
  std::size_t log_size_ = 0;
  bool at_line_start_ = true;
  char buffer_[16384];
};

}  // namespace

Result<pid_t> StartShim(const ShimPlan& plan) {
  const RawPlan raw(plan);
  // A signal that came to the child before it has cut its ties would run the agent's handlers there.
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = ::fork();
  if (pid != 0) ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return Fail(Code::kUnavailable, std::string("cannot fork: ") + std::strerror(errno));
  if (pid == 0) Shim(raw).Run();
  return pid;
}

}  // namespace spillway::cloud
