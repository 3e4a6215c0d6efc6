#pragma once

#include <string>
#include <utility>

#include "cloud/providers/tencent/provider.h"
#include "cloud/streams.h"

namespace spillway::cloud::tencent {

// Logs of an EksciProvider's instances, which it belongs to. EKSCI has neither commands, connections nor figures.
class Streams final : public InstanceStreams {
 public:
  explicit Streams(EksciProvider& provider) : provider_(provider) {}

  // Of the current run and of the one before; lines come without times, so that whoever wants those gets 501.
  Task<Result<LogPart>> ReadLog(std::string instance_id, LogOptions options, std::string cursor) override;
  Duration follow_interval() const override { return std::chrono::seconds(3); }

 private:
  std::string_view provider_name() const override { return provider_.name(); }

  EksciProvider& provider_;
};

}  // namespace spillway::cloud::tencent
