#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/scope.h"
#include "base/sim_process.h"
#include "base/sim_runtime.h"
#include "cloud/agent/agent.h"
#include "cloud/providers/simulated/cloud.h"
#include "cloud/providers/simulated/provider.h"
#include "controller/controller.h"
#include "metrics/registry.h"
#include "sandbox/standins/cluster.h"
#include "tests/simulation/history.h"
#include "tests/simulation/hosting.h"
#include "tests/simulation/observed_transport.h"
#include "tests/simulation/policies.h"
#include "tests/simulation/process_provider.h"
#include "tests/simulation/promptness.h"
#include "tests/simulation/registration.h"
#include "tests/simulation/scenario.h"

namespace spillway::simulation {

// Everything that a scenario describes, in one process on virtual time: sandbox, cloud, controllers, agents. Each of
// the latter two sees the time through a SimProcess of its own. A process is killed by destroying it and comes back as
// a new object with nothing but what it finds.
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
  // Whatever has a node and has not ended is ready.
  bool AreBoundPodsReady() const;
  // Notes what can be seen only while it happens. To be called every `kStep`.
  void Observe();
  static constexpr Duration kStep = std::chrono::milliseconds(100);
  // No fault from now on; what is down comes back.
  void EndFaults();

  void KillController(std::size_t index, Duration downtime);
  // As SIGTERM does: it hands over, and is gone when it has, or after a while.
  void StopController(std::size_t index, Duration downtime);
  // The agent that the API server knows as `user`.
  void KillAgent(const std::string& user, Duration downtime);
  // It is killed, and comes back on another machine, with another address.
  void MoveAgent(const std::string& node, Duration downtime);
  // A second agent of that name, on another machine, for so long; then one of the two is gone for good: the second, or
  // the first where `second_stays`.
  void StartSecondAgent(const std::string& node, Duration span, bool second_stays, Duration skew);
  // Kinds of fault that have struck, by name, and how often: "watch.lag". Only what had an effect is counted.
  std::map<std::string, std::uint64_t> FaultsFired() const;
  // How far behind this file's faults may leave a controller that runs: none of them more than 5 s.
  Duration LongestLag() const;
  // The same of what single watches may have missed: one that breaks is opened anew after a pause.
  Duration LongestStaleness() const;

  SimRuntime& runtime() { return runtime_; }
  const SimRuntime& runtime() const { return runtime_; }
  sandbox::SandboxCluster& cluster() const { return *cluster_; }
  cloud::SimulatedCloud& cloud() { return *cloud_; }
  const cloud::SimulatedCloud& cloud() const { return *cloud_; }
  const History& history() const { return *history_; }
  const Hosting& hosting() const { return *hosting_; }
  const Registration& registration() const { return *registration_; }
  const Deeds& deeds() const { return deeds_; }
  // How long the process of this life lived on undisturbed after `since` and before `until`: not paused, cut off or
  // answered wrongly.
  Duration UndisturbedLife(std::size_t life, Instant since, Instant until) const;
  // Leaders that were told to end, nobody hindering them, and did not give their lease back at once; one line each.
  std::vector<std::string> SlowHandOvers() const;
  // UID to decision ids, from the decision logs of all controllers that have lived.
  std::map<std::string, std::set<std::string>> DecisionIds() const;
  // spillway_scheduler_agreement_total of all controllers that have lived.
  std::int64_t Agreements(const std::string& result) const;
  // Messages of kube-scheduler that were counted as different from ours although nothing had changed in the cluster for
  // longer than anybody's view of it can be late; one line each.
  const std::vector<std::string>& unexplained_differences() const { return unexplained_differences_; }
  const Promptness& promptness() const { return promptness_; }
  const Policies& policies() const { return policies_; }
  // Something holds Pods back that the naive model knows nothing of.
  bool has_policies() const;
  bool is_dry_run() const { return scenario_.controller.Text("dry-run") == "yes"; }
  Instant last_load() const { return last_load_; }
  std::size_t agent_count() const { return agents_.size(); }
  // Virtual nodes, and the address of the agent of each.
  std::map<std::string, std::string> AgentAddresses() const;
  const std::vector<std::string>& step_failures() const { return step_failures_; }
  // Of every object in the store: equal for equal histories.
  std::uint64_t StateHash() const;
  const Scenario& scenario() const { return scenario_; }

