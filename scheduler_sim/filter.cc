#include "scheduler_sim/filter.h"

#include <array>

#include "scheduler_sim/filters/dynamic_resources.h"
#include "scheduler_sim/filters/inter_pod_affinity.h"
#include "scheduler_sim/filters/node_affinity.h"
#include "scheduler_sim/filters/node_declared_features.h"
#include "scheduler_sim/filters/node_ports.h"
#include "scheduler_sim/filters/node_resources_fit.h"
#include "scheduler_sim/filters/node_unschedulable.h"
#include "scheduler_sim/filters/node_volume_limits.h"
#include "scheduler_sim/filters/pod_topology_spread.h"
#include "scheduler_sim/filters/taint_toleration.h"
#include "scheduler_sim/filters/volume_binding.h"
#include "scheduler_sim/filters/volume_restrictions.h"
#include "scheduler_sim/filters/volume_zone.h"

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
  static const VolumeRestrictions volume_restrictions;
  static const NodeVolumeLimits node_volume_limits;
  static const VolumeBinding volume_binding;
  static const VolumeZone volume_zone;
  static const PodTopologySpread pod_topology_spread;
  static const InterPodAffinity inter_pod_affinity;
  static const DynamicResources dynamic_resources;
  static const NodeDeclaredFeatures node_declared_features;
  static const std::array<const Filter*, 13> filters = {
      &node_unschedulable,  &taint_toleration,   &node_affinity,         &node_ports,  &node_resources_fit,
      &volume_restrictions, &node_volume_limits, &volume_binding,        &volume_zone, &pod_topology_spread,
      &inter_pod_affinity,  &dynamic_resources,  &node_declared_features};
  return filters;
}

const std::vector<const Filter*>& FiltersFor(const Question& question) {
  const FilterChain& chain = question.profile().chain;
  return question.model.volumes_of(question.pod) == nullptr ? chain.filters_without_volumes : chain.filters;
}

const std::vector<const Filter*>& PreFiltersFor(const Question& question) {
  const FilterChain& chain = question.profile().chain;
  return question.model.volumes_of(question.pod) == nullptr ? chain.pre_filters_without_volumes : chain.pre_filters;
}

Evaluation Evaluate(const Question& question, const NodeSet& domain, Filter::Scope scope) {
  Evaluation evaluation{.feasible = domain, .doubtful = {}, .tally = {}, .rejection = {}, .error = {}};
  for (const Filter* filter : PreFiltersFor(question)) {
    PreFilterResult result = filter->PreFilter(question);
    if (!result.rejection.empty() || !result.error.empty()) {
      evaluation.feasible = NodeSet();
      evaluation.tally = Tally();
      evaluation.rejection = std::move(result.rejection);
      if (!question.model.all.empty()) evaluation.error = std::move(result.error);  // else it does not get that far
      return evaluation;
    }
    if (!result.nodes) continue;
    const std::int64_t dropped = evaluation.feasible.IntersectWith(*result.nodes);
    if (!question.model.semantics.counts_nodes_left_out) continue;
    evaluation.tally.Add("node(s) didn't satisfy plugin(s) [" + std::string(filter->name()) + "]", dropped);
  }
  Tally ignored;
  for (const Filter* filter : FiltersFor(question)) {
    if (filter->scope() > scope) continue;
    if (!evaluation.doubtful.empty()) filter->Narrow(question, evaluation.doubtful, ignored);
    const bool may_err = filter->may_err(question);
    NodeSet rejected = may_err ? evaluation.feasible : NodeSet();
    filter->Narrow(question, evaluation.feasible, evaluation.tally);
    rejected.Subtract(evaluation.feasible);
    if (may_err) evaluation.doubtful.UniteWith(filter->Doubtful(question, rejected));
  }
  evaluation.error = evaluation.tally.error();
  return evaluation;
}

bool MayAdmit(const Question& question, NodeIndex node) {
  NodeSet only;
  only.Add(node);
  for (const Filter* filter : FiltersFor(question)) {
    if (filter->Admits(question, node)) continue;
    if (!filter->may_err(question) || filter->Doubtful(question, only).empty()) return false;
  }
  return true;
}

bool Admits(const Question& question, NodeIndex node, Filter::Scope scope) {
  for (const Filter* filter : FiltersFor(question)) {
    if (filter->scope() == scope && !filter->Admits(question, node)) return false;
  }
  return true;
}

}  // namespace spillway::sim
