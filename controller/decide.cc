#include "controller/decide.h"

#include <fmt/core.h>

#include <algorithm>
#include <unordered_map>

#include "scheduler_sim/spread_balancer.h"

namespace spillway::controller {
namespace {

bool CountsAsPlaced(const PendingPod& pod) { return pod.bind.phase != BindState::Phase::kNone; }

// One round's working state: who is judged, who goes on to the balancer.
class Round {
 public:
  Round(const sim::Cluster& cluster, const PendingPods& pending, const Policy& policy, Instant now)
      : cluster_(cluster), policy_(policy), now_(now) {
    plan_.at = now;
    for (const auto& [uid, pod] : pending) {
      if (CountsAsPlaced(pod)) continue;
      if (auto held = WhyNotScheduled(pod.object, policy)) {
        Decision decision{.uid = uid, .outcome = Outcome::kNotEligible, .held_back = std::move(held)};
        sitting_out_.push_back(std::move(decision));
      } else if (const auto index = cluster.FindPod(uid)) {
        taking_part_.emplace(*index, &pod);
      }
    }
  }

  void Judge(const sim::Packing& packing) {
    for (const auto& [index, verdict] : packing.entries()) {
      const auto found = taking_part_.find(index);
      if (found != taking_part_.end()) plan_.decisions.push_back(JudgeOne(index, *found->second, verdict));
    }
  }

  void PlaceOnVirtualNodes() {
    const sim::SpreadOptions options{.overflow_taints = policy_.overflow_taints};
    std::vector<sim::PodIndex> pods;
    for (const auto& [index, at] : overflowing_) pods.push_back(index);
    if (pods.empty()) return;
    std::unordered_map<sim::PodIndex, sim::Placement> placed;
    for (sim::Placement& placement : sim::Spread(cluster_, pods, options)) {
      placed.emplace(placement.pod, std::move(placement));
    }
    for (const auto& [index, at] : overflowing_) Place(plan_.decisions[at], placed[index]);
  }

  Plan Finish() {
    std::move(sitting_out_.begin(), sitting_out_.end(), std::back_inserter(plan_.decisions));
    for (const Decision& decision : plan_.decisions) {
      if (decision.until && (!plan_.look_again || *decision.until < *plan_.look_again)) {
        plan_.look_again = decision.until;
      }
    }
    return std::move(plan_);
  }

 private:
  Decision JudgeOne(sim::PodIndex index, const PendingPod& pod, const sim::Verdict& verdict) {
    Decision decision{.uid = pod.object.metadata.uid, .verdict = verdict.kind, .pod_class = cluster_.class_of(index)};
    decision.since = pod.verdict == verdict.kind ? pod.since : now_;
    auto held = WhyNotEligible(pod.object, policy_);
    if (held && held->rule == Rule::kNominated) {  // whatever the simulation says: somebody has plans for it
      decision.outcome = Outcome::kNotEligible;
      decision.held_back = std::move(held);
      decision.verdict.reset();
      return decision;
    }
    switch (verdict.kind) {
      case sim::Verdict::Kind::kFits:
        decision.outcome = Outcome::kFits;
        decision.node = cluster_.node(verdict.node).name;
        return decision;
      case sim::Verdict::Kind::kUndecidable:
        decision.outcome = held ? Outcome::kNotEligible : Outcome::kUndecidable;
        decision.held_back = std::move(held);
        decision.detail = verdict.undecidable;
        return decision;
      case sim::Verdict::Kind::kNowhere:
        break;
    }
    decision.nowhere = verdict.why_not;
    if (!held) held = WhyNotTriggered(*verdict.why_not, policy_);
    if (held) {
      decision.outcome = Outcome::kNotEligible;
      decision.held_back = std::move(held);
    } else if (!MustWait(index, pod, decision)) {
      overflowing_.emplace_back(index, plan_.decisions.size());
    }
    return decision;
  }

  bool MustWait(sim::PodIndex index, const PendingPod& pod, Decision& decision) const {
    decision.outcome = Outcome::kWaiting;
    if (pod.bind.retry_at && *pod.bind.retry_at > now_) {
      decision.wait = Wait::kBackoff;
      decision.until = pod.bind.retry_at;
      return true;
    }
    if (!IsMarkedUnschedulable(pod.object) && cluster_.PreemptionMightHelp(index)) {
      decision.wait = Wait::kCondition;
      return true;
    }
    if (decision.since + policy_.pending_grace > now_) {
      decision.wait = Wait::kGrace;
      decision.until = decision.since + policy_.pending_grace;
      return true;
    }
    return false;
  }

  void Place(Decision& decision, sim::Placement& placement) const {
    decision.outcome = placement.node ? Outcome::kOverflow : Outcome::kNoVirtualNode;
    if (placement.node) decision.node = cluster_.node(*placement.node).name;
    decision.detail = std::move(placement.why);
    if (!placement.node && cluster_.nodes(sim::NodeRole::kVirtual).empty()) {
      decision.detail = fmt::format("there is no virtual node: none has the label --virtual-node-selector={} asks for",
                                    policy_.virtual_node_selector);
    }
  }

  const sim::Cluster& cluster_;
  const Policy& policy_;
  Instant now_;
  Plan plan_;
  std::vector<Decision> sitting_out_;
  std::unordered_map<sim::PodIndex, const PendingPod*> taking_part_;
  std::vector<std::pair<sim::PodIndex, std::size_t>> overflowing_;  // and where its decision is
};

}  // namespace

sim::Packing Simulate(const sim::Cluster& cluster, const PendingPods& pending, const Policy& policy) {
  std::vector<sim::PodIndex> competing;
  for (const auto& [uid, pod] : pending) {
    if (CountsAsPlaced(pod) || WhyNotScheduled(pod.object, policy)) continue;
    if (const auto index = cluster.FindPod(uid)) competing.push_back(*index);
  }
  const std::vector<sim::PodIndex> queue = sim::InQueueOrder(cluster, std::move(competing));
  return sim::Pack(cluster, queue, sim::NodeDomain::kReal);
}

Plan Decide(const sim::Cluster& cluster, const PendingPods& pending, const sim::Packing& packing, const Policy& policy,
            Instant now) {
  Round round(cluster, pending, policy, now);
  round.Judge(packing);
  round.PlaceOnVirtualNodes();
  return round.Finish();
}

std::string RealNodesText(const sim::Explanation& nowhere) {
  if (nowhere.nodes == 0) return "there is no real node";
  if (!nowhere.rejection.empty()) return fmt::format("0/{} real nodes fit ({})", nowhere.nodes, nowhere.rejection);
  return fmt::format("0/{} real nodes fit ({})", nowhere.nodes, nowhere.Summary());
}

}  // namespace spillway::controller
