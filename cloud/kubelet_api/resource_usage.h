#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "cloud/json.h"
#include "cloud/streams.h"

// What a node, its Pods and their containers use, as kubelet tells it. Pure.
namespace spillway::cloud {

struct PodUsage {
  std::string ns, name, uid;
  std::optional<WallTime> started_at;
  InstanceStats stats;
};

struct NodeUsage {
  std::string node_name;
  WallTime at{}, started_at{};
  std::uint64_t cpu_nanoseconds = 0, working_set_bytes = 0;  // the agent's own, and that of all containers
  std::vector<PodUsage> pods;
};

// CPU time that containers have used altogether, also of those that are gone: a counter that never falls.
class CpuTotal {
 public:
  // Nanoseconds up to now.
  std::uint64_t Add(const std::vector<InstanceStats>& stats);

 private:
  using Key = std::tuple<std::string, std::string, std::int64_t>;  // instance, container, start
  std::map<Key, std::uint64_t> seen_;
  std::uint64_t total_ = 0;
};

// kubelet's /stats/summary: a Summary of stats/v1alpha1.
Json StatsSummary(const NodeUsage& usage);

// kubelet's /metrics/resource, in the text format of Prometheus. Labels stand in the order namespace, pod, container,
// which metrics-server reads in any order, and virtual-kubelet's tests in this one.
std::string ResourceMetrics(const NodeUsage& usage);

}  // namespace spillway::cloud
