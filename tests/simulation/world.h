#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/sim_runtime.h"
#include "cloud/agent/agent.h"
#include "cloud/providers/simulated/cloud.h"
#include "cloud/providers/simulated/provider.h"
#include "controller/controller.h"
#include "metrics/registry.h"
#include "sandbox/standins/cluster.h"
#include "tests/simulation/history.h"
#include "tests/simulation/scenario.h"

namespace spillway::simulation {

// Lets requests through and notes the writes: what a dry run must not do.
class WatchedTransport final : public kube::Transport {
 public:
  WatchedTransport(std::unique_ptr<kube::Transport> inner, std::vector<std::string>& writes)
      : inner_(std::move(inner)), writes_(writes) {}
  Task<Result<kube::Response>> Send(kube::Request request) override;

 private:
  std::unique_ptr<kube::Transport> inner_;
  std::vector<std::string>& writes_;
};

// Everything that a scenario describes, in one process on virtual time: sandbox, cloud, controllers, agents. A process
// is killed by destroying it and comes back as a new object with nothing but what it finds.
class World {
 public:
  World(const Scenario& scenario, std::string folder, std::uint64_t seed);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  void StartAll();
  // Every process is up, every virtual node is Ready, every controller has synced.
  bool IsUp() const;
  // From now on loads and faults happen at their moments.
  void ScheduleSteps();
  // Every step has happened, every process is up and every workload is as its owner wants it.
  bool IsSettled() const;
  // No fault from now on; what is down comes back.
  void EndFaults();

  void KillController(std::size_t index, Duration downtime);
  void KillAgent(const std::string& node, Duration downtime);

  SimRuntime& runtime() { return runtime_; }
  sandbox::SandboxCluster& cluster() const { return *cluster_; }
  cloud::SimulatedCloud& cloud() { return *cloud_; }
  const cloud::SimulatedCloud& cloud() const { return *cloud_; }
  const History& history() const { return *history_; }
  // What the controllers wrote that is neither event nor lease: "POST /api/v1/...".
  const std::vector<std::string>& controller_writes() const { return controller_writes_; }
  // UID to decision ids, from the decision logs of all controllers that have lived.
  std::map<std::string, std::set<std::string>> DecisionIds() const;
  // spillway_scheduler_agreement_total of all controllers that have lived.
  std::int64_t Agreements(const std::string& result) const;
  // Events may be lost: somebody was killed or requests failed.
  bool had_faults() const { return !scenario_.faults.empty(); }
  Instant last_load() const { return last_load_; }
  std::size_t agent_count() const { return agents_.size(); }
  const std::vector<std::string>& step_failures() const { return step_failures_; }
  // Of every object in the store: equal for equal histories.
  std::uint64_t StateHash() const;
  const Scenario& scenario() const { return scenario_; }

 private:
  struct ControllerProcess {
    std::string name;
    std::unique_ptr<kube::Transport> transport;
    std::unique_ptr<metrics::Registry> metrics;
    std::unique_ptr<controller::Controller> controller;
  };
  struct AgentProcess {
    std::map<std::string, std::string> capacity;
    std::unique_ptr<kube::Transport> transport;
    std::unique_ptr<cloud::Provider> provider;
    std::unique_ptr<cloud::Agent> agent;
  };
  friend class FaultInjector;

  cloud::SimulatedCloudOptions CloudOptions() const;
  controller::ControllerOptions ControllerOptionsFor(const std::string& name) const;
  void AddNodes();
  void StartController(std::size_t index);
  void StartAgent(const std::string& node);
  void Collect(const controller::DecisionLog& log);
  void At(Instant when, std::function<void()> work);
  bool IsNodeReady(const std::string& name) const;
  bool AreWorkloadsSettled() const;
  bool ArePodsSettled() const;
  std::int64_t ExpectedPending() const;

  Scenario scenario_;
  std::string folder_;
  SimRuntime runtime_;
  Random random_;  // for the moments of steps; nothing else
  std::unique_ptr<sandbox::SandboxCluster> cluster_;
  std::unique_ptr<History> history_;
  std::unique_ptr<cloud::SimulatedCloud> cloud_;
  std::vector<std::string> controller_writes_;
  std::vector<ControllerProcess> controllers_;
  std::map<std::string, AgentProcess> agents_;
  std::unique_ptr<class FaultInjector> injector_;
  std::map<std::string, std::set<std::string>> decision_ids_;
  std::map<std::string, std::int64_t> agreements_;  // of those that are dead
  std::vector<std::string> step_failures_;
  Instant last_load_{};
  std::size_t steps_left_ = 0;
  bool faults_ended_ = false;
};

}  // namespace spillway::simulation
