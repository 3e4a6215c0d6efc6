#include "tests/simulation/pool.h"

#include <fmt/core.h>
#include <poll.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace spillway::simulation {
namespace {

using nlohmann::json;

// Seconds of processor time, for what never ends; sanitizers multiply what the longest stories need by eight.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr long kLongestSeed = 600;
#else
constexpr long kLongestSeed = 60;
#endif

std::string Packed(const RunResult& result) {
  const json packed = {{"seed", result.seed},
                       {"failures", result.failures},
                       {"settled_after", result.settled_after.count()},
                       {"simulated", result.simulated.count()},
                       {"turns", result.turns},
                       {"hash", result.hash},
                       {"moved", result.moved},
                       {"local", result.local},
                       {"fired", result.fired}};
  return packed.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

RunResult Unpacked(const json& packed) {
  RunResult result;
  packed.at("seed").get_to(result.seed);
  packed.at("failures").get_to(result.failures);
  result.settled_after = Duration(packed.at("settled_after").get<Duration::rep>());
  result.simulated = Duration(packed.at("simulated").get<Duration::rep>());
  packed.at("turns").get_to(result.turns);
  packed.at("hash").get_to(result.hash);
  packed.at("moved").get_to(result.moved);
  packed.at("local").get_to(result.local);
  packed.at("fired").get_to(result.fired);
  return result;
}

void WriteAll(int fd, const std::string& text) {
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t wrote = write(fd, text.data() + done, text.size() - done);
    if (wrote <= 0) _exit(1);
    done += static_cast<std::size_t>(wrote);
  }
}

// One child with every jobs-th seed.
struct Worker {
  std::uint64_t next = 0;  // the seed that it is at
  pid_t pid = -1;
  int pipe = -1;
  std::string unread;
};

class Pool {
 public:
  Pool(Seeds seeds, int jobs, const std::function<RunResult(std::uint64_t)>& run,
       const std::function<bool(RunResult)>& take)
      : seeds_(seeds), run_(run), take_(take), workers_(static_cast<std::size_t>(jobs)) {}

  void Run() {
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      workers_[i].next = seeds_.first + i;
      Start(workers_[i]);
    }
    while (!stopped_ && WaitForSome()) {
    }
    for (Worker& worker : workers_) End(worker);
  }

 private:
  void Start(Worker& worker) {
    if (worker.next > seeds_.last || stopped_) return;
    int ends[2];
    if (pipe(ends) != 0) return;
    std::fflush(stdout);
    worker.pid = fork();
    if (worker.pid == 0) {
      for (const Worker& other : workers_) {
        if (other.pipe >= 0) close(other.pipe);
      }
      close(ends[0]);
      Work(worker.next, ends[1]);
    }
    close(ends[1]);
    worker.pipe = ends[0];
  }

  [[noreturn]] void Work(std::uint64_t seed, int out) {
    for (; seed <= seeds_.last; seed += workers_.size()) {
      const itimerval limit = {{0, 0}, {kLongestSeed, 0}};
      setitimer(ITIMER_PROF, &limit, nullptr);
      WriteAll(out, Packed(run_(seed)));
    }
    std::fflush(stdout);
    _exit(0);
  }

  // False when no child is left.
  bool WaitForSome() {
    std::vector<pollfd> polled;
    std::vector<Worker*> asked;
    for (Worker& worker : workers_) {
      if (worker.pipe < 0) continue;
      polled.push_back({worker.pipe, POLLIN, 0});
      asked.push_back(&worker);
    }
    if (polled.empty()) return false;
    if (poll(polled.data(), polled.size(), -1) < 0) return errno == EINTR;
    for (std::size_t i = 0; i < polled.size() && !stopped_; ++i) {
      if (polled[i].revents != 0) Read(*asked[i]);
    }
    return true;
  }

  void Read(Worker& worker) {
    char bytes[16384];
    const ssize_t count = read(worker.pipe, bytes, sizeof(bytes));
    if (count > 0) worker.unread.append(bytes, static_cast<std::size_t>(count));
    for (std::size_t end; (end = worker.unread.find('\n')) != std::string::npos;) {
      const RunResult result = Unpacked(json::parse(worker.unread.substr(0, end)));
      worker.unread.erase(0, end + 1);
      worker.next = result.seed + workers_.size();
      stopped_ = stopped_ || !take_(result);
    }
    if (count > 0) return;
    const std::string how = End(worker);
    if (how.empty() || stopped_) return;
    stopped_ = !take_({.seed = worker.next, .failures = {"crash: " + how}});
    worker.next += workers_.size();
    Start(worker);
  }

  // How it died; empty when in good order.
  std::string End(Worker& worker) {
    if (worker.pid < 0) return "";
    if (stopped_) kill(worker.pid, SIGKILL);
    close(worker.pipe);
    int status = 0;
    waitpid(worker.pid, &status, 0);
    worker.pid = worker.pipe = -1;
    worker.unread.clear();
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGPROF)
      return fmt::format("it computed for more than {} s", kLongestSeed);
    if (WIFSIGNALED(status)) return strsignal(WTERMSIG(status));
    return WEXITSTATUS(status) == 0 ? "" : fmt::format("exit {}", WEXITSTATUS(status));
  }

  Seeds seeds_;
  const std::function<RunResult(std::uint64_t)>& run_;
  const std::function<bool(RunResult)>& take_;
  std::vector<Worker> workers_;
  bool stopped_ = false;
};

}  // namespace

void RunInPool(Seeds seeds, int jobs, const std::function<RunResult(std::uint64_t)>& run,
               const std::function<bool(RunResult)>& take) {
  Pool(seeds, jobs, run, take).Run();
}

}  // namespace spillway::simulation
