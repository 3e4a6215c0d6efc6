#include "cloud/providers/process/exec_session.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "cloud/providers/process/default_signals.h"
#include "cloud/providers/process/descendants.h"
#include "cloud/providers/process/isolation.h"

extern "C" {  // glibc 2.36 forgot to say so itself
#include <sys/pidfd.h>
}

namespace spillway::cloud {
namespace {

constexpr std::size_t kPiece = 64u << 10;
constexpr int kCannotRun = 126, kNoSuchCommand = 127;

bool IsReadable(int fd) {
  pollfd source{fd, POLLIN, 0};
  return ::poll(&source, 1, 0) > 0;
}

// An epoll descriptor, itself to be waited for: readable as soon as one of both is.
UniqueFd Either(int one, int other) {
  UniqueFd both(::epoll_create1(EPOLL_CLOEXEC));
  for (const int fd : {one, other}) {
    epoll_event event{EPOLLIN, {.fd = fd}};
    ::epoll_ctl(both.get(), EPOLL_CTL_ADD, fd, &event);
  }
  return both;
}

// The two ends of a pipe: ours does not block.
struct PipeEnds {
  UniqueFd ours, theirs;
};
enum class WeDo : std::uint8_t { kRead, kWrite };
PipeEnds MakePipe(WeDo we) {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) return {};
  PipeEnds made{UniqueFd(ends[we == WeDo::kRead ? 0 : 1]), UniqueFd(ends[we == WeDo::kRead ? 1 : 0])};
  ::fcntl(made.ours.get(), F_SETFL, O_NONBLOCK);
  return made;
}

// Above a command, with all signals blocked: ends as it does, and everything below with it. SIGUSR1 ends it now.
// Async-signal-safe.
class ExecGuard {
 public:
  ExecGuard(pid_t command, int owner) : command_(command), owner_(owner) {}

  [[noreturn]] void Run() const {
    CloseAllBut(owner_);
    sigset_t asked;
    ::sigemptyset(&asked);
    for (const int number : {SIGCHLD, SIGUSR1}) ::sigaddset(&asked, number);
    pollfd sources[2] = {{::signalfd(-1, &asked, SFD_CLOEXEC | SFD_NONBLOCK), POLLIN, 0}, {owner_, POLLIN, 0}};
    for (;;) {
      if (const int code = ExitCode(); code >= 0) ::_exit(code);
      ::poll(sources, 2, -1);
      signalfd_siginfo info;
      bool is_to_end = sources[1].revents != 0;
      while (::read(sources[0].fd, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
        is_to_end = is_to_end || info.ssi_signo == SIGUSR1;
      }
      if (!is_to_end) continue;
      ::kill(command_, SIGKILL);
      sources[1].fd = -1;
    }
  }

 private:
  // What keeps a pipe or terminal open would keep its reader waiting.
  static void CloseAllBut(int kept) {
    if (kept > 0) ::close_range(0, static_cast<unsigned>(kept) - 1, 0);
    ::close_range(static_cast<unsigned>(kept + 1), ~0u, 0);
  }
  // Below zero: it still runs.
  int ExitCode() const {
    for (;;) {
      siginfo_t ended{};
      if (::waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) != 0 || ended.si_pid == 0) return -1;
      if (ended.si_pid == command_) {
        KillDescendants();
        return ended.si_code == CLD_EXITED ? ended.si_status : 128 + ended.si_status;
      }
      ::waitpid(ended.si_pid, nullptr, WNOHANG);
    }
  }

  const pid_t command_;
  const int owner_;
};

// Forks and executes a command in a session of its own, below a guard. Between the two nothing is allocated: the agent
// has threads.
class Spawner {
 public:
  void Give(int ours, int as) { given_.push_back({ours, as, nullptr}); }
  void Open(const char* path, int as) { given_.push_back({-1, as, path}); }

  // An errno, 0 when it runs; `pid` is its guard's.
  int Run(const ExecPlan& plan, pid_t& pid) {
    auto joined = JoinedNamespaces::Of(plan.join);
    if (!joined) return ESRCH;
    std::vector<char*> words, variables;
    for (const std::string& word : plan.command.words) words.push_back(const_cast<char*>(word.c_str()));
    for (const std::string& variable : plan.command.environment)
      variables.push_back(const_cast<char*>(variable.c_str()));
    std::string term = "TERM=xterm";
    if (plan.is_terminal) variables.insert(variables.begin(), term.data());
    words.push_back(nullptr);
    variables.push_back(nullptr);

    PipeEnds failed = MakePipe(WeDo::kRead);
    if (!failed.ours.is_open()) return errno;
    ::fcntl(failed.ours.get(), F_SETFL, 0);
    sigset_t all, before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    pid = ::fork();
    if (pid == 0) Guard(plan, *joined, words.data(), variables.data(), failed.theirs.get());
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (pid < 0) return errno;
    failed.theirs = UniqueFd();
    int error = 0;
    ssize_t size = 0;
    do {
      size = ::read(failed.ours.get(), &error, sizeof error);
    } while (size < 0 && errno == EINTR);
    if (size != static_cast<ssize_t>(sizeof error)) return 0;
    ::waitpid(pid, nullptr, 0);
    return error;
  }

