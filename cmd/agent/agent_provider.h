#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/runtime.h"
#include "cloud/provider.h"
#include "cmd/flags/flags.h"

// Which cloud an agent runs its Pods on: --provider and the flags of each provider.
namespace spillway::cmd {

inline constexpr FlagGroup kProviderFlags = {"Provider", "cmd/agent/agent_provider.cc"};

// A provider with what lives as long as it does.
class OwnedProvider {
 public:
  virtual ~OwnedProvider() = default;
  virtual cloud::Provider& provider() = 0;
};

// kInvalidArgument: the flags are wrong.
Status CheckProviderFlags();
// `pod_ip`: the address that Pods of the process provider have.
Result<std::unique_ptr<OwnedProvider>> NewProviderFromFlags(Runtime& runtime, const std::string& cluster_id,
                                                            const std::string& node_name, const std::string& pod_ip);

// Every instance of the cluster, on whatever node, as the provider has it. For those who only look: nothing is locked,
// written or started, and agents may run meanwhile. Of the process provider "running" stands for all that are not asked
// to go. The error says what could not be read.
Task<Result<std::vector<cloud::Instance>>> ListInstancesFromFlags(Runtime& runtime, std::string cluster_id);

}  // namespace spillway::cmd
