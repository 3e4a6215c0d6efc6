#include "controller/plan.h"

#include <optional>
#include <unordered_map>
#include <utility>

#include "controller/awaited_nodes.h"
#include "controller/decide.h"
#include "scheduler_sim/packing.h"

namespace spillway::controller {
namespace {

void PlaceOnVirtualNodes(const sim::Cluster& cluster, const PendingPods& pending, const Policy& policy, Plan& plan) {
  std::vector<sim::PodIndex> pods;
  std::vector<Decision*> decisions;
  for (Plan::Entry& entry : plan.entries) {
    if (entry.decision.outcome != Outcome::kOverflow) continue;
    pods.push_back(pending.find(entry.uid)->second.index);
    decisions.push_back(&entry.decision);
  }
  if (pods.empty()) return;
  std::vector<VirtualPlace> places = ChooseVirtualNodes(cluster, pods, policy);
  for (std::size_t i = 0; i < places.size(); ++i) TakePlace(std::move(places[i]), *decisions[i]);
}

}  // namespace

Plan MakePlan(const sim::Cluster& cluster, const PendingPods& pending, const Policy& policy, const NodeReturns& returns,
              Instant now) {
  Plan plan;
  std::vector<sim::PodIndex> queue;
  std::unordered_map<sim::PodIndex, const PendingPod*> of;
  std::vector<const PendingPod*> others;
  for (const auto& [uid, pod] : pending) {
    if (pod.counts_as_placed()) continue;
    if (WhyNotScheduled(pod.object, policy)) {
      others.push_back(&pod);
    } else {
      queue.push_back(pod.index);
      of.emplace(pod.index, &pod);
    }
  }
  queue = sim::InQueueOrder(cluster, std::move(queue));
  AwaitedNodes awaited(cluster, returns, policy.node_return_grace, now);
  const sim::Packing packing = sim::Pack(cluster, queue, sim::NodeDomain::kReal);
  for (const sim::Packing::Entry& packed : packing.entries()) {
    const PendingPod& pod = *of.at(packed.pod);
    std::optional<AwaitedNode> node;
    if (packed.verdict.kind == sim::Verdict::Kind::kNowhere) node = awaited.For(packed.pod, NowhereSince(pod, now));
    const Evidence evidence{.verdict = packed.verdict, .doubt = {}, .awaited = node ? &*node : nullptr};
    plan.entries.push_back({pod.object.metadata.uid, packed.verdict, Decide(cluster, pod, evidence, policy, now)});
  }
  for (const PendingPod* pod : others) {
    plan.entries.push_back({pod->object.metadata.uid, {}, Decide(cluster, *pod, {}, policy, now)});
  }
  PlaceOnVirtualNodes(cluster, pending, policy, plan);
  return plan;
}

}  // namespace spillway::controller
