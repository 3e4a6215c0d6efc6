// An agent between an API server and ECI, with everything that goes wrong there.
#include <fmt/core.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "tests/emulators/eci_agent_world.h"

namespace spillway::emulators {
namespace {

using cloud::testing::SimplePod;
using ::testing::IsEmpty;

void Trouble(eci::Faults& faults) {
  faults.no_stock = 0.1;
  faults.late_no_stock = 0.1;
  faults.throttled = 0.05;
  faults.server_error = 0.05;
  faults.lost_request = 0.03;
  faults.lost_reply = 0.05;
  faults.ignored_delete = 0.1;
}

// One history: Pods come and go, the agent is killed, the cloud does what it can; then all is well again.
std::string PlayHistory(std::uint64_t seed) {
  EciAgent agent(seed);
  Random random(seed * 7919);
  std::set<std::string> pods, ever;
  Trouble(agent.emulator().faults());
  agent.Start();
  for (int step = 0; step < 40; ++step) {
    const std::string name = fmt::format("p{}", step);
    agent.cluster().AddPod(SimplePod(name));
    pods.insert(name);
    if (random.Chance(0.3)) {
      auto gone = pods.begin();
      std::advance(gone, static_cast<std::ptrdiff_t>(random.Below(pods.size())));
      agent.cluster().DeletePod(*gone, random.Chance(0.5) ? 0 : 5);
      pods.erase(gone);
    }
    if (random.Chance(0.1)) {
      agent.Kill();
      agent.runtime().RunFor(random.Between(0s, 20s));
      agent.Start();
    }
    agent.emulator().faults().permission_lost = random.Chance(0.05);
    agent.runtime().RunFor(random.Between(100ms, 8s));
  }
  agent.emulator().faults() = {};
  const auto settled = [&] {
    const auto live = agent.LivePerPod();
    return agent.Running(pods) == static_cast<int>(pods.size()) && live.size() == pods.size() &&
           std::all_of(live.begin(), live.end(), [](const auto& pod) { return pod.second == 1; });
  };
  if (!agent.Until(settled, 30min)) {
    return fmt::format("seed {}: {} of {} Pods run on {} groups", seed, agent.Running(pods), pods.size(),
                       agent.emulator().live());
  }
  for (const std::string& name : pods) agent.cluster().DeletePod(name, 0);
  if (!agent.Until([&] { return agent.emulator().live() == 0; }, 30min)) {
    return fmt::format("seed {}: {} groups are left", seed, agent.emulator().live());
  }
  if (!agent.emulator().violations().empty()) return fmt::format("seed {}: {}", seed, agent.emulator().violations()[0]);
  return "";
}

// More of them: ECI_SEEDS=500.
TEST(EciAgentTest, EachPodHasOneGroupAndNoneIsLeftWhateverGoesWrong) {
  const char* wanted = std::getenv("ECI_SEEDS");
  const std::uint64_t seeds = wanted ? std::strtoull(wanted, nullptr, 10) : 20;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) EXPECT_EQ(PlayHistory(seed), "");
}

TEST(EciAgentTest, AtRestAnAgentUsesATenthOfTheLimitsAtMost) {
  constexpr int kPods = 600;
  EciAgent agent(3);
  std::set<std::string> pods;
  for (int i = 0; i < kPods; ++i) pods.insert(fmt::format("p{}", i));
  for (const std::string& name : pods) agent.cluster().AddPod(SimplePod(name));
  agent.Start();
  ASSERT_TRUE(agent.Until([&] { return agent.Running(pods) == kPods; }, 10min));
  const auto& calls = agent.emulator().counts().calls;
  EXPECT_EQ(calls.at("CreateContainerGroup"), static_cast<std::uint64_t>(kPods));
  agent.runtime().RunFor(1min);
  const auto status = calls.at("DescribeContainerGroupStatus"), groups = calls.at("DescribeContainerGroups");
  agent.runtime().RunFor(10min);
  EXPECT_LT((calls.at("DescribeContainerGroupStatus") - status) / 10, 1000u) << "of 10,000 a minute";
  EXPECT_LT((calls.at("DescribeContainerGroups") - groups) / 10, 200u) << "of 2,000 a minute";
  EXPECT_EQ(agent.emulator().counts().throttled, 0u);
  EXPECT_THAT(agent.emulator().violations(), IsEmpty());
}

}  // namespace
}  // namespace spillway::emulators
