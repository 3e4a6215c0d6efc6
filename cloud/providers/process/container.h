#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cloud/json.h"
#include "cloud/provider.h"
#include "cloud/providers/process/action.h"
#include "cloud/providers/process/container_run.h"
#include "cloud/providers/process/instance_events.h"
#include "cloud/providers/process/isolation.h"
#include "cloud/providers/process/pod_mounts.h"
#include "cloud/providers/process/probe_state.h"
#include "cloud/restart_policy.h"

namespace spillway::cloud {

// Where a container runs.
struct ContainerPlace {
  std::string directory;  // of its runs
  std::string work_dir, temp_dir;
  std::string instance_id, pod_name, pod_ns, pod_uid, pod_ip, hostname;
  std::string restart_policy;  // the Pod's
  Duration grace{30s};         // the Pod's
  std::size_t log_limit = 0;
  bool is_isolated = false;
  std::string root;  // for Isolation
  PodVolumes volumes;
  std::vector<Mount> mounts;  // beside its volumes
};

// One container through all its runs: started again after kubelet's pauses, probed, with its hooks.
//
// Source: kubelet kuberuntime_container.go (startContainer, killContainer), prober/, v1.33 to v1.36.
class ProcessContainer {
 public:
  // `runner` and `events` outlive it.
  ProcessContainer(Json spec, bool is_init, ContainerPlace place, ActionRunner& runner, InstanceEvents& events);

  // Why it can never run: a probe or hook that is not known here; kInvalidArgument names the field.
  Status Check() const;
  // Finds what an agent before this one left.
  void Recover(WallTime fallback);

  // Looks at its run, its probes and its hooks. True when anything changed.
  bool Advance(WallTime now);
  bool IsDue(WallTime now) const { return !is_over_ && !run_.is_running() && (!next_start_ || now >= *next_start_); }
  // True when anything changed.
  bool Start(WallTime now);
  // Ends its run, its preStop hook first, and it is not started again. A shorter `grace` than before holds.
  void Stop(Duration grace, WallTime now);
  // It will not be started any more, whether it runs or not. How it ended last is how it has ended.
  void GiveUp();

  const std::string& name() const { return name_; }
  const Json& spec() const { return spec_; }
  bool is_init() const { return is_init_; }
  bool is_sidecar() const { return is_sidecar_; }
  bool is_over() const { return is_over_; }
  bool is_stopping() const { return stop_.has_value(); }
  bool has_succeeded() const { return is_over_ && ended_ && ended_->exit_code == 0; }
  bool has_failed() const { return is_over_ && ended_ && ended_->exit_code != 0; }
  // What comes after it may go on: it has succeeded, or, a sidecar, has been started and says so.
  bool is_passed() const;
  // Its postStart hook is under way: others wait.
  bool is_starting() const { return awaits_hook_ || post_start_.is_busy(); }
  // Its command is executed; before that, its run has begun and there is nothing to join.
  bool is_running() const { return run_.is_running() && is_executed_; }
  const ContainerRun& run() const { return run_; }
  ContainerState State() const;

  // How a command is run beside it.
  Result<ExecPlan> PlanExec(const Json& words) const;

 private:
  // A stop under way: of this run only, or for good.
  struct Ending {
    WallTime kill_at;
    bool has_hook = false;
    bool is_termed = false;
  };
  struct Probe {
    ProbeState state;
    std::unique_ptr<ActionSlot> slot;
  };

  Result<Isolation> PlanView(std::vector<Mount> mounts) const;
  Result<Action> ActionFor(const Json& handler) const;
  void OnEnded(WallTime now);
  void WaitToStart(std::string reason, std::string message, WallTime now);
  void CannotStart(const std::string& why, WallTime now);
  std::string RunId() const;
  void AfterStart();
  bool SeeExecution();
  void BeginPostStart(WallTime now);
  void BeginEnding(Duration grace, WallTime now);
  bool AdvanceEnding(WallTime now);
  bool AdvanceHooks(WallTime now);
  bool AdvanceProbes(WallTime now);
  // True when there is something to be seen of it already.
  bool Ask(Probe& probe, WallTime now);
  bool TakeAnswer(Probe& probe, WallTime now);
  void Restart(const Probe& probe, WallTime now);
  void TakeMessage();
  void DropActions();
  void Tell(bool is_warning, std::string reason, std::string message, WallTime now);
  bool is_started() const;
  bool is_ready() const;

  const Json spec_;
  const std::string name_;
  const bool is_init_, is_sidecar_;
  const ContainerPlace place_;
  InstanceEvents& events_;
  ContainerRun run_;
  CrashBackoff backoff_;
  std::optional<Termination> ended_, last_;
  std::optional<WallTime> next_start_;
  std::string waiting_reason_, waiting_message_;
  bool is_over_ = false, is_given_up_ = false, is_executed_ = false;
  bool awaits_hook_ = false;  // postStart is to be run as soon as the command is executed
  int restarts_ = 0;

  std::vector<Probe> probes_;
  ActionSlot post_start_, pre_stop_;
  std::optional<Ending> stop_;
};

}  // namespace spillway::cloud
