#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/log.h"
#include "base/sim_runtime.h"
#include "cloud/agent/agent.h"
#include "cloud/providers/simulated/cloud.h"
#include "cloud/testing/fake_cluster.h"
#include "cloud/testing/veiled_provider.h"

namespace spillway::cloud::testing {

// One agent on virtual time, between a FakeCluster and a SimulatedCloud.
class AgentFixture : public ::testing::Test {
 protected:
  void SetUp() override { log::Quiet(); }

  void StartAgent() {
    agent_.reset();
    provider_ = std::make_unique<VeiledProvider>(cloud_.NewProvider());
    provider_->sells = sells_;
    AgentOptions options = options_;
    agent_.emplace(runtime_, cluster_.transport(), *provider_, options, &observer_);
    agent_->Start();
  }
  // kill -9.
  void KillAgent() {
    agent_.reset();
    provider_.reset();
  }
  bool Until(const std::function<bool()>& done, Duration limit = 60s) { return runtime_.RunUntil(done, limit); }
  bool IsRunning(const std::string& name) { return cluster_.Phase(name) == "Running"; }
  // What must hold at every end.
  void TearDown() override { EXPECT_THAT(cloud_.violations(), ::testing::IsEmpty()); }

  static AgentOptions MakeOptions() {
    AgentOptions options;
    options.node_name = "vnode";
    options.cluster_id = "cluster";
    options.internal_ip = "10.0.0.5";
    options.is_dead = [](const std::string&) { return true; };  // KillAgent()
    options.capacity = {{"cpu", "20"}, {"memory", "100Gi"}, {"pods", "10"}};
    return options;
  }

  struct Observer : AgentObserver {
    int suspicious = 0, lost = 0, orphans = 0;
    std::map<std::string, int> calls;
    void OnOperation(std::string_view operation, std::optional<Refusal>, Duration) override {
      ++calls[std::string(operation)];
    }
    void OnSuspiciousListing() override { ++suspicious; }
    void OnInstanceLost() override { ++lost; }
    void OnOrphanDeleted() override { ++orphans; }
  };

  SimRuntime runtime_{7};
  FakeCluster cluster_{runtime_};
  SimulatedCloud cloud_{runtime_, {}};
  AgentOptions options_ = MakeOptions();
  Observer observer_;
  std::function<Market()> sells_;  // of the provider of the next agent
  std::unique_ptr<VeiledProvider> provider_;
  std::optional<Agent> agent_;
};

}  // namespace spillway::cloud::testing
