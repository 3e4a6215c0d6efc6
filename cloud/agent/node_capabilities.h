#pragma once

#include "cloud/agent/options.h"
#include "cloud/provider.h"

namespace spillway::cloud {

// What agents see to themselves, whatever the provider: deadlines, readiness gates, values from the Pod's own fields,
// its address among them where the provider fills that in.
std::vector<std::string> AgentFeatures(bool fills_in_pod_ip = true);

// What a node can run: what its provider and its agent can, and what the options add.
ProviderCapabilities NodeCapabilities(const Provider& provider, const AgentOptions& options);

// kInvalidArgument: the node offers some of a resource of which none of its instances can have any.
Status CheckOffer(const ProviderCapabilities& capabilities, const AgentOptions& options);

}  // namespace spillway::cloud
