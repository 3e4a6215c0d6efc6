#include <fmt/core.h>

#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "tests/simulation/pool.h"
#include "tests/simulation/run.h"
#include "tests/simulation/scenario.h"
#include "tests/simulation/shrink.h"
#include "tests/simulation/swarm.h"

// tests/simulate FILE... [--seeds=N] [--first=N] [--jobs=N] [--stop-after=N]
// tests/simulate FILE --seed=N [--log] [--dump=RESOURCE] [--print] [--shrink] [--record-writes=FILE]
// [--agents=kubelets]
//
// Runs each scenario with its seeds (or N of them, from --first on; or one) and checks what must hold. The first seed
// is run twice, and must take the same turns to the same state. A failure prints the line that replays it;
// --stop-after=N ends after so many. Exit code: 0 everything held, 1 something did not, 2 it was asked for nonsense.
//
// --print shows what a swarm's seed plays; --shrink leaves out of it what it can while it fails in the same way.
// --record-writes keeps what was written to the API server (write_recorder.h); --agents=kubelets gives agents the
// identity of a kubelet, whatever the file says.
namespace spillway::simulation {
namespace {

constexpr std::uint64_t kEnoughForShares = 200;  // seeds
constexpr double kLeastFired = 0.2;              // of the seeds, for each kind of fault
constexpr double kLeastMixed = 0.8;              // of the seeds, that both move Pods and keep Pods local

struct Options {
  std::vector<std::string> files;
  std::uint64_t seed = 0, seeds = 0, first = 0;  // 0: as the scenario says
  std::uint64_t jobs = 1, stop_after = 5;
  bool log = false, print = false, shrink = false, as_kubelets = false;
  std::string dump, record_writes;
};

std::string FolderOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

// Everything that the seeds of one file came to.
class Report {
 public:
  Report(const Scenario& file, std::string path) : file_(file), path_(std::move(path)) {}

  void Take(const RunResult& result) {
    ++runs_;
    slowest_ = std::max(slowest_, result.settled_after);
    simulated_ += result.simulated;
    mixed_ += result.moved > 0 && result.local > 0 ? 1 : 0;
    for (const auto& [kind, count] : result.fired) ++fired_[kind];
    if (result.failures.empty()) return;
    ++failed_;
    for (const std::string& failure : result.failures) fmt::print("  {}\n", failure);
    fmt::print("FAILED  replay with: tests/simulate {} --seed={}\n", path_, result.seed);
    std::fflush(stdout);
  }

  std::uint64_t failed() const { return failed_; }

  void Print() {
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began_;
    if (failed_ == 0 && !file_.is_swarm)
      fmt::print("ok      {}: {} runs, settled after {} at most\n", file_.name, runs_, base::FormatDuration(slowest_));
    if (!file_.is_swarm) return;
    if (runs_ >= kEnoughForShares) CheckShares();
    fmt::print(
        "{}  {}: {} seeds, {} failed; {:.1f} seeds a second, {:.1f} simulated hours; {:.0f}% move Pods and keep "
        "Pods local\n",
        failed_ == 0 ? "ok    " : "FAILED", file_.name, runs_, failed_, static_cast<double>(runs_) / took.count(),
        std::chrono::duration<double>(simulated_).count() / 3600, 100 * Share(mixed_));
    std::string shares;
    for (const auto& [kind, seeds] : fired_) shares += fmt::format(" {}={:.0f}%", kind, 100 * Share(seeds));
    fmt::print("        faults that struck, share of seeds:{}\n", shares);
  }

 private:
  double Share(std::uint64_t seeds) const {
    return runs_ == 0 ? 0 : static_cast<double>(seeds) / static_cast<double>(runs_);
  }

  // A swarm that has gone lame finds nothing, and must not pass for that.
  void CheckShares() {
    for (const std::string& kind : SwarmFaults()) {
      if (Share(fired_[kind]) >= kLeastFired) continue;
      ++failed_;
      fmt::print("  swarm: {} struck in {:.0f}% of the seeds, expected {:.0f}%\n", kind, 100 * Share(fired_[kind]),
                 100 * kLeastFired);
    }
    if (Share(mixed_) >= kLeastMixed) return;
    ++failed_;
    fmt::print("  swarm: {:.0f}% of the seeds move Pods and keep Pods local, expected {:.0f}%\n", 100 * Share(mixed_),
               100 * kLeastMixed);
  }

