#include "controller/decide.h"

#include <fmt/core.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "controller/policy/groups.h"
#include "scheduler_sim/spread_balancer.h"

namespace spillway::controller {
namespace {

using Kind = sim::Verdict::Kind;

bool WaitsAfterFailure(const PendingPod& pod, Instant now) {
  const BindState& bind = pod.bind;
  if (!bind.retry_at || *bind.retry_at <= now) return false;
  return bind.refused_version.empty() || bind.refused_version == pod.object.metadata.resource_version;
}

Decision Held(Decision decision, HeldBack held) {
  decision.outcome = Outcome::kNotEligible;
  decision.held_back = std::move(held);
  return decision;
}

Decision Waits(Decision decision, Wait wait, std::optional<Instant> until) {
  decision.outcome = Outcome::kWaiting;
  decision.wait = wait;
  decision.until = until;
  return decision;
}

// The first of a group wait for each other, see ReleaseGroups(); the rest follow those that have gone.
Decision WithItsGroup(const PendingPod& pod, Decision decision, const Surroundings& around) {
  const auto group = GroupOf(pod.object);
  if (!group) return decision;
  if (!group->besides.empty()) decision.let_go += (decision.let_go.empty() ? "" : "; ") + group->besides;
  const GroupBook::Members members = around.groups().Of(group->key);
  if (members.overflowed > 0 && members.local == 0) return decision;
  decision.detail = fmt::format("it goes with all others of group {}", group->key);
  return Waits(std::move(decision), Wait::kGroup, std::nullopt);
}

// It fits nowhere and may overflow: now, or later?
Decision WhenToMove(const sim::Cluster& cluster, const PendingPod& pod, const AwaitedNode* awaited, Decision decision,
                    const Policy& policy, const Surroundings& around, Instant now) {
  if (WaitsAfterFailure(pod, now)) return Waits(std::move(decision), Wait::kBackoff, pod.bind.retry_at);
  if (!IsMarkedUnschedulable(pod.object) && cluster.PreemptionMightHelp(pod.index)) {
    return Waits(std::move(decision), Wait::kCondition, std::nullopt);
  }
  const Instant graced = decision.since + policy.pending_grace;
  if (awaited != nullptr && awaited->until > std::max(now, graced)) {
    decision.node = awaited->name;
    return Waits(std::move(decision), Wait::kNodeReturn, awaited->until);
  }
  const bool defers =
      policy.node_autoscaler == NodeAutoscaler::kDefer && !around.AutoscalerGaveUp(pod.object.metadata.uid);
  const Instant deferred = decision.since + policy.node_autoscaler_deadline;
  if (defers && deferred > std::max(now, graced)) return Waits(std::move(decision), Wait::kAutoscaler, deferred);
  if (graced > now) return Waits(std::move(decision), Wait::kGrace, graced);
  decision.outcome = Outcome::kOverflow;
  return WithItsGroup(pod, std::move(decision), around);
}

// More may be on their way for so long after a Pod has come.
constexpr Duration kWorkloadIsThere = std::chrono::seconds(5);

void NoteReplicas(const PendingPod& pod, const std::optional<ReplicaStanding>& standing, Instant now,
                  Decision& decision) {
  if (!standing) {
    decision.replicas = decision.replicas_besides = AskLocalReplicas(pod.object).besides;
    return;
  }
  decision.replicas = standing->text;
  if (!standing->besides.empty()) decision.replicas += "; " + standing->besides;
  decision.replicas_besides = standing->besides;
  const bool is_too_many = standing->asks_for_more_than_there_are() && now - pod.first_seen >= kWorkloadIsThere;
  if (is_too_many && decision.replicas_besides.empty()) {
    decision.replicas_besides =
        fmt::format("{} are to stay local and there are {} in all: all are treated as any other Pod", standing->keep,
                    standing->members);
  }
}

// Enough of its workload stay local without it: then it goes at once if it may, though a real node may take it. False:
// it is to be treated as any other.
bool GoesBeyondLocal(const sim::Cluster& cluster, const PendingPod& pod, const Policy& policy,
                     const Surroundings& around, Instant now, Decision& decision) {
  const auto standing = around.replicas().Of(pod.object);
  NoteReplicas(pod, standing, now, decision);
  if (!standing || !standing->is_beyond()) return false;
  if (WhyRestricted(pod.object, cluster.ClaimedVolumesOf(pod.index), policy)) return false;
  decision.is_beyond_local = true;
  decision.let_go = WhatLetItGo(pod.object, policy, around);
  decision.outcome = Outcome::kOverflow;
  if (WaitsAfterFailure(pod, now)) decision = Waits(std::move(decision), Wait::kBackoff, pod.bind.retry_at);
  return true;
}

}  // namespace

Decision Decide(const sim::Cluster& cluster, const PendingPod& pod, const Evidence& evidence, const Policy& policy,
                const Surroundings& around, Instant now) {
  const sim::Verdict& verdict = evidence.verdict;
  Decision decision;
  if (auto held = WhyNotScheduled(pod.object, policy)) return Held(std::move(decision), std::move(*held));
  decision.pod_class = cluster.class_of(pod.index);
  const bool is_doubtful = verdict.kind == Kind::kNowhere && !evidence.doubt.empty();
  const Kind kind = is_doubtful ? Kind::kUndecidable : verdict.kind;
  auto nominated = WhyNominated(pod.object);
  if (nominated && kind != Kind::kNowhere) return Held(std::move(decision), std::move(*nominated));
  auto held = WhyNotEligible(pod.object, policy, around);
  decision.verdict = kind;
  const bool stands = pod.decision && pod.decision->verdict == decision.verdict;
  decision.since = stands ? pod.decision->since : now;
  if (kind == Kind::kNowhere) decision.nowhere = verdict.why_not;
  const bool is_free = !held && !nominated && kind != Kind::kUndecidable;
  if (is_free && GoesBeyondLocal(cluster, pod, policy, around, now, decision)) return decision;
  switch (*decision.verdict) {
    case Kind::kFits:
      decision.outcome = Outcome::kFits;
      decision.node = cluster.node(verdict.node).name;
      return decision;
    case Kind::kUndecidable:
      decision.detail =
          is_doubtful ? fmt::format("it fits nowhere as far as is known, and not all can be read: {}", evidence.doubt)
                      : verdict.undecidable;
      if (held) return Held(std::move(decision), std::move(*held));
      decision.outcome = Outcome::kUndecidable;
      return decision;
    case Kind::kNowhere:
      break;
  }
  if (!held && nominated) {
    // The grace is for a node that is still to come: autoscalers nominate before they make it.
    const bool may_hold = cluster.NominationMayHold(pod.index) || now < decision.since + policy.node_return_grace;
    if (may_hold) held = std::move(nominated);
  }
  if (!held) held = WhyNotTriggered(*verdict.why_not, policy);
  if (!held) held = WhyRestricted(pod.object, cluster.ClaimedVolumesOf(pod.index), policy);
  if (held) return Held(std::move(decision), std::move(*held));
  decision.let_go = WhatLetItGo(pod.object, policy, around);
  return WhenToMove(cluster, pod, evidence.awaited, std::move(decision), policy, around, now);
}

std::vector<VirtualPlace> ChooseVirtualNodes(const sim::Cluster& cluster, std::span<const sim::PodIndex> pods,
                                             const Policy& policy) {
  const sim::SpreadOptions options{.overflow_taints = policy.overflow_taints, .pools = policy.pools};
  std::unordered_map<sim::PodIndex, VirtualPlace> chosen;
  for (sim::Placement& placement : sim::Spread(cluster, pods, options)) {
    VirtualPlace& place = chosen[placement.pod];
    if (placement.node) place.node = cluster.node(*placement.node).name;
    place.why = std::move(placement.why);
    if (placement.is_unsupported) place.none = NoPlace::kNoneCanRun;
  }
  if (cluster.nodes(sim::NodeRole::kVirtual).empty()) {
    for (auto& [pod, place] : chosen) {
      place.why = fmt::format("there is no virtual node: none has the label --virtual-node-selector={} asks for",
                              policy.virtual_node_selector);
      place.none = NoPlace::kNoneExists;
    }
  }
  std::vector<VirtualPlace> places;
  for (const sim::PodIndex pod : pods) places.push_back(std::move(chosen[pod]));
  return places;
}

void TakePlace(VirtualPlace place, Decision& decision) {
  decision.outcome = place.node.empty() ? Outcome::kNoVirtualNode : Outcome::kOverflow;
  decision.node = std::move(place.node);
  decision.detail = std::move(place.why);
  decision.none = place.none;
}

void KeepWithinLimits(const sim::Cluster& cluster, const PendingPod& pod, const std::string& node, const Policy& policy,
                      const OverflowLedger& ledger, Decision& decision) {
  if (policy.limits.caps.empty()) return;
  // One whose bind nobody knows the outcome of is counted already.
  const Amounts amounts = ledger.Holds(pod.object.metadata.uid) ? Amounts() : AmountsOf(cluster, pod.index);
  auto why = WhyAtLimit(pod.object.metadata.ns, node, amounts, policy.limits, ledger);
  if (!why) return;
  decision = Waits(std::move(decision), Wait::kLimit, std::nullopt);
  decision.node.clear();
  decision.detail = std::move(*why);
}

Instant NowhereSince(const PendingPod& pod, Instant now) {
  return pod.decision && pod.decision->verdict == Kind::kNowhere ? pod.decision->since : now;
}

std::string RealNodesText(const sim::Explanation& nowhere) {
  if (nowhere.nodes == 0) return "there is no real node";
  std::string text = fmt::format("0/{} real nodes fit", nowhere.nodes);
  if (const std::string why = nowhere.Summary(); !why.empty()) text += fmt::format(" ({})", why);
  if (!nowhere.lost.empty()) text += fmt::format(", {} lost: {}", nowhere.lost_nodes(), nowhere.LostText());
  return text;
}

std::string WhyNotLocal(const Decision& decision) {
  std::string text = decision.nowhere ? RealNodesText(*decision.nowhere) : "";
  if (decision.is_beyond_local) {
    text += fmt::format("{}real nodes are kept for others of its workload: {}", text.empty() ? "" : "; ",
                        decision.replicas);
  } else if (!decision.replicas.empty()) {
    text += "; " + decision.replicas;
  }
  return text;
}

}  // namespace spillway::controller
