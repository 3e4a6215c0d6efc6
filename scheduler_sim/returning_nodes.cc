#include "scheduler_sim/returning_nodes.h"

#include <algorithm>
#include <vector>

#include "scheduler_sim/filter.h"
#include "scheduler_sim/filters/claim_binder.h"

namespace spillway::sim {
namespace {

bool AwaitsReadiness(const NodeRecord& node) {
  return std::any_of(node.taints.begin(), node.taints.end(), [](const kube::Taint& taint) {
    const Outage* outage = OutageOf(taint);
    return outage != nullptr && outage->ends_when_ready;
  });
}

NodeIndex FirstOf(const NodeSet& nodes) {
  NodeIndex first;
  nodes.ForEach([&](NodeIndex node) {
    if (!first.valid()) first = node;
  });
  return first;
}

}  // namespace

struct ReturningNodes::State {
  const Cluster::Model& model;
  NodeSet nodes;
  Usage usage;                       // what Pods that were asked about have taken included
  std::vector<bool> without_a_node;  // by ClassIndex
};

ReturningNodes::ReturningNodes(const Cluster& cluster, std::span<const NodeIndex> nodes)
    : state_(new State{.model = cluster.model(), .nodes = {}, .usage = {}, .without_a_node = {}}) {
  for (const NodeIndex node : nodes) {
    if (state_->model.real.Has(node) && AwaitsReadiness(state_->model.node(node))) state_->nodes.Add(node);
  }
  if (empty()) return;
  state_->usage = state_->model.usage;
  state_->without_a_node.resize(state_->model.classes.end());
}

ReturningNodes::~ReturningNodes() = default;

bool ReturningNodes::empty() const { return state_->nodes.empty(); }

std::optional<NodeIndex> ReturningNodes::Place(PodIndex pod) {
  const Cluster::Model& model = state_->model;
  const PodRecord& record = model.pod(pod);
  if (empty() || record.bound || state_->without_a_node[record.pod_class.value()]) return std::nullopt;
  const PodClass& pod_class = model.pod_class(record.pod_class);
  const Question question{model, state_->usage, pod_class, Suppose::kReady};
  const Evaluation evaluation = Evaluate(question, state_->nodes);
  const NodeIndex node = FirstOf(evaluation.feasible);
  if (!node.valid() || !evaluation.error.empty() || !model.undecidable(pod_class).empty()) {
    state_->without_a_node[record.pod_class.value()] = true;
    return std::nullopt;
  }
  if (model.volumes_of(pod_class) != nullptr) {
    VolumeUsage& volumes = state_->usage.ChangeableVolumes();
    ClaimBinder(question).Assume(node, volumes);
  }
  model.Place(state_->usage, record.footprint, record.identity, node);
  return node;
}

}  // namespace spillway::sim
