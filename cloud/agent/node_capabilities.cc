#include "cloud/agent/node_capabilities.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

namespace spillway::cloud {

std::vector<std::string> AgentFeatures(bool fills_in_pod_ip) {
  std::vector<std::string> features = {"activeDeadline", "envResources", "readinessGates"};
  if (fills_in_pod_ip) features.emplace_back("envAddresses");
  return features;
}

ProviderCapabilities NodeCapabilities(const Provider& provider, const AgentOptions& options) {
  ProviderCapabilities capabilities = provider.capabilities();
  std::vector<std::string> names = capabilities.features.names();
  for (std::string& feature : AgentFeatures(provider.fills_in_pod_ip())) names.push_back(std::move(feature));
  if (options.omit_api_token) {
    for (const char* feature : {"projected", "serviceAccountToken"}) {
      names.push_back(fmt::format("{}/kubeApiAccess", feature));
    }
  }
  names.insert(names.end(), options.extra_capabilities.begin(), options.extra_capabilities.end());
  capabilities.features = kube::Capabilities(std::move(names));
  if (!options.largest_instances.empty()) capabilities.largest = options.largest_instances;
  return capabilities;
}

Status CheckOffer(const ProviderCapabilities& capabilities, const AgentOptions& options) {
  if (capabilities.largest.empty()) return {};
  for (const auto& [name, text] : options.capacity) {
    const auto amount = kube::Quantity::Parse(text);
    if (name == "pods" || !amount || amount->is_zero()) continue;
    const kube::ResourceList least = {{name, kube::Quantity::FromMilli(1)}};
    const bool is_had = std::any_of(capabilities.largest.begin(), capabilities.largest.end(),
                                    [&](const auto& largest) { return largest.Fits(least); });
    if (is_had) continue;
    return Fail(Code::kInvalidArgument,
                fmt::format("the node would offer {}={}, but no instance can have any {}: the largest is {}; see "
                            "--largest-instances",
                            name, text, name, kube::ToText(capabilities.largest)));
  }
  return {};
}

}  // namespace spillway::cloud
