// Many Pods at once: against cluster-autoscaler's BenchmarkFilterOutSchedulable (bench/compare.py), and the size of
// kube-scheduler's scheduler_perf.
#include <algorithm>
#include <map>

#include "bench/clusters.h"
#include "scheduler_sim/packing.h"

namespace spillway::bench {
namespace {

using Kind = sim::Verdict::Kind;

sim::Packing PackAll(const sim::Cluster& cluster) {
  return sim::Pack(cluster, sim::InQueueOrder(cluster, cluster.pending()), sim::NodeDomain::kReal);
}

std::int64_t CountOf(const sim::Packing& packing, Kind kind) {
  return std::count_if(packing.entries().begin(), packing.entries().end(),
                       [&](const sim::Packing::Entry& entry) { return entry.verdict.kind == kind; });
}

// Object for object what BenchmarkFilterOutSchedulable has: a placed Pod takes all of a node's 200,000 bytes, so that
// none of the pending ones, of 1000m and 2,000,000 bytes, fits.
void FilterOutSchedulable(benchmark::State& state, bool each_its_own_class) {
  const int nodes = static_cast<int>(state.range(0)), pending = static_cast<int>(state.range(1));
  sim::Cluster cluster{sim::ClusterOptions()};
  for (int i = 0; i < nodes; ++i) {
    cluster.Upsert(Node(i, 2000, 200'000, 100));
    kube::Pod pod = Pod(static_cast<std::uint64_t>(i), 0, 1000, 200'000);
    pod.node_name = NodeName(i);
    cluster.Upsert(pod);
  }
  for (int i = 0; i < pending; ++i) {
    cluster.Upsert(Pod(1'000'000 + static_cast<std::uint64_t>(i), 1, 1000, 2'000'000 + (each_its_own_class ? i : 0)));
  }
  for (auto _ : state) {
    const sim::Packing packing = PackAll(cluster);
    if (!Check(state, CountOf(packing, Kind::kNowhere) == pending, "all were to fail")) break;
    for (const sim::Packing::Entry& entry : packing.entries()) {
      if (entry.verdict.why_not->reasons.front().nodes == nodes) continue;
      Check(state, false, "memory was to be short on every node");
      break;
    }
  }
  CountPairs(state, static_cast<double>(nodes) * pending);
}
BENCHMARK_CAPTURE(FilterOutSchedulable, equal_pods, false)
    ->Args({1000, 12000})
    ->Args({200, 60000})
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(FilterOutSchedulable, own_classes, true)
    ->Args({1000, 12000})
    ->Args({200, 60000})
    ->Unit(benchmark::kMillisecond);

// 10,000 pending Pods in 100 classes, a third of them with affinity, anti-affinity or spread.
void AddClasses(sim::Cluster& cluster) {
  for (int i = 0; i < 10000; ++i) {
    const int kind = i % 100;
    kube::Pod pod =
        Pod(20'000'000 + static_cast<std::uint64_t>(i), static_cast<std::uint64_t>(kind), 100 + 40 * kind, 1LL << 30);
    if (kind % 9 == 0) WithZoneSpread(pod);
    if (kind % 9 == 3) WithHostnameAntiAffinity(pod);
    if (kind % 9 == 6) WithZoneAffinity(pod);
    if (kind % 9 == 1) WithNodeSelector(pod);
    cluster.Upsert(pod);
  }
}

// No node gives more cpu than it has free, and a Pod of 100m finds a place only while there is one.
bool IsSound(const sim::Cluster& cluster, const sim::Packing& packing) {
  std::map<std::uint32_t, std::int64_t> taken;
  const std::vector<sim::PodIndex> order = sim::InQueueOrder(cluster, cluster.pending());
  for (std::size_t i = 0; i < order.size(); ++i) {
    const sim::Packing::Entry& entry = packing.entries()[i];
    if (entry.pod != order[i] || entry.verdict.kind == Kind::kUndecidable) return false;
    // Class `kind` asks for 100m + 40m * kind; they arrived in the order of `kind`, again and again.
    if (entry.verdict.kind == Kind::kFits) taken[entry.verdict.node.value()] += 100 + 40 * static_cast<int>(i % 100);
  }
  return std::all_of(taken.begin(), taken.end(), [&](const auto& node) {
    const sim::NodeView view = cluster.node(sim::NodeIndex(node.first));
    return node.second <= view.allocatable_milli_cpu - view.requested_milli_cpu;
  });
}

void PackClasses(benchmark::State& state) {
  const int nodes = static_cast<int>(state.range(0));
  sim::Cluster cluster = Loaded(nodes, static_cast<int>(state.range(1)));
  AddClasses(cluster);
  const sim::Packing first = PackAll(cluster);
  if (!Check(state, IsSound(cluster, first), "a node was overcommitted, or a Pod forgotten")) return;
  const std::int64_t fit = CountOf(first, Kind::kFits);
  for (auto _ : state) {
    const sim::Packing packing = PackAll(cluster);
    if (!Check(state, CountOf(packing, Kind::kFits) == fit, "another result than before")) break;
  }
  state.counters["fit"] = static_cast<double>(fit);
}
BENCHMARK(PackClasses)->Args({5000, 30})->Args({100000, 10})->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace spillway::bench
