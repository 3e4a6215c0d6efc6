#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/task.h"
#include "kube/client.h"
#include "kube/json.h"

// What retiring and forgetting ask of the API server.
namespace spillway::cmd {

inline constexpr Duration kRemovalPause = 2s;  // between two looks

// The Nodes that match `selector` and are not in `keep`.
Task<Result<std::vector<kube::Json>>> ListVirtualNodes(kube::Client& client, std::string selector,
                                                       std::set<std::string> keep);
Task<Status> SetCordon(kube::Client& client, std::string node, bool cordoned);

// Pods bound to the node, as namespace/name, but those of DaemonSets.
Task<Result<std::vector<std::string>>> ListPodsThatCount(kube::Client& client, std::string node);

// What keeps the node from being taken away, for an operator: "2 Pods (shop/web-1, shop/web-2)". nullopt: nothing.
// `cordoned_at` is when the node was seen cordoned; pure.
std::optional<std::string> WhatIsLeft(const kube::Json& node, const std::vector<std::string>& pods,
                                      WallTime cordoned_at);

}  // namespace spillway::cmd
