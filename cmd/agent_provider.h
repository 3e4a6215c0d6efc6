#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "base/runtime.h"
#include "cloud/provider.h"
#include "cmd/flags.h"

// Which cloud an agent runs its Pods on: --provider and the flags of each provider.
namespace spillway::cmd {

inline constexpr FlagGroup kProviderFlags = {"Provider", "cmd/agent_provider.cc"};

// A provider with what lives as long as it does.
class OwnedProvider {
 public:
  virtual ~OwnedProvider() = default;
  virtual cloud::Provider& provider() = 0;
};

// kInvalidArgument: the flags are wrong.
Status CheckProviderFlags();
std::string ProviderName();
// `pod_ip`: the address that Pods of the process provider have.
Result<std::unique_ptr<OwnedProvider>> NewProviderFromFlags(Runtime& runtime, const std::string& cluster_id,
                                                            const std::string& node_name, const std::string& pod_ip);

}  // namespace spillway::cmd
