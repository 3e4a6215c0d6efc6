#include "controller/decide.h"

#include <fmt/core.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "controller/policy/groups.h"
#include "scheduler_sim/dependence.h"
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
Decision WhenToMove(const sim::Cluster& cluster, const PendingPod& pod, const Evidence& evidence, Decision decision,
                    const Policy& policy, const Surroundings& around, Instant now) {
  if (WaitsAfterFailure(pod, now)) return Waits(std::move(decision), Wait::kBackoff, pod.bind.retry_at);
  if (!IsMarkedUnschedulable(pod.object) && cluster.PreemptionMightHelp(pod.index)) {
    return Waits(std::move(decision), Wait::kCondition, std::nullopt);
  }
  if (!IsMarkedUnschedulable(pod.object) && evidence.rests_on_those_ahead) {
    return Waits(std::move(decision), Wait::kTurn, std::nullopt);
  }
  const Instant graced = decision.since + policy.pending_grace;
  if (evidence.awaited != nullptr && evidence.awaited->until > std::max(now, graced)) {
    decision.node = evidence.awaited->name;
    return Waits(std::move(decision), Wait::kNodeReturn, evidence.awaited->until);
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
  return WhenToMove(cluster, pod, evidence, std::move(decision), policy, around, now);
}

std::string WhyAtLimit(const sim::Cluster& cluster, const PendingPod& pod, const std::string& node,
                       const Policy& policy, const OverflowLedger& ledger) {
  if (policy.limits.caps.empty()) return {};
  // One whose bind nobody knows the outcome of is counted already.
  const Amounts amounts = ledger.Holds(pod.object.metadata.uid) ? Amounts() : AmountsOf(cluster, pod.index);
  return WhyAtLimit(pod.object.metadata.ns, node, amounts, policy.limits, ledger).value_or("");
}

namespace {

// Places Pods one after the other.
class Places {
 public:
  Places(const sim::Cluster& cluster, const Policy& policy, const OverflowLedger& ledger)
      : cluster_(cluster),
        policy_(policy),
        ledger_(ledger),
        options_{.overflow_taints = policy.overflow_taints, .pools = policy.pools},
        spreader_(cluster, options_) {}

  VirtualPlace For(const PendingPod& pod) {
    last_ = spreader_.Place(pod.index, ObjectionsTo(pod));
    VirtualPlace place{.node = {}, .why = last_.why};
    if (last_.is_unsupported) place.none = NoPlace::kNoneCanRun;
    if (last_.left_out != 0) place.why += fmt::format("; {} left out {}", last_.left_out, WhyLeftOut(pod));
    if (last_.node) {
      place.node = cluster_.node(*last_.node).name;
      place.limit = WhyAtLimit(cluster_, pod, place.node, policy_, ledger());
    } else if (cluster_.nodes(sim::NodeRole::kVirtual).empty()) {
      place.why = fmt::format("there is no virtual node: none has the label --virtual-node-selector={} asks for",
                              policy_.virtual_node_selector);
      place.none = NoPlace::kNoneExists;
    }
    return place;
  }

  // The Pod is there for those that follow. Precondition: `place` was the last to be asked for, and may be taken.
  void Take(const PendingPod& pod, const VirtualPlace& place) {
    spreader_.Count(last_);
    if (policy_.limits.caps.empty()) return;
    if (!filled_) filled_ = ledger_;
    filled_->Put(pod.object.metadata.uid, pod.object.metadata.ns, place.node, AmountsOf(cluster_, pod.index));
  }

 private:
  const OverflowLedger& ledger() const { return filled_ ? *filled_ : ledger_; }

  // Nodes differ in what they cost, which no other cap depends on, and in who may refuse a bind to them.
  sim::Spreader::Objects ObjectionsTo(const PendingPod& pod) const {
    if (!policy_.limits.has_money() && pod.bind.refused_on.empty() && pod.avoided.empty()) return {};
    return [this, &pod](sim::NodeIndex index) {
      const std::string node(cluster_.node(index).name);
      if (pod.bind.refused_on.contains(node) || pod.avoided.contains(node)) return true;
      return policy_.limits.has_money() && !WhyAtLimit(cluster_, pod, node, policy_, ledger()).empty();
    };
  }
  std::string WhyLeftOut(const PendingPod& pod) const {
    std::string why;
    const auto add = [&why](bool holds, std::string_view words) {
      if (holds) why += fmt::format("{}{}", why.empty() ? "" : ", or ", words);
    };
    add(policy_.limits.has_money(), "by a cap on money");
    add(!pod.bind.refused_on.empty(), "since its bind there was refused");
    add(!pod.avoided.empty(), "since they could not run others of its owner within the hour");
    return why;
  }

  const sim::Cluster& cluster_;
  const Policy& policy_;
  const OverflowLedger& ledger_;
  std::optional<OverflowLedger> filled_;  // with those that were placed; a copy is made for those that follow
  sim::SpreadOptions options_;
  sim::Spreader spreader_;
  sim::Placement last_;
};

}  // namespace

std::vector<VirtualPlace> ChooseVirtualNodes(const sim::Cluster& cluster, std::span<const PendingPod* const> pods,
                                             const Policy& policy, const OverflowLedger& ledger) {
  Places places(cluster, policy, ledger);
  std::vector<VirtualPlace> chosen(pods.size());
  std::vector<std::size_t> asked(pods.size());
  std::iota(asked.begin(), asked.end(), std::size_t{0});
  while (!asked.empty()) {
    bool any_placed = false;
    std::vector<std::size_t> again;
    for (const std::size_t i : asked) {
      chosen[i] = places.For(*pods[i]);
      const bool is_placed = !chosen[i].node.empty() && chosen[i].limit.empty();
      if (is_placed) places.Take(*pods[i], chosen[i]);
      any_placed |= is_placed;
      if (chosen[i].node.empty() && sim::LooksAtOtherPods(cluster, pods[i]->index)) again.push_back(i);
    }
    asked = any_placed ? std::move(again) : std::vector<std::size_t>();
  }
  return chosen;
}

VirtualPlace ChooseVirtualNode(const sim::Cluster& cluster, const PendingPod& pod, const Policy& policy,
                               const OverflowLedger& ledger) {
  return Places(cluster, policy, ledger).For(pod);
}

void TakePlace(VirtualPlace place, Decision& decision) {
  if (!place.limit.empty()) {
    decision = Waits(std::move(decision), Wait::kLimit, std::nullopt);
    decision.node.clear();
    decision.detail = std::move(place.limit);
    return;
  }
  decision.outcome = place.node.empty() ? Outcome::kNoVirtualNode : Outcome::kOverflow;
  decision.node = std::move(place.node);
  decision.detail = std::move(place.why);
  decision.none = place.none;
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
