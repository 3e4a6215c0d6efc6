#pragma once

#include <vector>

#include "kube/api/capabilities.h"

namespace spillway::cloud {

// What a provider can run, as its node publishes it. Everything that is not said here it cannot.
struct ProviderCapabilities {
  kube::Capabilities features;  // by the names of kube/api/pod_features.h
  // The largest instances; none: one may be as large as the node's whole budget.
  std::vector<kube::LargestInstance> largest;

  bool operator==(const ProviderCapabilities&) const = default;
};

}  // namespace spillway::cloud
