#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "cloud/json.h"
#include "cloud/provider.h"
#include "cloud/providers/process/container.h"
#include "cloud/providers/process/exec_session.h"

namespace spillway::cloud {

struct ProcessInstanceOptions {
  std::string pod_ip;
  std::size_t log_limit = 8u << 20;  // per container and run; the part before it is kept as well
  bool is_isolated = false;          // containers get a view of the file system of their own, with mounts
};

// One Pod as processes, under one directory: init containers in order, then all others, restarts with kubelet's pauses;
// at the end the others first, then sidecars from the last to the first. Its Pod is on disk before anything runs, so
// that Recover() can go on where an agent stopped.
//
//   instance.json        what was asked for, but for the volumes' files
//   deleted              once it is: when its grace period ends, in nanoseconds since 1970
//   volumes/<name>/      one for each volume
//   network/             resolv.conf and hosts
//   work/, tmp/          the directory that commands start in, and TMPDIR
//   root/                where containers' views are put together; always empty
//   c-<name>/, init-<name>/  runs
//
// Source: kubelet kuberuntime_manager.go, kuberuntime_termination_order.go, v1.33 to v1.36.
class ProcessInstance {
 public:
  // Writes it down. kInvalidArgument: the Pod cannot be kept. `runner` outlives it.
  static Result<std::unique_ptr<ProcessInstance>> Make(std::string directory, std::string id,
                                                       const CreateRequest& request, ProcessInstanceOptions options,
                                                       ActionRunner& runner, WallTime now);
  static Result<std::unique_ptr<ProcessInstance>> Recover(std::string directory, std::string id,
                                                          ProcessInstanceOptions options, ActionRunner& runner,
                                                          WallTime now);
  // Those of `volumes` that it has and that hold files.
  Status UpdateVolumes(const std::vector<PodVolume>& volumes) const;

  // Looks at its processes and does what is due. True when anything changed. Call until is_gone().
  bool Advance(WallTime now);
  void Delete(Duration grace, WallTime now);
  // Deleted, and nothing of it runs. Its directory may be removed.
  bool is_gone() const { return deleted_ && !AnyRunning(); }
  // Nothing can change any more unless it is deleted.
  bool is_at_rest() const;

  Instance Describe() const;
  // Whether `request` asks for what this instance was made for.
  bool IsFor(const CreateRequest& request) const { return Asked(request.pod) == asked_; }
  const InstanceIdentity& identity() const { return identity_; }
  // How a command is run in a container that runs: as the container's own, elsewhere than in its process group.
  Result<ExecPlan> PlanExec(const ExecRequest& request) const;
  struct Attachment {
    std::string log_end;  // a cursor
    UniqueFd input;       // not open: it takes none
    bool ends_with_client = false;
  };
  Result<Attachment> Attach(const std::string& container);
  // Its standard input ends for good.
  void EndInput(const std::string& container) const;
  struct RunningShim {
    std::string container;
    pid_t pid = 0;
    WallTime started_at{};
  };
  std::vector<RunningShim> RunningShims() const;
  Result<LogPart> ReadLog(const LogOptions& options, const std::string& cursor) const;

 private:
  using Containers = std::vector<std::unique_ptr<ProcessContainer>>;

  ProcessInstance(std::string directory, std::string id, ProcessInstanceOptions options, ActionRunner& runner);
  static std::size_t Asked(const Json& pod);
  Status Fill(const Json& state);
  ContainerPlace PlaceOf(const Json& state, const std::string& container, bool is_init) const;
  Status MakeDirectories(const CreateRequest& request) const;
  Status WriteNetwork(const PodNetwork& network) const;
  bool AnyRunning() const;
  ProcessContainer* Find(const std::string& name) const;
  Result<ProcessContainer*> FindRunning(const std::string& name) const;
  bool StartDue(WallTime now);
  bool IsDone() const;
  void StopAll(Duration grace, WallTime now);
  // Sidecars end after everything else, the last one first.
  void StopSidecars(WallTime now);
  bool InitsDone() const;

  std::string directory_, id_;
  std::size_t asked_ = 0;
  ProcessInstanceOptions options_;
  ActionRunner& runner_;
  InstanceIdentity identity_;
  WallTime created_at_{};
  Duration default_grace_ = 30s;
  InstanceEvents events_;
  Containers containers_;
  std::string blocked_;  // why none of it can run
  bool deleted_ = false, stopping_ = false;
  WallTime end_by_{};  // when stopping: the end of its grace period
};

}  // namespace spillway::cloud
