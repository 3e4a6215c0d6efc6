#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/runtime.h"
#include "base/task.h"
#include "controller/configuration.h"
#include "controller/decision_log.h"
#include "controller/explain_json.h"
#include "controller/fail_over.h"
#include "controller/gate_keeper.h"
#include "controller/overflow.h"
#include "controller/policy/policy.h"
#include "kube/api/capabilities.h"
#include "kube/api/objects.h"
#include "kube/leader_election.h"
#include "kube/transport.h"
#include "metrics/health.h"
#include "metrics/registry.h"
#include "scheduler_sim/scheduler_config.h"

namespace spillway::controller {

struct ControllerOptions {
  ControllerOptions();  // the defaults of the flags

  Policy policy;  // of the flags
  ConfigurationOptions configuration;
  kube::LabelSelector virtual_nodes;
  kube::Capabilities foreign_capabilities;  // of virtual nodes that do not say what they can run
  sim::SchedulerConfig scheduler;           // its profiles are those of policy.scheduler_names
  int scheduler_minor_version = 0;  // one that can be simulated; 0: as the API server's, asked at the start and again
  int accepted_scheduler_minor_version = 0;  // SchedulerVersionOptions::accepted
  OverflowOptions overflow;
  FailOverOptions fail_over;
  GateOptions gates;  // the labels of virtual nodes and the deletion cost are those given here otherwise
  double kube_api_qps = 50;
  int kube_api_burst = 100;
  // None: it acts from the start. Not used in dry-run, which writes nothing but events.
  std::optional<kube::LeaderElectionOptions> leader_election;
  std::string identity = "spillway-controller";  // of this process, in leases and events
  std::string api_host;                          // label of rest_client_requests_total
  std::size_t decisions_kept = 1000;
};

// The controller: watches, decides, binds. Runs wholly on `runtime`; several may run side by side, each with a
// transport and a registry of its own. Destroying it stops it at once, as a kill would. Loop thread only.
class Controller {
 public:
  // All outlive this.
  Controller(Runtime& runtime, kube::Transport& transport, ControllerOptions options, metrics::Registry& metrics);
  ~Controller();
  Controller(const Controller&) = delete;
  Controller& operator=(const Controller&) = delete;

  // Before Start(): told once when the cluster has another kube-scheduler than the one that is simulated: this is to be
  // shut down and started anew.
  void OnOutdated(std::function<void(std::string why)> on_outdated);
  // `on_lost` is called once if the lease is lost: the process must then end, or this be destroyed (not from within).
  void Start(std::function<void(std::string why)> on_lost = nullptr);
  // Not ready any more, decides nothing more, waits for the binds in flight, gives the lease back, writes the events
  // that are due; all within `grace`.
  Task<void> Shutdown(Duration grace);

  // Ok when it could act as soon as it leads; the error says why not.
  Status Ready() const;
  void AddChecks(metrics::Health& health) const;  // `health` must not be asked after this is gone
  bool is_leading() const;
  const DecisionLog& decisions() const;
  // The JSON answer of `spillway explain` (explain_json.h, explainer.h) as this process knows it, leading or not.
  Task<Result<std::string>> Explain(std::string ns, std::string name, ExplainDetail detail);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace spillway::controller
