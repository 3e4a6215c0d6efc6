#include "tests/simulation/run.h"

#include <fmt/core.h>

#include <cstdlib>
#include <functional>

#include "tests/simulation/expectations.h"
#include "tests/simulation/swarm.h"
#include "tests/simulation/world.h"
#include "tests/simulation/write_recorder.h"

namespace spillway::simulation {
namespace {

constexpr Duration kStartLimit = std::chrono::minutes(3);
// Long enough for orphans to be confirmed and collected, and for anything that should not happen to happen.
constexpr Duration kQuiet = std::chrono::minutes(3);
constexpr Duration kStockPatience = std::chrono::minutes(5);  // with a cloud that refuses a third of all instances

bool StepUntil(World& world, const std::function<bool()>& done, Duration limit) {
  const Instant end = world.runtime().Now() + limit;
  while (!done()) {
    if (world.runtime().Now() >= end) return false;
    world.runtime().RunFor(World::kStep);
    world.Observe();
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

void Summarize(const World& world, RunResult& result) {
  for (const BindRecord& bind : world.history().binds()) {
    if (!bind.decision.empty()) ++result.moved;
    if (!bind.onto_virtual) ++result.local;
  }
  result.fired = world.FaultsFired();
  result.hash = world.StateHash();
}

}  // namespace

RunResult RunOnce(const Scenario& scenario, std::uint64_t seed, const RunOptions& options) {
  World world(scenario, options.folder, seed);
  RunResult result{.seed = seed};
  WriteRecorder recorder(world.runtime(), world.cluster().api());
  if (!options.record.empty()) {
    const Status started = recorder.Start(options.record);
    if (!started) result.failures.push_back(started.error().message);
  }
  world.StartAll();
  if (!StepUntil(world, [&] { return world.IsUp(); }, kStartLimit)) {
    result.failures.push_back("start: controllers and virtual nodes did not come up");
    return result;
  }
  world.ScheduleSteps();
  Ending ending;
  ending.settled = StepUntil(world, [&] { return world.IsSettled(); }, scenario.length);
  ending.settled_after = world.runtime().Now() - world.last_load();
  world.EndFaults();
  (void)StepUntil(world, [] { return false; }, kQuiet);
  (void)StepUntil(world, [&] { return world.AreBoundPodsReady(); }, kStockPatience);
  result.failures = Check(world, ending);
  result.settled_after = ending.settled_after;
  result.simulated = world.runtime().Now().time_since_epoch();
  result.turns = world.runtime().turns();
  Summarize(world, result);
  if (!options.dump.empty()) Dump(world, options.dump);
  return result;
}

Scenario ScenarioOf(const Scenario& file, std::uint64_t seed) {
  if (!file.is_swarm) return file;
  auto drawn = ParseScenario(fmt::format("{}.sim, drawn for seed {}", file.name, seed), DrawSwarm(seed));
  if (drawn) return *std::move(drawn);
  fmt::print("{}\n", drawn.error().message);  // what is drawn is in the language of the files, or this is a bug
  std::abort();
}

}  // namespace spillway::simulation