 private:
  struct Given {
    int ours, as;
    const char* path;
  };

  [[noreturn]] void Guard(const ExecPlan& plan, const JoinedNamespaces& joined, char** words, char** variables,
                          int failed) const {
    ::setsid();
    ::prctl(PR_SET_NAME, "spillway-exec");
    DefaultSignals();
    AdoptDescendants();
    const pid_t command = ::fork();
    if (command == 0) Become(plan, joined, words, variables, failed);
    if (command > 0) ExecGuard(command, plan.owner.get()).Run();
    const int error = errno;
    (void)!::write(failed, &error, sizeof error);
    ::_exit(kCannotRun);
  }

  [[noreturn]] void Become(const ExecPlan& plan, const JoinedNamespaces& joined, char** words, char** variables,
                           int failed) const {
    ::setsid();
    bool is_fine = true;
    for (const Given& each : given_) {
      const int from = each.path ? ::open(each.path, O_RDWR) : each.ours;  // first of all, as the agent sees it
      is_fine = is_fine && from >= 0 && ::dup2(from, each.as) >= 0;
    }
    ::close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
    if (is_fine && joined.Enter() && ::chdir(plan.work_dir.c_str()) == 0) {
      sigset_t none;
      ::sigemptyset(&none);
      ::sigprocmask(SIG_SETMASK, &none, nullptr);
      ::execve(plan.command.executable.c_str(), words, variables);
    }
    const int error = errno;
    (void)!::write(failed, &error, sizeof error);
    ::_exit(kCannotRun);
  }

  std::vector<Given> given_;
};

// A command's guard with what we hold of it.
class ExecSession final : public ContainerSession {
 public:
  ExecSession(FdWatcher& watcher, Reaper& reaper, pid_t pid)
      : watcher_(watcher), reaper_(reaper), pid_(pid), pidfd_(::pidfd_open(pid, 0)) {}
  ~ExecSession() override {
    if (is_reaped_) return;
    ::kill(pid_, SIGUSR1);
    reaper_.Take(pid_, std::move(pidfd_));
  }

  Task<std::string> ReadOutput(OutputStream stream) override {
    const UniqueFd& from = stream == OutputStream::kStdout ? out_ : err_;
    if (!from.is_open()) co_return "";
    co_return co_await ReadWhenReady(watcher_, from.get(), pidfd_.get());
  }
  Task<bool> WriteInput(std::string bytes) override {
    if (!in_.is_open()) co_return false;
    co_return co_await WriteWhenReady(watcher_, in_.get(), std::move(bytes));
  }
  void CloseInput() override {
    if (!is_terminal_) in_ = UniqueFd();
  }
  void Resize(TerminalSize size) override {
    if (!is_terminal_) return;
    const winsize cells{size.rows, size.columns, 0, 0};
    ::ioctl(out_.get(), TIOCSWINSZ, &cells);
  }
  Task<Result<int>> Wait() override {
    co_await watcher_.Readable(pidfd_.get());
    siginfo_t ended{};
    if (::waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED) != 0) {
      co_return Fail(Code::kInternal, fmt::format("waiting for the command: {}", std::strerror(errno)));
    }
    is_reaped_ = true;
    co_return ended.si_code == CLD_EXITED ? ended.si_status : 128 + ended.si_status;
  }

  void Hold(UniqueFd in, UniqueFd out, UniqueFd err) {
    in_ = std::move(in);
    out_ = std::move(out);
    err_ = std::move(err);
  }
  void HoldTerminal(UniqueFd terminal) {
    is_terminal_ = true;
    in_ = UniqueFd(::fcntl(terminal.get(), F_DUPFD_CLOEXEC, 3));  // to be waited for on its own
    out_ = std::move(terminal);
  }

 private:
  FdWatcher& watcher_;
  Reaper& reaper_;
  const pid_t pid_;
  UniqueFd pidfd_, in_, out_, err_;
  bool is_terminal_ = false, is_reaped_ = false;
};

class EndedCommand final : public ContainerSession {
 public:
  EndedCommand(OutputStream stream, std::string text, int exit_code)
      : stream_(stream), text_(std::move(text)), exit_code_(exit_code) {}
  Task<std::string> ReadOutput(OutputStream stream) override {
    co_return stream == stream_ ? std::exchange(text_, {}) : std::string();
  }
  Task<bool> WriteInput(std::string /*bytes*/) override { co_return false; }
  void CloseInput() override {}
  void Resize(TerminalSize /*size*/) override {}
  Task<Result<int>> Wait() override { co_return exit_code_; }

