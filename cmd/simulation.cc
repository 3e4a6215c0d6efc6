#include "cmd/simulation.h"

#include <unordered_map>

#include "scheduler_sim/packing.h"
#include "scheduler_sim/spread_balancer.h"

namespace spillway::cmd {
namespace {

using Kind = sim::Verdict::Kind;

Outcome JudgeOne(const Snapshot& snapshot, const Snapshot::PendingPod& pod) {
  Outcome outcome{.pod = &pod, .verdict = {}, .message = pod.undecidable, .placement = {}, .why = {}};
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

}  // namespace

std::vector<Outcome> JudgeEach(const Snapshot& snapshot, const std::vector<Snapshot::PendingPod>& pods) {
  std::vector<Outcome> outcomes;
  outcomes.reserve(pods.size());
  for (const auto& pod : pods) outcomes.push_back(JudgeOne(snapshot, pod));
  return outcomes;
}

std::vector<Outcome> PackAll(const Snapshot& snapshot, const std::vector<Snapshot::PendingPod>& pods) {
  const sim::Cluster& cluster = snapshot.cluster();
  std::vector<Outcome> outcomes = JudgeEach(snapshot, pods);
  std::unordered_map<std::uint32_t, Outcome*> by_index;
  std::vector<sim::PodIndex> order;
  for (Outcome& outcome : outcomes) {
    by_index.emplace(outcome.pod->index.value(), &outcome);
    if (outcome.pod->undecidable.empty()) order.push_back(outcome.pod->index);
  }
  order = sim::InQueueOrder(cluster, std::move(order));
  std::vector<sim::PodIndex> nowhere;
  const sim::Packing packing = sim::Pack(cluster, order, sim::NodeDomain::kReal);
  for (const auto& entry : packing.entries()) {
    Outcome& outcome = *by_index.at(entry.pod.value());
    outcome.verdict = entry.verdict;
    if (entry.verdict.kind == Kind::kFits) outcome.placement = cluster.node(entry.verdict.node).name;
    if (entry.verdict.kind == Kind::kNowhere) nowhere.push_back(entry.pod);
  }
  for (const sim::Placement& placed : sim::Spread(cluster, nowhere, sim::SpreadOptions{})) {
    Outcome& outcome = *by_index.at(placed.pod.value());
    if (placed.node) outcome.placement = cluster.node(*placed.node).name;
    outcome.why = placed.why;
  }
  return outcomes;
}

}  // namespace spillway::cmd
