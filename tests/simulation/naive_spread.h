#pragma once

#include <optional>
#include <string>

#include "tests/simulation/naive_cluster.h"

namespace spillway::simulation {

// Pods are shared out over virtual nodes by the share of quota that each has in use. Says so when another virtual node
// that would take `pod` as well has clearly less in use than `node` has with it: by more than a few Pods of its size,
// which may be under way. `objects` are as the bind meets them; the Pod is not placed in them yet.
std::optional<std::string> WhyUneven(const Objects& objects, const kube::Pod& pod, const std::string& node);

}  // namespace spillway::simulation
