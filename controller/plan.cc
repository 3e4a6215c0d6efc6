#include "controller/plan.h"

#include <optional>
#include <unordered_map>
#include <utility>

#include "controller/awaited_nodes.h"
#include "controller/decide.h"
#include "controller/group_release.h"
#include "scheduler_sim/packing.h"

namespace spillway::controller {
namespace {

// Caps are filled in queue order, as they are by binding one after the other.
void PlaceOnVirtualNodes(const sim::Cluster& cluster, const PendingPods& pending, const Policy& policy,
                         const Surroundings& around, Plan& plan) {
  std::vector<const PendingPod*> pods;
  std::vector<Decision*> decisions;
  for (Plan::Entry& entry : plan.entries) {
    if (entry.decision.outcome != Outcome::kOverflow) continue;
    pods.push_back(&pending.find(entry.uid)->second);
    decisions.push_back(&entry.decision);
  }
  if (pods.empty()) return;
  std::vector<VirtualPlace> places = ChooseVirtualNodes(cluster, pods, policy, around.ledger());
  for (std::size_t i = 0; i < places.size(); ++i) TakePlace(std::move(places[i]), *decisions[i]);
}

struct Asked {
  const Policy& policy;
  const Surroundings& around;
  Instant now;
};

// Who goes though real nodes may have room leaves it to the others, see policy/local_replicas.h.
std::vector<sim::PodIndex> WithoutThoseBeyondLocal(const sim::Cluster& cluster, std::vector<sim::PodIndex> queue,
                                                   const std::unordered_map<sim::PodIndex, const PendingPod*>& of,
                                                   const Asked& asked, Plan& plan) {
  std::erase_if(queue, [&](sim::PodIndex index) {
    const PendingPod& pod = *of.at(index);
    const auto standing = asked.around.replicas().Of(pod.object);
    if (!standing || !standing->is_beyond()) return false;
    const Evidence evidence{.verdict = sim::Judge(cluster, index, sim::NodeDomain::kReal), .doubt = {}};
    Decision decision = Decide(cluster, pod, evidence, asked.policy, asked.around, asked.now);
    if (!decision.is_beyond_local) return false;
    plan.entries.push_back({pod.object.metadata.uid, evidence.verdict, std::move(decision)});
    return true;
  });
  return queue;
}

}  // namespace

Plan MakePlan(const sim::Cluster& cluster, const PendingPods& pending, const Policy& policy, const Surroundings& around,
              const NodeReturns& returns, Instant now) {
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
  queue =
      WithoutThoseBeyondLocal(cluster, sim::InQueueOrder(cluster, std::move(queue)), of, {policy, around, now}, plan);
  AwaitedNodes awaited(cluster, returns, policy.node_return_grace, now);
  const sim::Packing packing = sim::Pack(cluster, queue, sim::NodeDomain::kReal);
  for (const sim::Packing::Entry& packed : packing.entries()) {
    const PendingPod& pod = *of.at(packed.pod);
    std::optional<AwaitedNode> node;
    if (packed.verdict.kind == sim::Verdict::Kind::kNowhere) node = awaited.For(packed.pod, NowhereSince(pod, now));
    const Evidence evidence{.verdict = packed.verdict, .doubt = {}, .awaited = node ? &*node : nullptr};
    plan.entries.push_back(
        {pod.object.metadata.uid, packed.verdict, Decide(cluster, pod, evidence, policy, around, now)});
  }
  for (const PendingPod* pod : others) {
    plan.entries.push_back({pod->object.metadata.uid, {}, Decide(cluster, *pod, {}, policy, around, now)});
  }
  std::vector<GroupMember> waiting;
  for (Plan::Entry& entry : plan.entries) {
    const bool waits = entry.decision.outcome == Outcome::kWaiting && entry.decision.wait == Wait::kGroup;
    if (waits) waiting.push_back({&pending.find(entry.uid)->second, &entry.decision});
  }
  ReleaseGroups(cluster, waiting, policy, around);
  PlaceOnVirtualNodes(cluster, pending, policy, around, plan);
  return plan;
}

}  // namespace spillway::controller
