#include <fmt/core.h>

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "tests/simulation/expectations.h"
#include "tests/simulation/scenario.h"
#include "tests/simulation/world.h"

// tests/simulate FILE... [--seed=N] [--seeds=N] [--log] [--dump=RESOURCE]
//
// Runs each scenario with its seeds (or N of them, beyond its last if need be; or one) and checks what must hold. Every
// run also happens once more for its first seed, and must take the same turns to the same state. A failure prints the
// line that replays it.
namespace spillway::simulation {
namespace {

constexpr Duration kStartLimit = std::chrono::seconds(60);
constexpr int kFailuresWorthShowing = 5;
constexpr Duration kStep = std::chrono::milliseconds(100);
// Long enough for orphans to be confirmed and collected, and for anything that should not happen to happen.
constexpr Duration kQuiet = std::chrono::minutes(3);

struct Options {
  std::vector<std::string> files;
  std::uint64_t seed = 0, seeds = 0;  // 0: as the scenario says
  bool log = false;
  std::string dump;
};

struct RunResult {
  std::vector<std::string> failures;
  Ending ending;
  std::uint64_t turns = 0, hash = 0;
};

bool StepUntil(World& world, const std::function<bool()>& done, Duration limit) {
  const Instant end = world.runtime().Now() + limit;
  while (!done()) {
    if (world.runtime().Now() >= end) return false;
    world.runtime().RunFor(kStep);
  }
  return true;
}

void Dump(World& world, const std::string& what) {
  if (what == "instances") {
    for (const cloud::Instance& instance : world.cloud().Instances())
      fmt::print("{} {}/{} on {} state={} {}\n", instance.id, instance.identity.pod_namespace,
                 instance.identity.pod_name, instance.identity.node_name, static_cast<int>(instance.state),
                 instance.reason);
    return;
  }
  const auto objects = world.cluster().store().List(what);
  for (const auto& object : objects ? *objects : std::vector<sandbox::Json>()) fmt::print("{}\n", object.dump());
}

RunResult RunOnce(const Scenario& scenario, const std::string& folder, std::uint64_t seed, const std::string& dump) {
  World world(scenario, folder, seed);
  RunResult result;
  world.StartAll();
  if (!StepUntil(world, [&] { return world.IsUp(); }, kStartLimit)) {
    result.failures.push_back("controllers and virtual nodes did not come up");
    return result;
  }
  world.ScheduleSteps();
  result.ending.settled = StepUntil(world, [&] { return world.IsSettled(); }, scenario.length);
  result.ending.settled_after = world.runtime().Now() - world.last_load();
  world.EndFaults();
  world.runtime().RunFor(kQuiet);
  result.failures = Check(world, result.ending);
  result.turns = world.runtime().turns();
  result.hash = world.StateHash();
  if (!dump.empty()) Dump(world, dump);
  return result;
}

std::string FolderOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

// The number of failed runs.
int RunScenario(const std::string& path, const Options& options) {
  const auto scenario = ReadScenario(path);
  if (!scenario) {
    fmt::print("FAILED  {}\n", scenario.error().message);
    return 1;
  }
  std::uint64_t first = scenario->first_seed, last = scenario->last_seed;
  if (options.seed != 0) first = last = options.seed;
  if (options.seeds != 0) last = first + options.seeds - 1;
  int failed = 0;
  Duration slowest{0};
  for (std::uint64_t seed = first; seed <= last && failed < kFailuresWorthShowing; ++seed) {
    RunResult result = RunOnce(*scenario, FolderOf(path), seed, options.dump);
    slowest = std::max(slowest, result.ending.settled_after);
    if (options.seed != 0) fmt::print("seed {}: {} turns to state {:016x}\n", seed, result.turns, result.hash);
    if (seed == first && result.failures.empty()) {
      const RunResult again = RunOnce(*scenario, FolderOf(path), seed, "");
      if (again.turns != result.turns || again.hash != result.hash)
        result.failures.push_back(fmt::format("determinism: {} turns to state {:016x}, then {} turns to {:016x}",
                                              result.turns, result.hash, again.turns, again.hash));
    }
    if (result.failures.empty()) continue;
    ++failed;
    for (const std::string& failure : result.failures) fmt::print("  {}\n", failure);
    fmt::print("FAILED  replay with: tests/simulate {} --seed={}\n", path, seed);
  }
  if (failed == 0)
    fmt::print("ok      {}: {} runs, settled after {} at most\n", scenario->name, last - first + 1,
               base::FormatDuration(slowest));
  return failed;
}

bool ReadNumber(std::string_view argument, std::string_view flag, std::uint64_t& number) {
  if (!argument.starts_with(flag)) return false;
  argument.remove_prefix(flag.size());
  return std::from_chars(argument.data(), argument.data() + argument.size(), number).ec == std::errc();
}

}  // namespace
}  // namespace spillway::simulation

int main(int argc, char** argv) {
  using namespace spillway::simulation;  // NOLINT: main only
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--log") {
      options.log = true;
    } else if (argument.starts_with("--dump=")) {
      options.dump = argument.substr(7);
    } else if (ReadNumber(argument, "--seed=", options.seed) || ReadNumber(argument, "--seeds=", options.seeds)) {
      continue;
    } else if (argument.starts_with("-")) {
      fmt::print(stderr, "simulate: unknown flag {}\n", argument);
      return 2;
    } else {
      options.files.push_back(argument);
    }
  }
  if (options.files.empty()) {
    fmt::print(stderr, "simulate: name a scenario file\n");
    return 2;
  }
  spillway::log::Init("simulate", 2);
  if (!options.log) spillway::log::Quiet();
  int failed = 0;
  for (const std::string& file : options.files) failed += RunScenario(file, options);
  std::fflush(stdout);
  return failed == 0 ? 0 : 1;
}
