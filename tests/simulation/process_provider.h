#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/runtime.h"
#include "cloud/provider.h"

namespace spillway::simulation {

// What the cloud shows to agents, and what they ask of it.
struct CloudDesk {
  // Instances, by id, that listings leave out while they live, as those do that are eventually consistent.
  std::set<std::string> unlisted;
  // Listings and polls show nothing, successfully: to a caller that may not see any more, and does everything else.
  bool forgets = false;
  // Called when one is asked for, and when one is asked to go. May be null.
  std::function<void(const cloud::CreateRequest& request)> on_create;
  std::function<void(const std::string& instance_id)> on_delete;
};

// A provider for an agent that is a process of its own (base/sim_process.h): what the cloud answers reaches it only
// while it runs. It also takes Pods with claims, which typical clouds do not, so that such Pods may be moved.
class ProcessProvider final : public cloud::Provider {
 public:
  // `desk` outlives this.
  ProcessProvider(Runtime& process, std::unique_ptr<cloud::Provider> inner, CloudDesk& desk)
      : process_(process), inner_(std::move(inner)), desk_(desk) {}

  std::string_view name() const override { return inner_->name(); }
  cloud::ProviderCapabilities capabilities() const override;
  Task<cloud::CloudResult<cloud::Instance>> Create(cloud::CreateRequest request) override;
  Task<cloud::CloudResult<cloud::Changes>> Poll(cloud::InstanceScope scope, std::string cursor) override;
  Task<cloud::CloudResult<std::vector<cloud::Instance>>> List(std::string cluster_id) override;
  Task<cloud::CloudResult<std::vector<cloud::Instance>>> Describe(std::vector<std::string> ids) override;
  Task<cloud::CloudStatus> Delete(std::string instance_id, Duration grace) override;
  Task<cloud::CloudStatus> Ping() override;

 private:
  Runtime& process_;
  std::unique_ptr<cloud::Provider> inner_;
  CloudDesk& desk_;
};

}  // namespace spillway::simulation