 private:
  struct ControllerProcess {
    std::string name;
    std::size_t life = 0;
    std::unique_ptr<SimProcess> process;
    std::unique_ptr<kube::Transport> transport;
    std::unique_ptr<metrics::Registry> metrics;
    std::unique_ptr<controller::Controller> controller;
    std::unique_ptr<TaskScope> stopping;  // while it shuts down
  };
  struct AgentProcess {
    std::string node;
    std::string user;     // as the API server knows it
    std::string address;  // of its machine
    std::string identity;
    Instant started;
    std::map<std::string, std::string> capacity;
    std::vector<std::string> extra_capabilities;
    std::unique_ptr<SimProcess> process;
    std::unique_ptr<kube::Transport> transport;
    std::unique_ptr<cloud::Provider> provider;
    std::unique_ptr<cloud::Agent> agent;
  };
  struct Disturbance {
    std::string process;  // empty: all
    Instant from, until;
    std::string resource;  // only what is said of that; empty: all
    Duration after;        // so long it may still be felt
  };
  friend class FaultInjector;

  std::unique_ptr<SimProcess> NewProcess();
  // Whom the API server knows that node's agent as.
  std::string AgentUser(const std::string& node) const;
  Duration LagOf(const BindRecord& bind) const;
  // The identity of the agent that has that node, if it sees the present; empty: none, or it does not.
  std::string AgentInCharge(const std::string& node) const;
  // Whether the controllers can be held to moving Pods at once: one of them leads, undisturbed, sees the present, and
  // waits for no node.
  bool MayBePrompt();
  bool BreaksWatchesAllTheTime() const;
  std::optional<std::size_t> LeadingLife() const;
  // From now on for `span` that process, or all, cannot be held to deadlines, as far as it is about that resource.
  void Disturb(const std::string& process, Duration span, const std::string& resource = "",
               Duration after = kLongestRetry);
  // After a storm it takes a while until everybody tries again.
  static constexpr Duration kLongestRetry = std::chrono::seconds(15);

  cloud::SimulatedCloudOptions CloudOptions() const;
  controller::ControllerOptions ControllerOptionsFor(const std::string& name) const;
  void AddNodes();
  // As "NAME cpu= memory= pods= label=key:value taint=key:value" from that word on.
  void AddRealNode(const Line& node, std::size_t name_word);
  void StartController(std::size_t index);
  Task<void> Stopping(std::size_t index, Duration grace, Duration downtime);
  AgentProcess* FindAgent(const std::string& user);
  void StartAgent(const std::string& user);
  void StopAgent(AgentProcess& process);
  void EndSecondAgent(const std::string& node, bool second_stays);
  std::string NewAddress();
  std::optional<std::string> HolderOfLease(const std::string& node) const;
  void NoteConfiguration(const Line& load);
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
  std::unique_ptr<Hosting> hosting_;
  std::unique_ptr<Registration> registration_;
  CloudDesk desk_;
  Deeds deeds_;
  std::vector<Disturbance> disturbances_;
  std::vector<ControllerProcess> controllers_;
  std::map<std::string, AgentProcess> agents_, second_agents_;  // by node
  std::vector<std::unique_ptr<SimProcess>> ended_;              // faults may still hold them
  std::int64_t addresses_ = 0, identities_ = 0;                 // given away so far
  std::uint64_t take_overs_ = 0;                                // by second agents
  std::unique_ptr<class FaultInjector> injector_;
  Promptness promptness_;
  Policies policies_;
  std::optional<std::size_t> leader_;  // its life, at the last look
  std::map<std::string, std::set<std::string>> decision_ids_;
  std::map<std::string, std::int64_t> agreements_;  // of those that are dead
  std::vector<std::string> step_failures_, unexplained_differences_;
  std::int64_t differences_ = 0;  // seen so far
  Instant last_load_{}, began_{};
  std::size_t steps_left_ = 0, observed_ = 0;
  bool faults_ended_ = false;
};

}  // namespace spillway::simulation
