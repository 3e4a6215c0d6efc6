#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/runtime.h"
#include "cloud/files.h"
#include "cloud/provider.h"
#include "cloud/providers/process/instance.h"

namespace spillway::cloud {

struct ProcessProviderOptions {
  std::string state_dir;  // made if missing; must belong to nobody else
  ProcessInstanceOptions instance;
  Duration poll_interval = 50ms;  // how often processes are looked at
};

// Runs each container's command as a process of this machine, with the rights of the agent: for demonstrations and
// tests, only when asked for by name. No images, no mounts, no limits, no isolation beyond a session, an environment
// and a working directory of its own. All Pods share the machine's address.
//
// Processes outlive the agent. A new one with the same state_dir finds them, by a lock that each run's shim holds, and
// goes on; nothing ever runs twice. Needs real time: not for a SimRuntime.
class ProcessProvider final : public Provider {
 public:
  // kConflict: another agent uses the directory.
  static Result<std::unique_ptr<ProcessProvider>> Open(Runtime& runtime, ProcessProviderOptions options);
  ~ProcessProvider() override;

  std::string_view name() const override { return "process"; }
  std::vector<std::string> unsupported_features() const override;
  bool pulls_images() const override { return false; }
  bool empty_listing_is_proof() const override { return true; }
  Task<tl::expected<Instance, CreateFailure>> Create(CreateRequest request) override;
  Task<Result<Instance>> Describe(std::string instance_id) override;
  Task<Result<std::vector<Instance>>> List(std::string cluster_id, std::string node_name) override;
  Task<Status> Delete(std::string instance_id, Duration grace) override;
  Task<Result<std::string>> Logs(std::string instance_id, LogOptions options) override;
  void OnChange(std::function<void(std::string)> call) override { on_change_ = std::move(call); }

 private:
  ProcessProvider(Runtime& runtime, ProcessProviderOptions options, UniqueFd lock);
  void RecoverAll();
  // Looks again in a while, as long as anything may change.
  void KeepLooking();
  void Look();

  Runtime& runtime_;
  ProcessProviderOptions options_;
  UniqueFd lock_;
  std::map<std::string, std::unique_ptr<ProcessInstance>> instances_;  // by id
  std::function<void(std::string)> on_change_;
  std::optional<TimerId> timer_;
};

}  // namespace spillway::cloud
