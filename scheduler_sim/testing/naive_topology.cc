#include "scheduler_sim/testing/naive_topology.h"

#include <algorithm>
#include <climits>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "kube/api/selector.h"

namespace spillway::sim::testing {
namespace {

// ---- PodTopologySpread

kube::LabelSelector WithMatchLabelKeys(const kube::TopologySpreadConstraint& constraint, const kube::Pod& pod) {
  kube::LabelSelector selector = *constraint.label_selector;
  for (const std::string& key : constraint.match_label_keys) {
    const std::string* value = kube::Find(pod.metadata.labels, key);
    if (value == nullptr) continue;
    selector.match_expressions.push_back({key, kube::LabelRequirement::Operator::kIn, {*value}});
  }
  return selector;
}

struct Constraint {
  kube::TopologySpreadConstraint given;
  std::optional<kube::LabelSelector> selector;
  std::map<std::string, int> counts;

  bool empty_selector() const {
    return selector && selector->match_labels.empty() && selector->match_expressions.empty();
  }
};

bool Includes(const Constraint& constraint, const kube::Pod& pod, const kube::Node& node) {
  if (constraint.given.node_affinity_honor && !MatchesAffinity(pod, node)) return false;
  return !constraint.given.node_taints_honor || ToleratesNode(pod, node);
}

// helper.DefaultSelector: label by label and requirement by requirement.
kube::LabelSelector DefaultSelector(const Objects& objects, const kube::Pod& pod) {
  std::map<std::string, std::string> labels;
  for (const auto& [kind, object] : objects.selecting) {
    if (kind != SelectingKind::kService || object.metadata.ns != pod.metadata.ns || !object.selector) continue;
    if (!kube::Matches(*object.selector, pod.metadata.labels)) continue;
    for (const auto& [key, value] : object.selector->match_labels) labels[key] = value;
  }
  kube::LabelSelector selector;
  const kube::OwnerReference* owner = pod.metadata.Controller();
  for (const auto& [kind, object] : objects.selecting) {
    if (owner == nullptr || object.metadata.ns != pod.metadata.ns || object.metadata.name != owner->name) continue;
    const bool is_set = (kind == SelectingKind::kReplicaSet && owner->kind == "ReplicaSet") ||
                        (kind == SelectingKind::kStatefulSet && owner->kind == "StatefulSet");
    if (owner->api_version == "v1" && owner->kind == "ReplicationController" &&
        kind == SelectingKind::kReplicationController && object.selector) {
      for (const auto& [key, value] : object.selector->match_labels) labels[key] = value;
    }
    if (owner->api_version != "apps/v1" || !is_set || !object.selector) continue;
    selector.match_expressions = object.selector->match_expressions;
    for (const auto& [key, value] : object.selector->match_labels) {
      selector.match_expressions.push_back({key, kube::LabelRequirement::Operator::kIn, {value}});
    }
  }
  selector.match_labels.assign(labels.begin(), labels.end());
  return selector;
}

std::vector<kube::TopologySpreadConstraint> ConstraintsFor(const Cycle& cycle) {
  if (!cycle.pod.topology_spread.empty()) return cycle.pod.topology_spread;
  std::vector<kube::TopologySpreadConstraint> constraints = cycle.profile.default_constraints;
  const kube::LabelSelector selector = DefaultSelector(cycle.objects, cycle.pod);
  if (selector.match_labels.empty() && selector.match_expressions.empty()) return {};
  for (kube::TopologySpreadConstraint& constraint : constraints) {
    constraint.label_selector = selector;
    constraint.match_label_keys.clear();
  }
  return constraints;
}

std::vector<Constraint> CountConstraints(const Cycle& cycle, const NodeInfo* with_added, const PodList& added) {
  std::vector<Constraint> constraints;
  for (const kube::TopologySpreadConstraint& given : ConstraintsFor(cycle)) {
    if (!given.do_not_schedule) continue;
    Constraint constraint{given, std::nullopt, {}};
    if (given.label_selector) constraint.selector = WithMatchLabelKeys(given, cycle.pod);
    constraints.push_back(std::move(constraint));
  }
  const auto has_all_keys = [&](const kube::Node& node) {
    return std::all_of(constraints.begin(), constraints.end(), [&](const Constraint& constraint) {
      return kube::Find(node.metadata.labels, constraint.given.topology_key) != nullptr;
    });
  };
  for (const NodeInfo& info : cycle.infos) {
    if (!has_all_keys(*info.node)) continue;
    for (Constraint& constraint : constraints) {
      if (!Includes(constraint, cycle.pod, *info.node)) continue;
      int& count = constraint.counts[*kube::Find(info.node->metadata.labels, constraint.given.topology_key)];
      if (constraint.empty_selector()) continue;
      for (const kube::Pod* other : info.pods) {
        if (other->is_terminating() || other->metadata.ns != cycle.pod.metadata.ns) continue;
        count += kube::Matches(constraint.selector, other->metadata.labels);
      }
    }
  }
  // AddPod() looks neither at deletion timestamps nor for an empty selector.
  if (with_added == nullptr || !has_all_keys(*with_added->node)) return constraints;
  for (const kube::Pod* other : added) {
    if (other->metadata.ns != cycle.pod.metadata.ns) continue;
    for (Constraint& constraint : constraints) {
      if (!kube::Matches(constraint.selector, other->metadata.labels)) continue;
      if (!Includes(constraint, cycle.pod, *with_added->node)) continue;
      ++constraint.counts[*kube::Find(with_added->node->metadata.labels, constraint.given.topology_key)];
    }
  }
  return constraints;
}

}  // namespace

Reasons PodTopologySpread(const Cycle& cycle, const NodeInfo& info, const PodList& added) {
  for (const Constraint& constraint : CountConstraints(cycle, &info, added)) {
    const std::string* value = kube::Find(info.node->metadata.labels, constraint.given.topology_key);
    if (value == nullptr) {
      return {"node(s) didn't match pod topology spread constraints (missing required label)"};
    }
    int least = INT_MAX;
    for (const auto& [domain, count] : constraint.counts) least = std::min(least, count);
    if (static_cast<int>(constraint.counts.size()) < constraint.given.min_domains.value_or(1)) least = 0;
    const auto found = constraint.counts.find(*value);
    const std::int64_t here = found == constraint.counts.end() ? 0 : found->second;
    const std::int64_t self = kube::Matches(constraint.selector, cycle.pod.metadata.labels);
    if (here + self - least > constraint.given.max_skew) {
      return {"node(s) didn't match pod topology spread constraints"};
    }
  }
  return {};
}

namespace {

// ---- InterPodAffinity

const kube::StringMap* NamespaceLabels(const Objects& objects, const std::string& name) {
  for (const kube::Namespace& ns : objects.namespaces) {
    if (ns.metadata.name == name) return &ns.metadata.labels;
  }
  return nullptr;
}

// AffinityTerm.Matches: the owner's namespace stands in when the term names none.
bool TermMatches(const kube::PodAffinityTerm& term, const std::string& owner_ns, const std::set<std::string>& more,
                 const kube::Pod& target, const kube::StringMap& target_ns_labels) {
  const bool own = term.namespaces.empty() && !term.namespace_selector;
  const bool listed =
      std::find(term.namespaces.begin(), term.namespaces.end(), target.metadata.ns) != term.namespaces.end() ||
      (own && target.metadata.ns == owner_ns) || more.count(target.metadata.ns) != 0;
  if (!listed && !kube::Matches(term.namespace_selector, target_ns_labels)) return false;
  return kube::Matches(term.label_selector, target.metadata.labels);
}

bool OwnTermMatches(const Cycle& cycle, const kube::PodAffinityTerm& term, const kube::Pod& target) {
  std::set<std::string> listed;  // mergeAffinityTermNamespacesIfNotEmpty
  const auto& selector = term.namespace_selector;
  if (selector && !(selector->match_labels.empty() && selector->match_expressions.empty())) {
    for (const kube::Namespace& ns : cycle.objects.namespaces) {
      if (kube::Matches(selector, ns.metadata.labels)) listed.insert(ns.metadata.name);
    }
  }
  return TermMatches(term, cycle.pod.metadata.ns, listed, target, {});
}

bool MatchesAllOwnTerms(const Cycle& cycle, const kube::Pod& target) {
  const auto& terms = cycle.pod.required_pod_affinity;
  return !terms.empty() &&
         std::all_of(terms.begin(), terms.end(), [&](const auto& term) { return OwnTermMatches(cycle, term, target); });
}

struct AffinityState {
  std::map<std::pair<std::string, std::string>, int> existing_anti, affinity, anti;
};

void AddToState(AffinityState& state, const Cycle& cycle, const kube::Pod& existing, const kube::Node& node) {
  const auto bump = [&](auto& counts, const std::string& key) {
    if (const std::string* value = kube::Find(node.metadata.labels, key)) ++counts[{key, *value}];
  };
  const kube::StringMap* ns_labels = NamespaceLabels(cycle.objects, cycle.pod.metadata.ns);
  for (const kube::PodAffinityTerm& term : existing.required_pod_anti_affinity) {
    if (TermMatches(term, existing.metadata.ns, {}, cycle.pod, ns_labels == nullptr ? kube::StringMap() : *ns_labels)) {
      bump(state.existing_anti, term.topology_key);
    }
  }
  if (MatchesAllOwnTerms(cycle, existing)) {
    for (const kube::PodAffinityTerm& term : cycle.pod.required_pod_affinity) bump(state.affinity, term.topology_key);
  }
  for (const kube::PodAffinityTerm& term : cycle.pod.required_pod_anti_affinity) {
    if (OwnTermMatches(cycle, term, existing)) bump(state.anti, term.topology_key);
  }
}

bool AffinitySatisfied(const Cycle& cycle, const AffinityState& state, const kube::Node& node) {
  bool pods_exist = true;
  for (const kube::PodAffinityTerm& term : cycle.pod.required_pod_affinity) {
    const std::string* value = kube::Find(node.metadata.labels, term.topology_key);
    if (value == nullptr) return false;
    if (state.affinity.count({term.topology_key, *value}) == 0) pods_exist = false;
  }
  return pods_exist || (state.affinity.empty() && MatchesAllOwnTerms(cycle, cycle.pod));
}

}  // namespace

Reasons InterPodAffinity(const Cycle& cycle, const NodeInfo& info, const PodList& added) {
  AffinityState state;
  for (const NodeInfo& each : cycle.infos) {
    for (const kube::Pod* existing : each.pods) AddToState(state, cycle, *existing, *each.node);
  }
  const bool skipped = state.existing_anti.empty() && cycle.pod.required_pod_affinity.empty() &&
                       cycle.pod.required_pod_anti_affinity.empty();
  if (skipped) return {};
  for (const kube::Pod* each : added) AddToState(state, cycle, *each, *info.node);
  if (!AffinitySatisfied(cycle, state, *info.node)) return {"node(s) didn't match pod affinity rules"};
  for (const kube::PodAffinityTerm& term : cycle.pod.required_pod_anti_affinity) {
    const std::string* value = kube::Find(info.node->metadata.labels, term.topology_key);
    if (value != nullptr && state.anti.count({term.topology_key, *value}) != 0) {
      return {"node(s) didn't match pod anti-affinity rules"};
    }
  }
  for (const auto& label : info.node->metadata.labels) {
    if (state.existing_anti.count(label) != 0) return {"node(s) didn't satisfy existing pods anti-affinity rules"};
  }
  return {};
}

}  // namespace spillway::sim::testing
