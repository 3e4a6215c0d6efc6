// What an agent asks of ECI, counted on virtual time at the emulator: eci_figures [PODS]
#include <fmt/core.h>

#include <cstdio>
#include <cstdlib>

#include "tests/emulators/eci_agent_world.h"

namespace {

using namespace spillway;
using Calls = std::map<std::string, std::uint64_t>;

void Print(const char* title, const Calls& before, const Calls& after, double per, const char* unit) {
  fmt::print("{}\n", title);
  for (const auto& [api, count] : after) {
    const auto was = before.find(api);
    const std::uint64_t more = count - (was == before.end() ? 0 : was->second);
    if (more > 0) fmt::print("  {:<32} {:>8} calls {:>10.3f} {}\n", api, more, static_cast<double>(more) / per, unit);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const int count = argc > 1 ? std::atoi(argv[1]) : 3000;
  emulators::EciAgent agent(1);
  std::set<std::string> pods;
  for (int i = 0; i < count; ++i) pods.insert(fmt::format("p{}", i));
  for (const std::string& name : pods) agent.cluster().AddPod(cloud::testing::SimplePod(name));
  const Instant start = agent.runtime().Now();
  agent.Start();
  const auto all_run = [&] { return agent.Running(pods) == count; };
  if (!agent.Until(all_run, std::chrono::hours(1))) return 1;
  const double seconds = std::chrono::duration<double>(agent.runtime().Now() - start).count();
  const Calls& calls = agent.emulator().counts().calls;
  fmt::print(
      "{} Pods run after {:.0f} s; at 20 creates a second and 100 at once the last could be asked for after {:.0f} s\n",
      count, seconds, static_cast<double>(count - 100) / 20);
  Print("until all run", {}, calls, count, "a Pod");
  agent.runtime().RunFor(std::chrono::minutes(1));
  const Calls rested = calls;
  agent.runtime().RunFor(std::chrono::minutes(10));
  Print("at rest", rested, calls, 10, "a minute");
  fmt::print("throttled: {}\n", agent.emulator().counts().throttled);
  return 0;
}
