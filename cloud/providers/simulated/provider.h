#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cloud/provider.h"

namespace spillway::cloud {

class SimulatedCloud;

// One agent's line to a SimulatedCloud. It publishes what a typical serverless container service cannot run.
class SimulatedProvider final : public Provider {
 public:
  explicit SimulatedProvider(SimulatedCloud& cloud);
  ~SimulatedProvider() override;

  std::string_view name() const override { return "simulated"; }
  std::vector<std::string> unsupported_features() const override;
  Task<tl::expected<Instance, CreateFailure>> Create(CreateRequest request) override;
  Task<Result<Instance>> Describe(std::string instance_id) override;
  Task<Result<std::vector<Instance>>> List(std::string cluster_id, std::string node_name) override;
  Task<Status> Delete(std::string instance_id, Duration grace) override;
  Task<Result<std::string>> Logs(std::string instance_id, LogOptions options) override;
  void OnChange(std::function<void(std::string)> call) override { on_change_ = std::move(call); }

 private:
  friend class SimulatedCloud;
  SimulatedCloud& cloud_;
  std::function<void(std::string)> on_change_;
};

}  // namespace spillway::cloud
