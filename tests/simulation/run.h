#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/time.h"
#include "tests/simulation/scenario.h"

namespace spillway::simulation {

struct RunResult {
  std::uint64_t seed = 0;
  std::vector<std::string> failures;  // one line each: "explained: default/web-1 was moved without event"
  Duration settled_after{0}, simulated{0};
  std::uint64_t turns = 0, hash = 0;           // equal for equal histories
  std::uint64_t moved = 0, local = 0;          // Pods that Spillway bound, and kube-scheduler to real nodes
  std::map<std::string, std::uint64_t> fired;  // faults that had an effect, by kind
};

struct RunOptions {
  std::string folder = ".";  // for the relative paths in a scenario
  std::string dump;          // a resource of which everything is printed at the end; empty: none
  std::string record;        // the file that every write goes into (write_recorder.h); empty: none
};

// One history: starts the world, lets loads and faults happen, ends the faults, waits for what must come to rest,
// checks.
RunResult RunOnce(const Scenario& scenario, std::uint64_t seed, const RunOptions& options);

// The scenario that a seed plays: what the file says, or what the seed draws if it is a swarm.
Scenario ScenarioOf(const Scenario& file, std::uint64_t seed);

}  // namespace spillway::simulation
