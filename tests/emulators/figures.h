#pragma once

#include <fmt/core.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <set>
#include <string>

#include "tests/emulators/cloud_agent.h"

// How many calls an agent makes, counted on virtual time at the emulator. For docs/benchmarks.md; no test.
namespace spillway::emulators {

using Calls = std::map<std::string, std::uint64_t>;

inline void PrintCalls(const char* title, const Calls& before, const Calls& after, double per, const char* unit) {
  fmt::print("{}\n", title);
  for (const auto& [api, count] : after) {
    const auto was = before.find(api);
    const std::uint64_t more = count - (was == before.end() ? 0 : was->second);
    if (more > 0) fmt::print("  {:<34} {:>8} calls {:>10.3f} {}\n", api, more, static_cast<double>(more) / per, unit);
  }
}

// The arguments of a process: how many Pods. `headline`: what the cloud's limits allow, for that many.
template <class Cloud>
int PrintFigures(int argc, char** argv, std::string (*headline)(int pods)) {
  const int count = argc > 1 ? std::atoi(argv[1]) : 3000;
  CloudAgent<Cloud> agent(1);
  std::set<std::string> pods;
  for (int i = 0; i < count; ++i) pods.insert(fmt::format("p{}", i));
  for (const std::string& name : pods) agent.cluster().AddPod(cloud::testing::SimplePod(name));
  const Instant start = agent.runtime().Now();
  agent.Start();
  const auto all_run = [&] { return agent.Running(pods) == count; };
  if (!agent.Until(all_run, std::chrono::hours(1))) return 1;
  const double seconds = std::chrono::duration<double>(agent.runtime().Now() - start).count();
  const Calls& calls = agent.emulator().counts().calls;
  fmt::print("{} Pods run after {:.0f} s; {}\n", count, seconds, headline(count));
  PrintCalls("until all run", {}, calls, count, "a Pod");
  agent.runtime().RunFor(std::chrono::minutes(1));
  const Calls rested = calls;
  agent.runtime().RunFor(std::chrono::minutes(10));
  PrintCalls("at rest", rested, calls, 10, "a minute");
  fmt::print("throttled: {}\n", agent.emulator().counts().throttled);
  return 0;
}

}  // namespace spillway::emulators