 private:
  OutputStream stream_;
  std::string text_;
  int exit_code_;
};

std::unique_ptr<ContainerSession> CannotStart(const ExecPlan& plan, int error) {
  const OutputStream stream = plan.is_terminal ? OutputStream::kStdout : OutputStream::kStderr;
  return EndedSession(stream, fmt::format("exec: \"{}\": {}\n", plan.command.words.front(), std::strerror(error)),
                      error == ENOENT ? kNoSuchCommand : kCannotRun);
}

Result<std::unique_ptr<ContainerSession>> StartInTerminal(FdWatcher& watcher, Reaper& reaper, const ExecPlan& plan) {
  UniqueFd terminal(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  char name[64];
  const bool is_made = terminal.is_open() && ::grantpt(terminal.get()) == 0 && ::unlockpt(terminal.get()) == 0 &&
                       ::ptsname_r(terminal.get(), name, sizeof name) == 0;
  if (!is_made) return Fail(Code::kUnavailable, fmt::format("no terminal to be had: {}", std::strerror(errno)));
  ::fcntl(terminal.get(), F_SETFL, O_NONBLOCK);
  Spawner spawner;
  spawner.Open(name, 0);  // the leader of a new session gets it as its controlling terminal
  spawner.Give(0, 1);
  spawner.Give(0, 2);
  pid_t pid = 0;
  if (const int error = spawner.Run(plan, pid); error != 0) return CannotStart(plan, error);
  auto session = std::make_unique<ExecSession>(watcher, reaper, pid);
  session->HoldTerminal(std::move(terminal));
  return session;
}

Result<std::unique_ptr<ContainerSession>> StartWithPipes(FdWatcher& watcher, Reaper& reaper, const ExecPlan& plan) {
  PipeEnds in = plan.has_input ? MakePipe(WeDo::kWrite) : PipeEnds();
  PipeEnds out = MakePipe(WeDo::kRead), err = MakePipe(WeDo::kRead);
  if (!out.ours.is_open() || !err.ours.is_open() || (plan.has_input && !in.ours.is_open())) {
    return Fail(Code::kUnavailable, fmt::format("no pipes to be had: {}", std::strerror(errno)));
  }
  Spawner spawner;
  if (plan.has_input) {
    spawner.Give(in.theirs.get(), 0);
  } else {
    spawner.Open("/dev/null", 0);
  }
  spawner.Give(out.theirs.get(), 1);
  spawner.Give(err.theirs.get(), 2);
  pid_t pid = 0;
  if (const int error = spawner.Run(plan, pid); error != 0) return CannotStart(plan, error);
  auto session = std::make_unique<ExecSession>(watcher, reaper, pid);
  session->Hold(std::move(in.ours), std::move(out.ours), std::move(err.ours));
  return session;
}

}  // namespace

Task<void> Reaper::Wait(pid_t pid, UniqueFd pidfd) {
  co_await watcher_.Readable(pidfd.get());
  ::waitpid(pid, nullptr, WNOHANG);
}

std::unique_ptr<ContainerSession> EndedSession(OutputStream stream, std::string text, int exit_code) {
  return std::make_unique<EndedCommand>(stream, std::move(text), exit_code);
}

Result<std::unique_ptr<ContainerSession>> StartExec(FdWatcher& watcher, Reaper& reaper, const ExecPlan& plan) {
  return plan.is_terminal ? StartInTerminal(watcher, reaper, plan) : StartWithPipes(watcher, reaper, plan);
}

Task<std::string> ReadWhenReady(FdWatcher& watcher, int fd, int ended) {
  std::string bytes;
  for (;;) {
    const bool has_ended = IsReadable(ended);  // asked first: what was written before that is read below
    bytes.resize(kPiece);
    const ssize_t size = ::read(fd, bytes.data(), bytes.size());
    const int error = errno;
    bytes.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    if (size < 0 && error == EINTR) continue;
    const bool would_wait = size < 0 && error == EAGAIN && !has_ended;
    if (!would_wait) co_return bytes;  // something, the end, or a terminal that nobody holds any more
    const UniqueFd either = Either(fd, ended);
    co_await watcher.Readable(either.get());
  }
}

Task<bool> WriteWhenReady(FdWatcher& watcher, int fd, std::string bytes) {
  std::size_t written = 0;
  while (written < bytes.size()) {
    const ssize_t size = ::write(fd, bytes.data() + written, bytes.size() - written);
    if (size > 0) written += static_cast<std::size_t>(size);
    if (size >= 0 || errno == EINTR) continue;
    if (errno != EAGAIN) co_return false;
    co_await watcher.Writable(fd);
  }
  co_return true;
}

}  // namespace spillway::cloud
