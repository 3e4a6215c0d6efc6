#include "cloud/providers/process/exec_session.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

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

// Forks and executes a command in a session of its own. Between the two nothing is allocated: the agent has threads.
class Spawner {
 public:
  void Give(int ours, int as) { given_.push_back({ours, as, nullptr}); }
  void Open(const char* path, int as) { given_.push_back({-1, as, path}); }

  // An errno, 0 when it runs.
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
    if (pid == 0) Become(plan, *joined, words.data(), variables.data(), failed.theirs.get());
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

  [[noreturn]] void Become(const ExecPlan& plan, const JoinedNamespaces& joined, char** words, char** variables,
                           int failed) const {
    ::setsid();
    struct sigaction action{};
    action.sa_handler = SIG_DFL;
    for (int number = 1; number < NSIG; ++number) ::sigaction(number, &action, nullptr);
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

// A child with what we hold of it.
class ExecSession final : public ContainerSession {
 public:
  ExecSession(FdWatcher& watcher, Reaper& reaper, std::shared_ptr<ExecGroup> group, pid_t pid)
      : watcher_(watcher), reaper_(reaper), group_(std::move(group)), pid_(pid), pidfd_(::pidfd_open(pid, 0)) {
    group_->insert(pid);
  }
  ~ExecSession() override {
    if (is_reaped_) return;
    group_->erase(pid_);
    ::kill(-pid_, SIGKILL);  // it leads its group
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
    // Before its number is anybody else's: what it left running would outlive the Pod.
    if (!is_reaped_) ::kill(-pid_, SIGKILL);
    siginfo_t ended{};
    if (::waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED) != 0) {
      co_return Fail(Code::kInternal, fmt::format("waiting for the command: {}", std::strerror(errno)));
    }
    is_reaped_ = true;
    group_->erase(pid_);
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
  const std::shared_ptr<ExecGroup> group_;
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

Result<std::unique_ptr<ContainerSession>> StartInTerminal(FdWatcher& watcher, Reaper& reaper,
                                                          std::shared_ptr<ExecGroup> group, const ExecPlan& plan) {
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
  auto session = std::make_unique<ExecSession>(watcher, reaper, std::move(group), pid);
  session->HoldTerminal(std::move(terminal));
  return session;
}

Result<std::unique_ptr<ContainerSession>> StartWithPipes(FdWatcher& watcher, Reaper& reaper,
                                                         std::shared_ptr<ExecGroup> group, const ExecPlan& plan) {
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
  auto session = std::make_unique<ExecSession>(watcher, reaper, std::move(group), pid);
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

Result<std::unique_ptr<ContainerSession>> StartExec(FdWatcher& watcher, Reaper& reaper,
                                                    std::shared_ptr<ExecGroup> group, const ExecPlan& plan) {
  return plan.is_terminal ? StartInTerminal(watcher, reaper, std::move(group), plan)
                          : StartWithPipes(watcher, reaper, std::move(group), plan);
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