  const Scenario& file_;
  std::string path_;
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  std::uint64_t runs_ = 0, failed_ = 0, mixed_ = 0;
  Duration slowest_{0}, simulated_{0};
  std::map<std::string, std::uint64_t> fired_;
};

RunResult RunTwice(const Scenario& scenario, std::uint64_t seed, const RunOptions& options) {
  RunResult result = RunOnce(scenario, seed, options);
  const RunResult again = RunOnce(scenario, seed, {.folder = options.folder});
  if (again.turns != result.turns || again.hash != result.hash)
    result.failures.push_back(fmt::format("determinism: {} turns to state {:016x}, then {} turns to {:016x}",
                                          result.turns, result.hash, again.turns, again.hash));
  return result;
}

// One history, here, where a debugger finds it.
std::uint64_t Replay(const Scenario& file, const std::string& path, const Options& options) {
  if (options.print) fmt::print("{}", DrawSwarm(options.seed));
  const RunOptions how{.folder = FolderOf(path), .dump = options.dump, .record = options.record_writes};
  if (options.shrink) fmt::print("{}", Shrunk(file, options.seed, how));
  Report report(file, path);
  Scenario scenario = ScenarioOf(file, options.seed);
  if (options.as_kubelets) scenario.cluster.options["agents"] = "kubelets";
  const RunResult result = RunTwice(scenario, options.seed, how);
  fmt::print("seed {}: {} turns to state {:016x}; {} Pods moved, {} local\n", options.seed, result.turns, result.hash,
             result.moved, result.local);
  report.Take(result);
  report.Print();
  return report.failed();
}

// The number of failed runs.
std::uint64_t RunScenario(const std::string& path, const Options& options) {
  const auto file = ReadScenario(path);
  if (!file) {
    fmt::print("FAILED  {}\n", file.error().message);
    return 1;
  }
  if (options.seed != 0) return Replay(*file, path, options);
  Seeds seeds{file->first_seed, file->last_seed};
  if (options.first != 0) seeds.first = options.first;
  if (options.seeds != 0) seeds.last = seeds.first + options.seeds - 1;
  const RunOptions how{.folder = FolderOf(path)};
  Report report(*file, path);
  RunInPool(
      seeds, static_cast<int>(options.jobs),
      [&](std::uint64_t seed) {
        const Scenario scenario = ScenarioOf(*file, seed);
        return seed == seeds.first ? RunTwice(scenario, seed, how) : RunOnce(scenario, seed, how);
      },
      [&](const RunResult& result) {
        report.Take(result);
        return report.failed() < options.stop_after;
      });
  report.Print();
  return report.failed();
}

bool ReadNumber(std::string_view argument, std::string_view flag, std::uint64_t& number) {
  if (!argument.starts_with(flag)) return false;
  argument.remove_prefix(flag.size());
  return std::from_chars(argument.data(), argument.data() + argument.size(), number).ec == std::errc();
}

bool ReadFlag(const std::string& argument, Options& options) {
  const std::map<std::string_view, bool*> switches = {{"--log", &options.log},
                                                      {"--print", &options.print},
                                                      {"--shrink", &options.shrink},
                                                      {"--as-kubelets", &options.as_kubelets}};
  if (const auto found = switches.find(argument); found != switches.end()) return *found->second = true;
  const std::map<std::string_view, std::uint64_t*> numbers = {{"--seed=", &options.seed},
                                                              {"--seeds=", &options.seeds},
                                                              {"--first=", &options.first},
                                                              {"--jobs=", &options.jobs},
                                                              {"--stop-after=", &options.stop_after}};
  for (const auto& [flag, number] : numbers) {
    if (ReadNumber(argument, flag, *number)) return true;
  }
  const std::map<std::string_view, std::string*> texts = {{"--dump=", &options.dump},
                                                          {"--record-writes=", &options.record_writes}};
  for (const auto& [flag, text] : texts) {
    if (!argument.starts_with(flag)) continue;
    *text = argument.substr(flag.size());
    return true;
  }
  return false;
}

}  // namespace
}  // namespace spillway::simulation

int main(int argc, char** argv) {
  using namespace spillway::simulation;  // NOLINT: main only
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (!argument.starts_with("-")) {
      options.files.push_back(argument);
    } else if (!ReadFlag(argument, options)) {
      fmt::print(stderr, "simulate: unknown flag {}\n", argument);
      return 2;
    }
  }
  if (options.files.empty() || options.jobs == 0) {
    fmt::print(stderr, "simulate: name a scenario file, and at least one job\n");
    return 2;
  }
  spillway::log::Init("simulate", 2);
  if (!options.log) spillway::log::Quiet();
  std::uint64_t failed = 0;
  for (const std::string& file : options.files) failed += RunScenario(file, options);
  std::fflush(stdout);
  return failed == 0 ? 0 : 1;
}
