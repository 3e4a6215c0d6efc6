#include "cmd/simulate/simulation.h"

#include <unordered_map>

#include "controller/outcome_words.h"
#include "controller/plan.h"
#include "scheduler_sim/nodes_needed.h"
#include "scheduler_sim/packing.h"

namespace spillway::cmd {
namespace {

using Kind = sim::Verdict::Kind;

constexpr std::size_t kMostCounted = 100'000;

Outcome JudgeOne(const Snapshot& snapshot, const Snapshot::PendingPod& pod) {
  Outcome outcome{.pod = &pod, .verdict = {}, .message = pod.undecidable, .placement = {}, .why = {}, .decided = {}};
  outcome.verdict.undecidable = pod.undecidable;
  if (!pod.undecidable.empty()) return outcome;

  outcome.verdict = sim::Judge(snapshot.cluster(), pod.index, sim::NodeDomain::kReal);
  if (outcome.verdict.kind == Kind::kUndecidable) {
    outcome.message = outcome.verdict.undecidable;
  } else if (outcome.verdict.kind == Kind::kNowhere) {
    const sim::Verdict everywhere = sim::Judge(snapshot.cluster(), pod.index, sim::NodeDomain::kAll);
    if (everywhere.why_not) outcome.message = everywhere.why_not->SchedulerMessage();
  }
  return outcome;
}

controller::PendingPods AsPending(const Snapshot& snapshot, const std::vector<Snapshot::PendingPod>& pods) {
  std::unordered_map<std::string_view, const kube::Pod*> objects;  // of a Pod in several files the last counts
  for (const kube::Pod& pod : snapshot.kept()) objects[pod.metadata.uid] = &pod;
  controller::PendingPods pending;
  for (const Snapshot::PendingPod& pod : pods) {
    const auto found = objects.find(pod.uid);
    if (found == objects.end()) continue;
    pending[pod.uid].object = *found->second;
    pending[pod.uid].index = pod.index;
  }
  return pending;
}

void Add(const std::string& text, Outcome& outcome) {
  if (text.empty()) return;
  outcome.why += (outcome.why.empty() ? "" : "; ") + text;
}

// What the controller makes of the Pod.
void Fill(Outcome& outcome, const controller::Decision& decision, const controller::PendingPod& pod,
          const controller::Policy& policy) {
  outcome.decided = decision.outcome;
  switch (decision.outcome) {
    case controller::Outcome::kFits:
      Add(decision.replicas, outcome);
      break;
    case controller::Outcome::kOverflow:
      outcome.placement = decision.node;
      [[fallthrough]];
    case controller::Outcome::kUndecidable:
    case controller::Outcome::kNoVirtualNode:
      outcome.why = decision.detail;
      Add(decision.let_go, outcome);
      Add(decision.replicas, outcome);
      break;
    case controller::Outcome::kNotEligible:
    case controller::Outcome::kWaiting:
      outcome.why = controller::WhatBecomesOf(pod, decision, policy, {});
      break;
  }
}

}  // namespace

std::vector<Outcome> JudgeEach(const Snapshot& snapshot, const std::vector<Snapshot::PendingPod>& pods) {
  std::vector<Outcome> outcomes;
  outcomes.reserve(pods.size());
  for (const auto& pod : pods) outcomes.push_back(JudgeOne(snapshot, pod));
  return outcomes;
}

std::vector<Outcome> PackEach(const Snapshot& snapshot, const std::vector<Snapshot::PendingPod>& pods) {
  std::vector<Outcome> outcomes = JudgeEach(snapshot, pods);
  for (Outcome& outcome : outcomes) {
    if (!outcome.pod->undecidable.empty()) continue;
    const sim::Packing packing =
        sim::Pack(snapshot.cluster(), std::vector<sim::PodIndex>{outcome.pod->index}, sim::NodeDomain::kReal);
    outcome.verdict = packing.entries().front().verdict;
  }
  return outcomes;
}

bool IsPacked(const kube::Pod& pod) { return !pod.is_bound() && !pod.is_terminal(); }

std::vector<Outcome> PackAll(const Snapshot& snapshot, const std::vector<Snapshot::PendingPod>& pods,
                             controller::Policy policy) {
  const sim::Cluster& cluster = snapshot.cluster();
  policy.scheduler_names.clear();
  for (const sim::SchedulerProfile& profile : snapshot.scheduler().profiles) {
    policy.scheduler_names.push_back(profile.scheduler_name);
  }
  // No time passes in a snapshot: what it will do when the time has come, and no node is expected back.
  policy.pending_grace = policy.node_return_grace = policy.node_autoscaler_deadline = Duration(0);
  std::vector<Outcome> outcomes = JudgeEach(snapshot, pods);
  const controller::PendingPods pending = AsPending(snapshot, pods);
  std::unordered_map<std::string, Outcome*> by_uid;
  for (Outcome& outcome : outcomes) by_uid.emplace(outcome.pod->uid, &outcome);

  for (const auto& entry : controller::MakePlan(cluster, pending, policy, snapshot.SurroundingsFor(policy),
                                                controller::NodeReturns(), Instant())
                               .entries) {
    const auto found = by_uid.find(entry.uid);
    if (found == by_uid.end()) continue;
    Outcome& outcome = *found->second;
    const controller::PendingPod& pod = pending.at(entry.uid);
    if (!controller::WhyNotScheduled(pod.object, policy)) {
      outcome.verdict = entry.verdict;
      if (entry.verdict.kind == Kind::kFits) outcome.placement = cluster.node(entry.verdict.node).name;
    }
    Fill(outcome, entry.decision, pod, policy);
  }
  return outcomes;
}

NodesOfShape CountNodes(const Snapshot& snapshot, const std::vector<Outcome>& outcomes, const kube::Node& shape) {
  std::vector<sim::PodIndex> nowhere;
  std::unordered_map<sim::PodIndex, const Snapshot::PendingPod*> pods;
  for (const Outcome& outcome : outcomes) {
    if (outcome.verdict.kind != Kind::kNowhere) continue;
    nowhere.push_back(outcome.pod->index);
    pods.emplace(outcome.pod->index, outcome.pod);
  }
  const sim::NodesNeeded needed = sim::CountNodesNeeded(snapshot.cluster(), nowhere, shape, kMostCounted);
  NodesOfShape counted{.shape = shape.metadata.name, .nodes = needed.nodes, .placed = needed.placed, .left_over = {}};
  for (const sim::PodIndex pod : needed.left_over) counted.left_over.push_back(pods[pod]->ns + "/" + pods[pod]->name);
  return counted;
}

}  // namespace spillway::cmd
