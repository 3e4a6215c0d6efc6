#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/sync.h"
#include "cloud/providers/alibaba/provider.h"
#include "cloud/streams.h"

namespace spillway::cloud::alibaba {

// Logs, commands and figures of an EciProvider's instances, which it belongs to.
class Streams final : public InstanceStreams {
 public:
  explicit Streams(EciProvider& provider) : provider_(provider) {}

  Task<Result<LogPart>> ReadLog(std::string instance_id, LogOptions options, std::string cursor) override;
  Duration follow_interval() const override { return std::chrono::seconds(2); }
  // Without input and terminal: ECI runs the command to its end and gives what it wrote, both streams as one and
  // without an exit code. Anything else is carried by a WebSocket whose framing is not documented: kUnimplemented.
  Task<Result<std::unique_ptr<ContainerSession>>> Exec(std::string instance_id, ExecRequest request) override;
  Task<Result<std::vector<InstanceStats>>> Stats(std::vector<std::string> instance_ids) override;

 private:
  std::string_view provider_name() const override { return provider_.name(); }
  Task<CloudStatus> FetchStats(std::vector<std::string> ids);

  EciProvider& provider_;
  struct Sample {
    InstanceStats stats;
    Instant asked_at;
  };
  std::map<std::string, Sample> samples_;  // by instance id
};

}  // namespace spillway::cloud::alibaba
