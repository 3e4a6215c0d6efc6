#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "cloud/agent/agent.h"
#include "cloud/testing/fake_cluster.h"
#include "tests/emulators/eci_world.h"

namespace spillway::emulators {

// One agent on virtual time, between an API server and the ECI emulator.
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
  cloud::testing::FakeCluster& cluster() { return cluster_; }

 private:
  EciWorld world_;
  cloud::testing::FakeCluster cluster_;
  cloud::AgentOptions options_;
  std::unique_ptr<cloud::alibaba::EciProvider> provider_;
  std::optional<cloud::Agent> agent_;
};

}  // namespace spillway::emulators
