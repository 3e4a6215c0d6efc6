#pragma once

#include <string>

#include "kube/client.h"

namespace spillway::kube {

struct EvictRequest {
  std::string ns, name;
  std::string uid, resource_version;  // preconditions: what the decision was made on; neither may be empty
};

// POST pods/{name}/eviction: deletes the Pod, with its own grace, if no PodDisruptionBudget is against it and nothing
// about it has changed since `resource_version`. kConflict when something has, kNotFound when the Pod is gone,
// kThrottled with the cause DisruptionBudget when a budget is against it now; otherwise as Bind(). Budgets are not
// asked about Pods that are Pending: kube-apiserver takes nothing from them by their leaving.
//
// Source: kubernetes pkg/registry/core/pod/storage/eviction.go, v1.36.
Task<Status> Evict(Client& client, EvictRequest request);

}  // namespace spillway::kube
