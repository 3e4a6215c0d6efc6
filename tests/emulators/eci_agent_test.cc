// An agent between an API server and ECI, with everything that goes wrong there.
#include <fmt/core.h>
#include <gmock/gmock.h>

#include <set>

#include "tests/emulators/cloud_agent.h"
#include "tests/emulators/eci_world.h"

namespace spillway::emulators {
namespace {

using cloud::testing::SimplePod;
using ::testing::IsEmpty;

// More of them: ECI_SEEDS=500.
TEST(EciAgentTest, EachPodHasOneGroupAndNoneIsLeftWhateverGoesWrong) {
  const std::uint64_t seeds = SeedsFrom("ECI_SEEDS");
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) EXPECT_EQ(PlayHistory<EciCloud>(seed), "");
}

TEST(EciAgentTest, AtRestAnAgentUsesATenthOfTheLimitsAtMost) {
  constexpr int kPods = 600;
  CloudAgent<EciCloud> agent(3);
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
