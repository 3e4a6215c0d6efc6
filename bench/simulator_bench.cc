// The simulator at the sizes of the published kube-scheduler and cluster-autoscaler benchmarks. Counters say what is
// compared: ns_per_pair is the time per pending Pod and node.
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <algorithm>
#include <string>
#include <vector>

#include "scheduler_sim/cluster.h"
#include "scheduler_sim/packing.h"
#include "scheduler_sim/verdict.h"

namespace spillway::sim {
namespace {

using kube::Quantity;

kube::ResourceList Resources(std::int64_t milli_cpu, std::int64_t bytes) {
  return {{"cpu", Quantity::FromMilli(milli_cpu)}, {"memory", Quantity::FromUnits(bytes)}};
}

// RFC 4122 text, as real UIDs are.
std::string UidText(char kind, std::uint64_t number) {
  char text[37];
  std::snprintf(text, sizeof text, "%08x-0000-4000-8000-%c%011llx", static_cast<unsigned>(number * 2654435761U), kind,
                static_cast<unsigned long long>(number));
  return text;
}

std::string NodeName(int number) { return "ip-10-0-" + std::to_string(number) + ".eu-west-1.compute.internal"; }

kube::Node Node(int number, std::int64_t milli_cpu, std::int64_t memory, std::int64_t pods = 110) {
  kube::Node node;
  node.metadata.name = NodeName(number);
  node.metadata.uid = UidText('a', static_cast<std::uint64_t>(number));
  node.metadata.labels = {{"disk", number % 2 == 0 ? "ssd" : "hdd"},
                          {"kubernetes.io/hostname", node.metadata.name},
                          {"topology.kubernetes.io/zone", "zone-" + std::to_string(number % 3)}};
  node.allocatable = Resources(milli_cpu, memory);
  node.allocatable.emplace_back("pods", Quantity::FromUnits(pods));
  node.ready = true;
  return node;
}

// Replica of one of 500 workloads, as their controllers make them.
kube::Pod Pod(std::uint64_t number, std::uint64_t workload, std::int64_t milli_cpu, std::int64_t memory) {
  kube::Pod pod;
  const std::string app = "workload-" + std::to_string(workload);
  pod.metadata.ns = "team-" + std::to_string(workload % 20);
  pod.metadata.name = app + "-6c9f7d5b4-" + std::to_string(number);
  pod.metadata.uid = UidText('b', number);
  pod.metadata.labels = {{"app", app}, {"pod-template-hash", "6c9f7d5b4"}, {"tier", workload % 2 == 0 ? "web" : "db"}};
  pod.metadata.owner_references = {{"apps/v1", "ReplicaSet", app, UidText('c', workload), true}};
  pod.scheduler_name = "default-scheduler";
  pod.containers.emplace_back().name = "main";
  pod.containers.front().requests = Resources(milli_cpu, memory);
  return pod;
}

// `nodes` with 30 placed Pods each that leave a little cpu free.
Cluster Loaded(int nodes, int pods_per_node = 30, bool unique_label = false) {
  Cluster cluster{ClusterOptions()};
  for (int i = 0; i < nodes; ++i) cluster.Upsert(Node(i, 4000, 32LL << 30));
  for (int i = 0; i < nodes * pods_per_node; ++i) {
    kube::Pod pod = Pod(static_cast<std::uint64_t>(i), static_cast<std::uint64_t>(i) % 500, 120, 500LL << 20);
    pod.node_name = NodeName(i % nodes);
    if (unique_label) pod.metadata.labels.emplace_back("zz-index", std::to_string(i));
    cluster.Upsert(pod);
  }
  return cluster;
}

void CountPairs(benchmark::State& state, double pairs_per_iteration) {
  state.counters["ns_per_pair"] = benchmark::Counter(
      pairs_per_iteration * 1e-9, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

// One pending Pod that fits nowhere, reasons counted, against 150,000 placed ones.
void JudgeOne(benchmark::State& state, void (*shape)(kube::Pod&)) {
  const int nodes = static_cast<int>(state.range(0));
  Cluster cluster = Loaded(nodes);
  kube::Pod pod = Pod(10'000'000, 1, 1000, 1LL << 30);
  shape(pod);
  cluster.Upsert(pod);
  const PodIndex index = *cluster.FindPod(pod.metadata.uid);
  for (auto _ : state) {
    const Verdict verdict = Judge(cluster, index, NodeDomain::kReal);
    if (verdict.kind != Verdict::Kind::kNowhere) state.SkipWithError("it was to fit nowhere");
    benchmark::DoNotOptimize(verdict);
  }
  CountPairs(state, nodes);
}
void Plain(kube::Pod&) {}
void WithNodeSelector(kube::Pod& pod) { pod.node_selector = {{"disk", "ssd"}}; }
kube::LabelSelector OwnApp(const kube::Pod& pod) {
  kube::LabelSelector selector;
  selector.match_labels = {{"app", *kube::Find(pod.metadata.labels, "app")}};
  return selector;
}
void WithZoneSpread(kube::Pod& pod) {
  kube::TopologySpreadConstraint constraint;
  constraint.topology_key = "topology.kubernetes.io/zone";
  constraint.label_selector = OwnApp(pod);
  pod.topology_spread = {constraint};
}
kube::PodAffinityTerm Near(const kube::Pod& pod, const char* topology) {
  kube::PodAffinityTerm term;
  term.topology_key = topology;
  term.label_selector = OwnApp(pod);
  return term;
}
void WithHostnameAntiAffinity(kube::Pod& pod) {
  pod.required_pod_anti_affinity = {Near(pod, "kubernetes.io/hostname")};
}
// All fit by resources, so that the topological filters look at every node.
void WithZoneAffinityToNobody(kube::Pod& pod) {
  pod.containers.front().requests = Resources(1, 1);
  pod.required_pod_affinity = {Near(pod, "topology.kubernetes.io/zone")};
  pod.required_pod_affinity.front().label_selector->match_labels = {{"app", "nobody"}};
}
BENCHMARK_CAPTURE(JudgeOne, plain, Plain)->Arg(5000)->Arg(100000);
BENCHMARK_CAPTURE(JudgeOne, node_selector, WithNodeSelector)->Arg(5000)->Arg(100000);
BENCHMARK_CAPTURE(JudgeOne, zone_spread, WithZoneSpread)->Arg(5000);
BENCHMARK_CAPTURE(JudgeOne, hostname_anti_affinity, WithHostnameAntiAffinity)->Arg(5000);
BENCHMARK_CAPTURE(JudgeOne, zone_affinity_on_every_node, WithZoneAffinityToNobody)->Arg(5000);

// cluster-autoscaler's BenchmarkFilterOutSchedulable: all pending Pods fail, 1000m/2MB on nodes of 2000m.
void FilterOutSchedulable(benchmark::State& state, bool each_its_own_class) {
  const int nodes = static_cast<int>(state.range(0)), pending = static_cast<int>(state.range(1));
  Cluster cluster{ClusterOptions()};
  for (int i = 0; i < nodes; ++i) {
    cluster.Upsert(Node(i, 2000, 8LL << 30));
    kube::Pod pod = Pod(static_cast<std::uint64_t>(i), 0, 1500, 2'000'000);
    pod.node_name = NodeName(i);
    cluster.Upsert(pod);
  }
  for (int i = 0; i < pending; ++i) {
    cluster.Upsert(Pod(1'000'000 + static_cast<std::uint64_t>(i), 1, 1000 + (each_its_own_class ? i : 0), 2'000'000));
  }
  for (auto _ : state) {
    const Packing packing = Pack(cluster, InQueueOrder(cluster, cluster.pending()), NodeDomain::kReal);
    if (packing.entries().back().verdict.kind != Verdict::Kind::kNowhere) state.SkipWithError("all were to fail");
    benchmark::DoNotOptimize(packing);
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
void PackClasses(benchmark::State& state) {
  const int nodes = static_cast<int>(state.range(0));
  Cluster cluster = Loaded(nodes, nodes > 50000 ? 10 : 30);
  for (int i = 0; i < 10000; ++i) {
    const int kind = i % 100;
    kube::Pod pod =
        Pod(20'000'000 + static_cast<std::uint64_t>(i), static_cast<std::uint64_t>(kind), 100 + 40 * kind, 1LL << 30);
    if (kind % 9 == 0) WithZoneSpread(pod);
    if (kind % 9 == 3) WithHostnameAntiAffinity(pod);
    if (kind % 9 == 6) pod.required_pod_affinity = {Near(pod, "topology.kubernetes.io/zone")};
    if (kind % 9 == 1) pod.node_selector = {{"disk", "ssd"}};
    cluster.Upsert(pod);
  }
  for (auto _ : state) {
    benchmark::DoNotOptimize(Pack(cluster, InQueueOrder(cluster, cluster.pending()), NodeDomain::kReal));
  }
}
BENCHMARK(PackClasses)->Arg(5000)->Arg(100000)->Unit(benchmark::kMillisecond);

// Binding and deleting one Pod in a model of 150,000.
void PodDelta(benchmark::State& state) {
  Cluster cluster = Loaded(5000);
  std::vector<kube::Pod> pods;
  for (int i = 0; i < 1000; ++i) {
    pods.push_back(
        Pod(30'000'000 + static_cast<std::uint64_t>(i), static_cast<std::uint64_t>(i) % 500, 120, 500LL << 20));
    pods.back().node_name = NodeName(i * 7 % 5000);
  }
  std::size_t next = 0;
  for (auto _ : state) {
    const kube::Pod& pod = pods[next++ % pods.size()];
    cluster.Upsert(pod);
    cluster.RemovePod(pod.metadata.uid);
  }
  state.SetItemsProcessed(2 * static_cast<std::int64_t>(state.iterations()));
}
BENCHMARK(PodDelta);

void NodeDelta(benchmark::State& state) {
  Cluster cluster = Loaded(5000);
  kube::Node node = Node(42, 4000, 32LL << 30);
  for (auto _ : state) {
    node.unschedulable = !node.unschedulable;
    cluster.Upsert(node);
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
}
BENCHMARK(NodeDelta);

// Resident bytes of the model per placed Pod, nodes included; with labels as replicas have them, or with one label
// whose value no other Pod has (StatefulSets, Jobs with an index).
void MemoryPerPod(benchmark::State& state, bool unique_label) {
  const int nodes = static_cast<int>(state.range(0));
  for (auto _ : state) {
    const std::size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    const Cluster cluster = Loaded(nodes, 30, unique_label);
    const std::size_t after = mallinfo2().uordblks + mallinfo2().hblkhd;
    state.counters["bytes_per_pod"] = static_cast<double>(after - before) / (30.0 * nodes);
    benchmark::DoNotOptimize(cluster);
  }
}
BENCHMARK_CAPTURE(MemoryPerPod, replicas, false)->Arg(5000)->Iterations(1)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(MemoryPerPod, unique_labels, true)->Arg(5000)->Iterations(1)->Unit(benchmark::kMillisecond);

// A pending Pod with a constraint nobody had before comes and goes: its counter is built and dropped.
void NewConstraint(benchmark::State& state, bool unique_label) {
  Cluster cluster = Loaded(5000, 30, unique_label);
  kube::Pod pod = Pod(40'000'000, 7, 100, 1LL << 30);
  WithZoneSpread(pod);
  for (auto _ : state) {
    cluster.Upsert(pod);
    cluster.RemovePod(pod.metadata.uid);
  }
}
BENCHMARK_CAPTURE(NewConstraint, replicas, false)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(NewConstraint, unique_labels, true)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace spillway::sim

BENCHMARK_MAIN();
