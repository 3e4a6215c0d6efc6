// An agent between an API server and ECI, with everything that goes wrong there.
#include <fmt/core.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "cloud/agent/agent.h"
#include "cloud/testing/fake_cluster.h"
#include "tests/emulators/eci_world.h"

namespace spillway::emulators {
namespace {

using cloud::Agent;
using cloud::AgentOptions;
using cloud::Json;
using cloud::testing::FakeCluster;
using cloud::testing::SimplePod;
using ::testing::IsEmpty;

class EciAgent {
 public:
  explicit EciAgent(std::uint64_t seed) : world_(seed), cluster_(world_.runtime()) {
    options_.node_name = "vnode";
    options_.cluster_id = "cluster";
    options_.internal_ip = "10.0.0.5";
    options_.is_dead = [](const std::string&) { return true; };
    options_.capacity = {{"cpu", "100000"}, {"memory", "100Ti"}, {"pods", "5000"}};
  }
  ~EciAgent() { Kill(); }

  void Start() {
    provider_ = world_.NewProvider();
    agent_.emplace(world_.runtime(), cluster_.transport(), *provider_, options_);
    agent_->Start();
  }
  void Kill() {
    agent_.reset();
    provider_.reset();
  }
  int Running(const std::set<std::string>& pods) const {
    return static_cast<int>(std::count_if(
        pods.begin(), pods.end(), [this](const std::string& name) { return cluster_.Phase(name) == "Running"; }));
  }
  // Live groups by the UID of their Pod.
  std::map<std::string, int> LivePerPod() {
    std::map<std::string, int> live;
    for (const eci::Group& group : emulator().Live()) ++live[group.tags.at("spillway-uid")];
    return live;
  }
  bool Until(const std::function<bool()>& done, Duration limit) {
    for (const Instant end = runtime().Now() + limit; runtime().Now() < end; runtime().RunFor(1s)) {
      if (done()) return true;
    }
    return done();
  }
  SimRuntime& runtime() { return world_.runtime(); }
  eci::Emulator& emulator() { return world_.emulator(); }
  FakeCluster& cluster() { return cluster_; }

 private:
  EciWorld world_;
  FakeCluster cluster_;
  AgentOptions options_;
  std::unique_ptr<cloud::alibaba::EciProvider> provider_;
  std::optional<Agent> agent_;
};

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
                       agent.emulator().Live().size());
  }
  for (const std::string& name : pods) agent.cluster().DeletePod(name, 0);
  if (!agent.Until([&] { return agent.emulator().Live().empty(); }, 30min)) {
    return fmt::format("seed {}: {} groups are left", seed, agent.emulator().Live().size());
  }
  if (!agent.emulator().violations().empty()) return fmt::format("seed {}: {}", seed, agent.emulator().violations()[0]);
  return "";
}

TEST(EciAgentTest, EachPodHasOneGroupAndNoneIsLeftWhateverGoesWrong) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) EXPECT_EQ(PlayHistory(seed), "");
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
