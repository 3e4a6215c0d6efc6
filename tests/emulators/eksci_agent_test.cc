// An agent between an API server and EKSCI, with everything that goes wrong there.
#include <fmt/core.h>
#include <gmock/gmock.h>

#include <set>

#include "tests/emulators/cloud_agent.h"
#include "tests/emulators/eksci_world.h"

namespace spillway::emulators {
namespace {

using cloud::testing::SimplePod;
using ::testing::IsEmpty;

// More of them: EKSCI_SEEDS=500.
TEST(EksciAgentTest, EachPodHasOneInstanceAndNoneIsLeftWhateverGoesWrong) {
  const std::uint64_t seeds = SeedsFrom("EKSCI_SEEDS");
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) EXPECT_EQ(PlayHistory<EksciCloud>(seed), "");
}

TEST(EksciAgentTest, AtRestAnAgentUsesATenthOfTheLimitsAtMost) {
  constexpr int kPods = 600;
  CloudAgent<EksciCloud> agent(3);
  std::set<std::string> pods;
  for (int i = 0; i < kPods; ++i) pods.insert(fmt::format("p{}", i));
  for (const std::string& name : pods) agent.cluster().AddPod(SimplePod(name));
  agent.Start();
  bool was_unreachable = false;
  const auto all_run = [&] {
    const int running = agent.Running(pods);
    const auto& conditions = cloud::At(agent.cluster().node, "status", "conditions");
    const auto& reachable = cloud::Named(conditions, "CloudReachable", "type");
    was_unreachable = was_unreachable || (running > 0 && cloud::TextAt(reachable, "status") == "False");
    return running == kPods;
  };
  ASSERT_TRUE(agent.Until(all_run, 10min));
  EXPECT_FALSE(was_unreachable) << "a burst keeps no ping waiting";
  const auto& calls = agent.emulator().counts().calls;
  EXPECT_EQ(calls.at("CreateEKSContainerInstances"), static_cast<std::uint64_t>(kPods));
  agent.runtime().RunFor(1min);
  const auto before = calls.at("DescribeEKSContainerInstances");
  agent.runtime().RunFor(10min);
  EXPECT_LT((calls.at("DescribeEKSContainerInstances") - before) / 10, 120u) << "of 1,200 a minute";
  EXPECT_EQ(agent.emulator().counts().throttled, 0u);
  EXPECT_THAT(agent.emulator().violations(), IsEmpty());
}

}  // namespace
}  // namespace spillway::emulators
