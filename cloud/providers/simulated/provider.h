#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/sync.h"
#include "cloud/provider.h"
#include "cloud/streams.h"

namespace spillway::cloud {

class SimulatedCloud;

// What a SimulatedProvider says it can run: what serverless services have in common, and what the better of them can
// besides.
kube::Capabilities SimulatedFeatures();

// One agent's line to a SimulatedCloud. It publishes what a typical serverless container service cannot run.
class SimulatedProvider final : public Provider, private InstanceStreams {
 public:
  explicit SimulatedProvider(SimulatedCloud& cloud);
  ~SimulatedProvider() override;

  std::string_view name() const override { return "simulated"; }
  ProviderCapabilities capabilities() const override;
  Task<CloudResult<Instance>> Create(CreateRequest request) override;
  Task<CloudResult<Changes>> Poll(InstanceScope scope, std::string cursor) override;
  Task<CloudResult<std::vector<Instance>>> List(std::string cluster_id) override;
  Task<CloudResult<std::vector<Instance>>> Describe(std::vector<std::string> ids) override;
  Task<CloudStatus> Delete(std::string instance_id, Duration grace) override;
  Task<CloudStatus> Ping() override;
  InstanceStreams* streams() override { return this; }
  // It sells what is asked for, to the byte. It has no prices: flags may say some.
  Bill BillFor(const nlohmann::json& pod) const override;

 private:
  friend class SimulatedCloud;
  // InstanceStreams
  std::string_view provider_name() const override { return name(); }
  Task<Result<LogPart>> ReadLog(std::string instance_id, LogOptions options, std::string cursor) override;
  Task<Result<std::vector<InstanceStats>>> Stats(std::vector<std::string> instance_ids) override;

  template <typename T>
  Task<CloudResult<T>> Call(std::function<CloudResult<T>()> effect);
  void OnChanged(const InstanceIdentity& identity);

  SimulatedCloud& cloud_;
  InstanceScope polled_;
  Signal changed_;  // something in polled_
};

}  // namespace spillway::cloud
