#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "kube/api/objects.h"
#include "scheduler_sim/cluster.h"

// The answer of `spillway explain`, the same from a file and from a running controller. The contract is in
// docs/explain.md.
namespace spillway::controller {

// How much of it is wanted.
enum class ExplainDetail : std::uint8_t {
  kGroups,    // nodes with the same answer together, a few of them by name
  kAllNodes,  // and each node by itself
};

struct ExplainOptions {
  ExplainDetail detail = ExplainDetail::kGroups;
  std::vector<std::string> overflow_taints;  // sim::SpreadOptions::overflow_taints
};

// {"namespace", "name", "uid", "state"} and, for a Pod that has a node, where, since when Spillway has had its hand in
// it and why, from its annotations. `cluster` may not know the node.
nlohmann::ordered_json DescribePod(const sim::Cluster& cluster, const kube::Pod& pod);

// DescribePod() and the verdict with everything behind it. Precondition: the Pod is pending in `cluster`. `undecidable`
// says why kube-scheduler itself does not look at it; empty when it does.
nlohmann::ordered_json ExplainPending(const sim::Cluster& cluster, const kube::Pod& pod, sim::PodIndex index,
                                      std::string undecidable, const ExplainOptions& options);

}  // namespace spillway::controller
