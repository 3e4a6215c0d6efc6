#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/fd_watcher.h"
#include "base/runtime.h"
#include "cloud/providers/process/exec_session.h"
#include "cloud/providers/process/instance.h"
#include "cloud/providers/process/process_table.h"
#include "cloud/streams.h"

namespace spillway::cloud {

using ProcessInstances = std::map<std::string, std::unique_ptr<ProcessInstance>>;  // by id

class ProcessStreams final : public InstanceStreams {
 public:
  // All outlive it.
  ProcessStreams(Runtime& runtime, ProcessInstances& instances, FdWatcher& watcher, Reaper& reaper)
      : runtime_(runtime), instances_(instances), watcher_(watcher), reaper_(reaper) {}

  Task<Result<LogPart>> ReadLog(std::string instance_id, LogOptions options, std::string cursor) override;
  Task<Result<std::unique_ptr<ContainerSession>>> Exec(std::string instance_id, ExecRequest request) override;
  Task<Result<std::unique_ptr<ContainerSession>>> Attach(std::string instance_id, AttachRequest request) override;
  Status CanForward() const override { return {}; }
  Task<Result<std::unique_ptr<ByteChannel>>> PortForward(std::string instance_id, std::uint16_t port) override;
  Task<Result<std::vector<InstanceStats>>> Stats(std::vector<std::string> instance_ids) override;
  Duration follow_interval() const override { return std::chrono::milliseconds(200); }

 protected:
  std::string_view provider_name() const override { return "process"; }

 private:
  Result<ProcessInstance*> Find(const std::string& id) const;
  ContainerStats StatsOf(const std::string& id, const ProcessInstance::RunningShim& running, ProcessUse use,
                         WallTime now);

  Runtime& runtime_;
  ProcessInstances& instances_;
  FdWatcher& watcher_;
  Reaper& reaper_;
  struct Sample {
    WallTime at{};
    std::uint64_t cpu_nanoseconds = 0;
  };
  std::map<std::pair<std::string, std::int64_t>, Sample> samples_;  // by instance/container and start
};

}  // namespace spillway::cloud
