// What keeping the model costs: time per delta, bytes per Pod.
#include <malloc.h>
#include <unistd.h>

#include <cstdio>
#include <vector>

#include "bench/clusters.h"

namespace spillway::bench {
namespace {

// Binding and deleting Pods.
void PodDelta(benchmark::State& state) {
  const int nodes = static_cast<int>(state.range(0));
  sim::Cluster cluster = Loaded(nodes, static_cast<int>(state.range(1)));
  std::vector<kube::Pod> pods;
  for (int i = 0; i < 1000; ++i) {
    pods.push_back(
        Pod(30'000'000 + static_cast<std::uint64_t>(i), static_cast<std::uint64_t>(i) % 500, 120, 500LL << 20));
    pods.back().node_name = NodeName(static_cast<int>(i * 7919LL % nodes));
  }
  const std::uint64_t before = cluster.generation();
  std::size_t next = 0;
  for (auto _ : state) {
    const kube::Pod& pod = pods[next++ % pods.size()];
    cluster.Upsert(pod);
    cluster.RemovePod(pod.metadata.uid);
  }
  Check(state, cluster.generation() == before + 2 * state.iterations(), "every delta was to count");
  state.SetItemsProcessed(2 * static_cast<std::int64_t>(state.iterations()));
}
BENCHMARK(PodDelta)->Args({5000, 30})->Args({100000, 10});

// Nodes are cordoned and uncordoned; or change a label, which Pods on them are counted anew for.
void NodeDelta(benchmark::State& state, bool label) {
  const int nodes = static_cast<int>(state.range(0));
  sim::Cluster cluster = Loaded(nodes, static_cast<int>(state.range(1)));
  std::vector<kube::Node> changing;
  for (int i = 0; i < 1000; ++i) changing.push_back(Node(static_cast<int>(i * 7919LL % nodes), 4000, 32LL << 30));
  const std::uint64_t before = cluster.generation();
  std::size_t next = 0;
  for (auto _ : state) {
    kube::Node& node = changing[next++ % changing.size()];
    if (label) {
      std::string& disk = node.metadata.labels.front().second;
      disk = disk == "ssd" ? "hdd" : "ssd";
    } else {
      node.unschedulable = !node.unschedulable;
    }
    cluster.Upsert(node);
  }
  Check(state, cluster.generation() == before + state.iterations(), "every delta was to count");
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
}
BENCHMARK_CAPTURE(NodeDelta, cordon, false)->Args({5000, 30})->Args({100000, 10});
BENCHMARK_CAPTURE(NodeDelta, label, true)->Args({5000, 30})->Args({100000, 10});

// A relist brings every Pod again, and hardly any has changed.
void Relist(benchmark::State& state) {
  const int nodes = static_cast<int>(state.range(0));
  const auto placed = static_cast<std::uint64_t>(nodes * state.range(1));
  sim::Cluster cluster = Loaded(nodes, static_cast<int>(state.range(1)));
  std::vector<kube::Pod> again;
  for (std::uint64_t i = 0; i < 10000; ++i) {
    const std::uint64_t number = i * 7919 % placed;
    again.push_back(Pod(number, number % 500, 120, 500LL << 20));
    again.back().node_name = NodeName(static_cast<int>(number % static_cast<std::uint64_t>(nodes)));
  }
  const std::uint64_t before = cluster.generation();
  std::size_t next = 0;
  for (auto _ : state) cluster.Upsert(again[next++ % again.size()]);
  Check(state, cluster.generation() == before, "nothing was to change");
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
}
BENCHMARK(Relist)->Args({5000, 30})->Args({100000, 10});

std::size_t ResidentBytes() {
  malloc_trim(0);
  std::size_t total = 0, resident = 0;
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr) return 0;
  if (std::fscanf(file, "%zu %zu", &total, &resident) != 2) resident = 0;
  std::fclose(file);
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

// The model per placed Pod, nodes included: what is allocated, and what became resident. Run it alone: memory that was
// freed before would be used again.
void MemoryPerPod(benchmark::State& state, bool unique_label) {
  const int nodes = static_cast<int>(state.range(0)), pods_per_node = static_cast<int>(state.range(1));
  for (auto _ : state) {
    const std::size_t resident = ResidentBytes();
    const std::size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    const sim::Cluster cluster = Load(nodes, pods_per_node, unique_label);
    const std::size_t after = mallinfo2().uordblks + mallinfo2().hblkhd;
    const double pods = static_cast<double>(pods_per_node) * nodes;
    Check(state, static_cast<double>(cluster.pod_count()) == pods, "all Pods were to be held");
    state.counters["allocated_per_pod"] = static_cast<double>(after - before) / pods;
    state.counters["resident_per_pod"] = static_cast<double>(ResidentBytes() - resident) / pods;
  }
}
BENCHMARK_CAPTURE(MemoryPerPod, replicas, false)
    ->Args({5000, 30})
    ->Args({100000, 10})
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(MemoryPerPod, unique_labels, true)
    ->Args({5000, 30})
    ->Args({100000, 10})
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);

// A pending Pod with a constraint nobody had before comes and goes: its counter is built and dropped.
void NewConstraint(benchmark::State& state, bool unique_label) {
  sim::Cluster cluster = Loaded(5000, 30, unique_label);
  kube::Pod pod = Pod(40'000'000, 7, 100, 1LL << 30);
  WithZoneSpread(pod);
  for (auto _ : state) {
    cluster.Upsert(pod);
    cluster.RemovePod(pod.metadata.uid);
  }
  Check(state, cluster.pod_count() == 150'000, "the Pod was to be gone again");
}
BENCHMARK_CAPTURE(NewConstraint, replicas, false)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(NewConstraint, unique_labels, true)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace spillway::bench
