#include "scheduler_sim/filter.h"

#include <array>

#include "scheduler_sim/filters/inter_pod_affinity.h"
#include "scheduler_sim/filters/node_affinity.h"
#include "scheduler_sim/filters/node_declared_features.h"
#include "scheduler_sim/filters/node_ports.h"
#include "scheduler_sim/filters/node_resources_fit.h"
#include "scheduler_sim/filters/node_unschedulable.h"
#include "scheduler_sim/filters/pod_topology_spread.h"
#include "scheduler_sim/filters/taint_toleration.h"

namespace spillway::sim {

void Tally::Add(std::string_view reason, std::int64_t nodes) {
  if (nodes == 0) return;
  for (ReasonCount& count : counts_) {
    if (count.reason == reason) {
      count.nodes += nodes;
      return;
    }
  }
  counts_.push_back({std::string(reason), nodes});
}

std::vector<Objection> Filter::Object(const Question& question, NodeIndex node) const {
  std::vector<Objection> objections;
  for (std::string& reason : Explain(question, node)) {
    std::string subject = reason;
    objections.push_back({.filter = {}, .reason = std::move(reason), .subject = std::move(subject)});
  }
  return objections;
}

std::span<const Filter* const> Filters() {
  static const NodeUnschedulable node_unschedulable;
  static const TaintToleration taint_toleration;
  static const NodeAffinity node_affinity;
  static const NodePorts node_ports;
  static const NodeResourcesFit node_resources_fit;
  static const PodTopologySpread pod_topology_spread;
  static const InterPodAffinity inter_pod_affinity;
  static const NodeDeclaredFeatures node_declared_features;
  static const std::array<const Filter*, 8> filters = {
      &node_unschedulable, &taint_toleration,    &node_affinity,      &node_ports,
      &node_resources_fit, &pod_topology_spread, &inter_pod_affinity, &node_declared_features};
  return filters;
}

Evaluation Evaluate(const Question& question, const NodeSet& domain, Filter::Scope scope) {
  Evaluation evaluation{.feasible = domain, .tally = {}, .rejection = {}};
  const FilterChain& chain = question.profile().chain;
  for (const Filter* filter : chain.pre_filters) {
    PreFilterResult result = filter->PreFilter(question);
    if (!result.rejection.empty()) {
      evaluation.feasible = NodeSet();
      evaluation.tally = Tally();
      evaluation.rejection = std::move(result.rejection);
      return evaluation;
    }
    if (!result.nodes) continue;
    const std::int64_t dropped = evaluation.feasible.IntersectWith(*result.nodes);
    evaluation.tally.Add("node(s) didn't satisfy plugin(s) [" + std::string(filter->name()) + "]", dropped);
  }
  for (const Filter* filter : chain.filters) {
    if (filter->scope() <= scope) filter->Narrow(question, evaluation.feasible, evaluation.tally);
  }
  return evaluation;
}

bool Admits(const Question& question, NodeIndex node, Filter::Scope scope) {
  for (const Filter* filter : question.profile().chain.filters) {
    if (filter->scope() == scope && !filter->Admits(question, node)) return false;
  }
  return true;
}

}  // namespace spillway::sim
