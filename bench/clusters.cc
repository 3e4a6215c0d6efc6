#include "bench/clusters.h"

#include <cstdio>
#include <tuple>

namespace spillway::bench {
namespace {

using kube::Quantity;

// RFC 4122 text, as real UIDs are.
std::string UidText(char kind, std::uint64_t number) {
  char text[37];
  std::snprintf(text, sizeof text, "%08x-0000-4000-8000-%c%011llx", static_cast<unsigned>(number * 2654435761U), kind,
                static_cast<unsigned long long>(number));
  return text;
}

kube::LabelSelector OwnApp(const kube::Pod& pod) {
  kube::LabelSelector selector;
  selector.match_labels = {{"app", *kube::Find(pod.metadata.labels, "app")}};
  return selector;
}

kube::PodAffinityTerm Near(const kube::Pod& pod, const char* topology) {
  kube::PodAffinityTerm term;
  term.topology_key = topology;
  term.label_selector = OwnApp(pod);
  return term;
}

}  // namespace

kube::ResourceList Resources(std::int64_t milli_cpu, std::int64_t bytes) {
  return {{"cpu", Quantity::FromMilli(milli_cpu)}, {"memory", Quantity::FromUnits(bytes)}};
}

std::string NodeName(int number) { return "ip-10-0-" + std::to_string(number) + ".eu-west-1.compute.internal"; }

kube::Node Node(int number, std::int64_t milli_cpu, std::int64_t memory, std::int64_t pods) {
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

sim::Cluster Load(int nodes, int pods_per_node, bool unique_label) {
  sim::Cluster cluster{sim::ClusterOptions()};
  for (int i = 0; i < nodes; ++i) cluster.Upsert(Node(i, 4000, 32LL << 30));
  for (int i = 0; i < nodes * pods_per_node; ++i) {
    kube::Pod pod = Pod(static_cast<std::uint64_t>(i), static_cast<std::uint64_t>(i) % 500, 120, 500LL << 20);
    pod.node_name = NodeName(i % nodes);
    if (unique_label) pod.metadata.labels.emplace_back("zz-index", std::to_string(i));
    cluster.Upsert(pod);
  }
  return cluster;
}

sim::Cluster Loaded(int nodes, int pods_per_node, bool unique_label) {
  static std::tuple<int, int, bool> last;
  static sim::Cluster cluster{sim::ClusterOptions()};
  const std::tuple<int, int, bool> wanted(nodes, pods_per_node, unique_label);
  if (last != wanted) cluster = Load(nodes, pods_per_node, unique_label);
  last = wanted;
  return cluster.Clone();
}

void Plain(kube::Pod&) {}
void WithNodeSelector(kube::Pod& pod) { pod.node_selector = {{"disk", "ssd"}}; }
void WithZoneSpread(kube::Pod& pod) {
  kube::TopologySpreadConstraint constraint;
  constraint.topology_key = "topology.kubernetes.io/zone";
  constraint.label_selector = OwnApp(pod);
  pod.topology_spread = {constraint};
}
void WithHostnameAntiAffinity(kube::Pod& pod) {
  pod.required_pod_anti_affinity = {Near(pod, "kubernetes.io/hostname")};
}
void WithZoneAffinity(kube::Pod& pod) { pod.required_pod_affinity = {Near(pod, "topology.kubernetes.io/zone")}; }

void CountPairs(benchmark::State& state, double pairs_per_iteration) {
  state.counters["ns_per_pair"] = benchmark::Counter(
      pairs_per_iteration * 1e-9, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

}  // namespace spillway::bench
