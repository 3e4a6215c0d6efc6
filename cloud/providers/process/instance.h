#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cloud/json.h"
#include "cloud/provider.h"
#include "cloud/providers/process/container_run.h"
#include "cloud/restart_policy.h"

namespace spillway::cloud {

struct ProcessInstanceOptions {
  std::string pod_ip;
  std::size_t log_limit = 8u << 20;  // per container and run; the part before it is kept as well
};

// One Pod as processes, under one directory: init containers in order, then all others, restarts with kubelet's pauses.
// Its Pod is on disk before anything runs, so that Recover() can go on where an agent stopped.
class ProcessInstance {
 public:
  // Writes it down. kInvalidArgument: the Pod cannot be kept.
  static Result<std::unique_ptr<ProcessInstance>> Make(std::string directory, std::string id,
                                                       const CreateRequest& request, ProcessInstanceOptions options,
                                                       WallTime now);
  static Result<std::unique_ptr<ProcessInstance>> Recover(std::string directory, std::string id,
                                                          ProcessInstanceOptions options);

  // Looks at its processes and does what is due. True when anything changed. Call until is_gone().
  bool Advance(WallTime now);
  void Delete(Duration grace, WallTime now);
  // Deleted, and nothing of it runs. Its directory may be removed.
  bool is_gone() const { return deleted_ && !AnyRunning(); }
  // Nothing can change any more unless it is deleted.
  bool is_at_rest() const;

  Instance Describe() const;
  const std::string& client_token() const { return client_token_; }
  const InstanceIdentity& identity() const { return identity_; }
  Result<std::string> Logs(const LogOptions& options, WallTime now) const;

 private:
  struct Container {
    Json spec;
    std::string name;
    bool is_init = false, is_sidecar = false;
    ContainerRun run;
    CrashBackoff backoff;
    std::optional<Termination> ended, last;
    std::optional<WallTime> next_start;
    std::string waiting_reason, waiting_message;
    bool is_over = false;  // it will not be started again
    int restarts = 0;
  };

  ProcessInstance(std::string directory, std::string id, ProcessInstanceOptions options);
  Status Fill(const Json& state);
  bool AnyRunning() const;
  bool Look(WallTime now);
  void OnEnded(Container& container, WallTime now);
  bool StartDue(WallTime now);
  bool Start(Container& container, WallTime now);
  void CannotStart(Container& container, std::string reason, std::string message, WallTime now);
  void StopAll(WallTime now, Duration grace);
  bool InitsDone() const;
  ContainerState StateOf(const Container& container) const;

  std::string directory_, id_, client_token_, restart_policy_;
  ProcessInstanceOptions options_;
  InstanceIdentity identity_;
  WallTime created_at_{};
  Duration default_grace_ = 30s;
  std::vector<Container> containers_;
  std::string blocked_;  // why none of it can run
  bool deleted_ = false, stopping_ = false;
  std::optional<WallTime> kill_at_;
};

}  // namespace spillway::cloud
