// cluster-autoscaler's BenchmarkBinpackingEstimate: how many new nodes do these Pods need (bench/compare.py).
#include "bench/clusters.h"
#include "scheduler_sim/nodes_needed.h"

namespace spillway::bench {
namespace {

// 50,000 Pods of 50m and 100 bytes, 1,000 of 95m and 190, onto nodes of 1000m, 5000 bytes and 100 Pods, at most 3,000;
// an old node that stays out of it.
void NodesNeeded(benchmark::State& state) {
  sim::Cluster cluster{sim::ClusterOptions()};
  cluster.Upsert(Node(0, 100, 100, 10));
  for (std::uint64_t i = 0; i < 51000; ++i) {
    cluster.Upsert(i < 50000 ? Pod(i, 1, 50, 100) : Pod(i, 1, 95, 190));
  }
  kube::Node shape = Node(1, 1000, 5000, 100);
  shape.metadata.name = "template";
  const std::vector<sim::PodIndex> pods = cluster.pending();
  for (auto _ : state) {
    const sim::NodesNeeded needed = sim::CountNodesNeeded(cluster, pods, shape, 3000);
    Check(state, needed.nodes == 2595 && needed.placed == 51000 && needed.left_over.empty(), "2,595 nodes were right");
  }
}
BENCHMARK(NodesNeeded)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace spillway::bench
