#pragma once

#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "cloud/agent/agent.h"
#include "cloud/testing/fake_cluster.h"
#include "tests/emulators/cloud_world.h"

namespace spillway::emulators {

// One agent on virtual time, between an API server and a cloud's emulator.
template <class Cloud>
class CloudAgent {
 public:
  explicit CloudAgent(std::uint64_t seed) : world_(seed), cluster_(world_.runtime()) {
    options_.node_name = "vnode";
    options_.cluster_id = "cluster";
    options_.internal_ip = "10.0.0.5";
    options_.is_dead = [](const std::string&) { return true; };
    options_.capacity = {{"cpu", "100000"}, {"memory", "100Ti"}, {"pods", "5000"}};
  }
  ~CloudAgent() { Kill(); }

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
  // Live instances by the UID of their Pod.
  std::map<std::string, int> LivePerPod() {
    std::map<std::string, int> live;
    for (const auto& hosted : emulator().Live()) ++live[Cloud::UidOf(hosted)];
    return live;
  }
  bool Until(const std::function<bool()>& done, Duration limit) {
    for (const Instant end = runtime().Now() + limit; runtime().Now() < end; runtime().RunFor(1s)) {
      if (done()) return true;
    }
    return done();
  }
  SimRuntime& runtime() { return world_.runtime(); }
  typename Cloud::Emulator& emulator() { return world_.emulator(); }
  cloud::testing::FakeCluster& cluster() { return cluster_; }

 private:
  CloudWorld<Cloud> world_;
  cloud::testing::FakeCluster cluster_;
  cloud::AgentOptions options_;
  std::unique_ptr<typename Cloud::Provider> provider_;
  std::optional<cloud::Agent> agent_;
};

// One history: Pods come and go, the agent is killed, the cloud does what it can; then all is well again.
template <class Cloud>
std::string PlayHistory(std::uint64_t seed) {
  CloudAgent<Cloud> agent(seed);
  Random random(seed * 7919);
  std::set<std::string> pods;
  Cloud::MakeTrouble(agent.emulator().faults());
  agent.Start();
  for (int step = 0; step < 40; ++step) {
    const std::string name = fmt::format("p{}", step);
    agent.cluster().AddPod(cloud::testing::SimplePod(name));
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
    Cloud::HideAll(agent.emulator().faults(), random.Chance(0.05));
    agent.runtime().RunFor(random.Between(100ms, 8s));
  }
  agent.emulator().faults() = {};
  const auto settled = [&] {
    const auto live = agent.LivePerPod();
    return agent.Running(pods) == static_cast<int>(pods.size()) && live.size() == pods.size() &&
           std::all_of(live.begin(), live.end(), [](const auto& pod) { return pod.second == 1; });
  };
  if (!agent.Until(settled, 30min)) {
    return fmt::format("seed {}: {} of {} Pods run on {} instances", seed, agent.Running(pods), pods.size(),
                       agent.emulator().live());
  }
  for (const std::string& name : pods) agent.cluster().DeletePod(name, 0);
  if (!agent.Until([&] { return agent.emulator().live() == 0; }, 30min)) {
    return fmt::format("seed {}: {} instances are left", seed, agent.emulator().live());
  }
  if (Cloud::kNeverTwo && !agent.emulator().violations().empty())
    return fmt::format("seed {}: {}", seed, agent.emulator().violations()[0]);
  return "";
}

// How many histories a test plays: the environment's word, or 20.
inline std::uint64_t SeedsFrom(const char* variable) {
  const char* wanted = std::getenv(variable);
  return wanted ? std::strtoull(wanted, nullptr, 10) : 20;
}

}  // namespace spillway::emulators
