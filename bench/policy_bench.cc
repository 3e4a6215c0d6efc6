// decide() with every policy set: what it makes of 10,000 pending Pods that fit nowhere, as a round does for each.
#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "bench/clusters.h"
#include "controller/decide.h"
#include "scheduler_sim/packing.h"

namespace spillway::bench {
namespace {

using controller::Outcome;

constexpr int kNodes = 1000, kPending = 10000;

kube::Node VirtualNode(int number) {
  kube::Node node = Node(1'000'000 + number, 100'000'000, std::int64_t{1} << 50, 5000);
  node.metadata.labels.emplace_back("type", "virtual-kubelet");
  std::sort(node.metadata.labels.begin(), node.metadata.labels.end());
  node.metadata.annotations = {{"spillway.io/price-per-cpu-hour", "0.05"}, {"spillway.io/price-per-gib-hour", "0.006"}};
  return node;
}

// Of one of ten namespaces; a third says something about overflow, and all have ports and a sysctl to be looked at.
kube::Pod PendingPod(int number) {
  kube::Pod pod = Pod(2'000'000 + static_cast<std::uint64_t>(number), static_cast<std::uint64_t>(number % 500), 1000,
                      std::int64_t{2} << 30);
  pod.metadata.ns = "team-" + std::to_string(number % 10);
  pod.scheduler_name = "default-scheduler";
  if (number % 3 == 0) pod.metadata.annotations = {{"AUTO_SCALE_EKS", "true"}};
  pod.values = {{"spec.securityContext.sysctls[0].name", "net.ipv4.ip_local_port_range"},
                {"spec.securityContext.sysctls[0].value", "32768 60999"},
                {"spec.containers[0].ports[0].containerPort", "8080"},
                {"spec.containers[0].ports[1].containerPort", "9090"},
                {"spec.containers[0].livenessProbe.httpGet.port", "8080"}};
  return pod;
}

controller::Policy EveryPolicy() {
  controller::Policy policy;
  policy.pending_grace = Duration(0);
  policy.overflow_taints = sim::SpreadOptions().overflow_taints;
  policy.restrictions = *controller::RestrictionsOf("tke");
  policy.limits.caps = {{.scope = "", .set_in = "cluster", .pods = 9000, .micro_money_per_hour = 10'000'000'000},
                        {.scope = "team-1", .set_in = "own", .milli_cpu = 500'000},
                        {.scope = "*", .set_in = "each", .pods = 5000}};
  policy.pools = {{"first", {{{"type", "virtual-kubelet"}}, {}}, 8000, 0}};
  policy.node_autoscaler = controller::NodeAutoscaler::kDefer;
  policy.node_autoscaler_deadline = Duration(0);
  return policy;
}

void DecideWithEveryPolicy(benchmark::State& state) {
  sim::Cluster cluster = Loaded(kNodes);
  controller::Surroundings around;
  around.SetAutoScale("true");
  for (int i = 0; i < 4; ++i) {
    const kube::Node node = VirtualNode(i);
    cluster.Upsert(node);
    around.Upsert(node, sim::NodeRole::kVirtual);
  }
  controller::PendingPods pods;
  for (int i = 0; i < kPending; ++i) {
    controller::PendingPod& pod = pods[std::to_string(i)];
    pod.object = PendingPod(i);
    cluster.Upsert(pod.object);
    pod.index = *cluster.FindPod(pod.object.metadata.uid);
  }
  const sim::Packing packing =
      sim::Pack(cluster, sim::InQueueOrder(cluster, cluster.pending()), sim::NodeDomain::kReal);
  std::map<sim::PodIndex, sim::Verdict> verdicts;
  for (const auto& entry : packing.entries()) verdicts.emplace(entry.pod, entry.verdict);
  const controller::Policy policy = EveryPolicy();
  std::vector<std::pair<const controller::PendingPod*, const sim::Verdict*>> work;
  for (const auto& [uid, pod] : pods) work.emplace_back(&pod, &verdicts.at(pod.index));
  const std::string virtual_node(cluster.node(cluster.nodes(sim::NodeRole::kVirtual).front()).name);

  std::int64_t going = 0;
  for (auto _ : state) {
    going = 0;
    for (const auto& [pod, verdict] : work) {
      const controller::Evidence evidence{.verdict = *verdict, .doubt = {}};
      auto decision = controller::Decide(cluster, *pod, evidence, policy, around, Instant(std::chrono::hours(1)));
      if (decision.outcome == Outcome::kOverflow) {
        std::string limit = controller::WhyAtLimit(cluster, *pod, virtual_node, policy, around.ledger());
        controller::TakePlace({.node = virtual_node, .why = {}, .limit = std::move(limit)}, decision);
      }
      going += decision.outcome == Outcome::kOverflow ? 1 : 0;
    }
  }
  (void)Check(state, going == kPending, "all were to go");
}
BENCHMARK(DecideWithEveryPolicy)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace spillway::bench
