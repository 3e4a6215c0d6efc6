#pragma once

#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>

#include "kube/api/objects.h"
#include "scheduler_sim/cluster.h"

// Clusters and Pods as the published kube-scheduler and cluster-autoscaler benchmarks have them.
// tests/differential/measure makes the same Loaded() cluster for the real plugins.
namespace spillway::bench {

kube::ResourceList Resources(std::int64_t milli_cpu, std::int64_t bytes);

std::string NodeName(int number);
kube::Node Node(int number, std::int64_t milli_cpu, std::int64_t memory, std::int64_t pods = 110);
// Replica of one of 500 workloads, as their controllers make them.
kube::Pod Pod(std::uint64_t number, std::uint64_t workload, std::int64_t milli_cpu, std::int64_t memory);

// Nodes of 4 cpus with placed Pods of 120m each. 30 leave no whole cpu free. `unique_label`: every Pod has one label
// whose value no other Pod has, as those of StatefulSets and indexed Jobs.
sim::Cluster Load(int nodes, int pods_per_node = 30, bool unique_label = false);
// A copy of such a cluster, loaded once for all repetitions of a benchmark.
sim::Cluster Loaded(int nodes, int pods_per_node = 30, bool unique_label = false);

// Shapes of pending Pods.
void Plain(kube::Pod& pod);
void WithNodeSelector(kube::Pod& pod);
void WithZoneSpread(kube::Pod& pod);
void WithHostnameAntiAffinity(kube::Pod& pod);
void WithZoneAffinity(kube::Pod& pod);

// Ends the benchmark with an error unless `holds`: nothing is timed whose result is wrong.
inline bool Check(benchmark::State& state, bool holds, const char* what) {
  if (!holds) state.SkipWithError(what);
  return holds;
}

// Counter ns_per_pair: time per pending Pod and node.
void CountPairs(benchmark::State& state, double pairs_per_iteration);

}  // namespace spillway::bench
