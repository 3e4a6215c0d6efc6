#include <algorithm>

#include "kube/api/selector.h"
#include "scheduler_sim/model/key.h"
#include "scheduler_sim/model/model.h"
#include "scheduler_sim/model/storage_edit.h"
#include "scheduler_sim/model/terms.h"

// Counts of Pods per topology domain: definitions, and keeping them right as nodes and namespaces change.

namespace spillway::sim {
namespace {

bool IsEmpty(const kube::LabelSelector& selector) {
  return selector.match_labels.empty() && selector.match_expressions.empty();
}

bool Lists(const PodTerm& term, std::string_view ns) {
  return std::find(term.namespaces.begin(), term.namespaces.end(), ns) != term.namespaces.end();
}

const kube::StringMap kNoLabels;

void WriteKey(const Counter& counter, std::string& key_bytes) {
  KeyWriter key(key_bytes);
  key.Size(static_cast<std::size_t>(counter.kind)).Size(counter.topology.value()).Size(counter.terms.size());
  for (const PodTerm& term : counter.terms) {
    key.Size(term.namespaces.size());
    for (const std::string& ns : term.namespaces) key.Text(ns);
    key.Selector(term.namespace_selector).Selector(term.selector);
  }
  key.Size(counter.matches_none ? 1 : 0).Size(counter.rule.value()).Size(counter.tolerations.value());
  for (const TopologyId topology : counter.all_topologies) key.Size(topology.value());
}

}  // namespace

PodTerm TermOf(const kube::PodAffinityTerm& term, const std::string& owner_namespace) {
  PodTerm made{term.namespaces, term.namespace_selector, term.label_selector};
  if (made.namespaces.empty() && !made.namespace_selector) made.namespaces = {owner_namespace};
  std::sort(made.namespaces.begin(), made.namespaces.end());
  return made;
}

bool Cluster::Model::Repels(const PodTerm& term, IdentityId identity) const {
  const std::string_view ns = NamespaceOf(identity);
  if (!Lists(term, ns)) {
    if (!term.namespace_selector) return false;
    const auto known = namespaces.find(std::string(ns));
    const kube::StringMap& labels = known == namespaces.end() ? kNoLabels : known->second;
    if (!kube::Matches(*term.namespace_selector, labels)) return false;
  }
  return term.selector && LabelsOf(identity).Match(*term.selector);
}

bool Cluster::Model::MatchesOwnTerm(const PodTerm& term, IdentityId identity) const {
  if (!term.selector) return false;
  const std::string_view ns = NamespaceOf(identity);
  bool in_scope = Lists(term, ns);
  if (!in_scope && term.namespace_selector) {
    in_scope = IsEmpty(*term.namespace_selector) ||
               (semantics.namespace_selector_sees_no_labels && kube::Matches(*term.namespace_selector, kNoLabels));
    const auto known = namespaces.find(std::string(ns));
    if (!in_scope && known != namespaces.end()) {
      in_scope = kube::Matches(*term.namespace_selector, known->second);
    }
  }
  return in_scope && LabelsOf(identity).Match(*term.selector);
}

bool Cluster::Model::IsCounted(const Counter& counter, IdentityId identity) const {
  if (counter.kind == Counter::Kind::kCarried || counter.matches_none) return false;
  if (counter.kind == Counter::Kind::kSpread && FrameOf(identity).terminating) return false;
  return std::all_of(counter.terms.begin(), counter.terms.end(),
                     [&](const PodTerm& term) { return MatchesOwnTerm(term, identity); });
}

void Cluster::Model::Count(Usage& target, CounterId id, NodeIndex node, std::int32_t change) const {
  const Counter& counter = counters[id.value()];
  const bool spread = counter.kind == Counter::Kind::kSpread;
  if (spread && !counter.eligible.Has(node)) return;
  const std::uint32_t domain = topology(counter.topology).Of(node);
  if (domain == Topology::kNoDomain) return;
  Counts& counts = target.ChangeableCounts(id);
  const std::uint32_t before = counts.relaxations;
  counts.Add(domain, change, spread);
  target.NoteRelaxations(counts.relaxations - before);
}

void Cluster::Model::TakeVolumes(Usage& target, FootprintId id, NodeIndex node, std::int32_t change) const {
  VolumeUsage& volumes = target.ChangeableVolumes();
  UseVolumes(*this, volumes, footprint(id).volumes, node, change);
  if (nodes[node.value()].exists) CountClaims(*this, volumes, footprint(id).volumes, change);
}

void Cluster::Model::Place(Usage& target, FootprintId footprint_id, IdentityId identity, NodeIndex node) const {
  target.Take(footprint(footprint_id), node, 1);
  if (footprint(footprint_id).volumes.valid()) TakeVolumes(target, footprint_id, node, 1);
  for (const CounterId counter : footprint(footprint_id).carried) Count(target, counter, node, 1);
  for (const CounterId counter : identities[identity.value()].counters()) Count(target, counter, node, 1);
}

void Cluster::Model::Unplace(Usage& target, FootprintId footprint_id, IdentityId identity, NodeIndex node) const {
  target.Take(footprint(footprint_id), node, -1);
  if (footprint(footprint_id).volumes.valid()) TakeVolumes(target, footprint_id, node, -1);
  for (const CounterId counter : footprint(footprint_id).carried) Count(target, counter, node, -1);
  for (const CounterId counter : identities[identity.value()].counters()) Count(target, counter, node, -1);
}

void Cluster::Model::CountPodsOn(NodeIndex index, std::int32_t change) {
  for (PodIndex pod = nodes[index.value()].first_pod; pod.valid(); pod = pods[pod.value()].next_on_node) {
    const PodRecord& record = pods[pod.value()];
    if (const VolumeUseId volumes = footprint(record.footprint).volumes;
        volumes.valid() && nodes[index.value()].exists) {
      CountClaims(*this, usage.ChangeableVolumes(), volumes, change);
    }
    for (const CounterId counter : footprint(record.footprint).carried) Count(usage, counter, index, change);
    for (const CounterId counter : identities[record.identity.value()].counters()) Count(usage, counter, index, change);
  }
}

void Cluster::Model::LeaveTopologies(NodeIndex index) {
  CountPodsOn(index, -1);
  for (const CounterId id : spread_counters) {
    Counter& counter = counters[id.value()];
    if (!counter.eligible.Has(index)) continue;
    counter.eligible.Remove(index);
    const std::uint32_t domain = topology(counter.topology).Of(index);
    if (--counter.eligible_nodes[domain] == 0) usage.ChangeableCounts(id).RemoveDomain(domain);
  }
  for (std::uint32_t id = 0; id < topologies.end(); ++id) {
    Topology& topology = topologies[id];
    const std::uint32_t domain = topology.Of(index);
    if (!topologies.live(id) || domain == Topology::kNoDomain) continue;
    topology.domain_of[index.value()] = Topology::kNoDomain;
    if (topology.domains.Release(domain)) topology.domains.Erase(domain);
  }
}

void Cluster::Model::EnterTopologies(NodeIndex index) {
  const NodeRecord& node = nodes[index.value()];
  for (std::uint32_t id = 0; id < topologies.end(); ++id) {
    if (!topologies.live(id)) continue;
    Topology& topology = topologies[id];
    const std::string* value = node.exists ? kube::Find(node.labels, topologies.key(id)) : nullptr;
    if (value == nullptr) continue;
    if (index.value() >= topology.domain_of.size()) topology.domain_of.resize(nodes.size(), Topology::kNoDomain);
    topology.domain_of[index.value()] = topology.domains.Acquire(*value).first;
  }
  for (const CounterId id : spread_counters) {
    Counter& counter = counters[id.value()];
    if (!IsEligible(counter, index)) continue;
    counter.eligible.Add(index);
    const std::uint32_t domain = topology(counter.topology).Of(index);
    if (domain >= counter.eligible_nodes.size()) counter.eligible_nodes.resize(domain + 1);
    if (++counter.eligible_nodes[domain] == 1) usage.ChangeableCounts(id).AddDomain(domain);
  }
  CountPodsOn(index, 1);
}

bool Cluster::Model::IsEligible(const Counter& counter, NodeIndex index) const {
  const NodeRecord& node = nodes[index.value()];
  if (!node.exists) return false;
  for (const TopologyId id : counter.all_topologies) {
    if (topology(id).Of(index) == Topology::kNoDomain) return false;
  }
  if (counter.rule.valid() && !rules[counter.rule.value()].Matches(node)) return false;
  return !counter.tolerations.valid() ||
         FirstUntolerated(node.taints, tolerations[counter.tolerations.value()].tolerations) == nullptr;
}

TopologyId Cluster::Model::AcquireTopology(std::string_view key) {
  const auto [id, is_new] = topologies.Acquire(key);
  if (is_new) {
    Topology& topology = topologies[id];
    topology.domain_of.assign(nodes.size(), Topology::kNoDomain);
    all.ForEach([&](NodeIndex node) {
      const std::string* value = kube::Find(nodes[node.value()].labels, key);
      if (value != nullptr) topology.domain_of[node.value()] = topology.domains.Acquire(*value).first;
    });
  }
  return TopologyId(id);
}

void Cluster::Model::Release(TopologyId id) {
  if (topologies.Release(id.value())) topologies.Erase(id.value());
}

CounterId Cluster::Model::AcquireCounter(Counter definition) {
  WriteKey(definition, inner_key_);
  const auto [id, is_new] = counters.Acquire(inner_key_);
  if (is_new) {
    counters[id] = std::move(definition);
    StartCounting(CounterId(id));
    return CounterId(id);
  }
  Release(definition.topology);
  for (const TopologyId topology : definition.all_topologies) Release(topology);
  Release(definition.rule);
  if (definition.tolerations.valid()) Release(definition.tolerations);
  return CounterId(id);
}

void Cluster::Model::StartCounting(CounterId id) {
  usage.ResetCounts(id);
  Counter& counter = counters[id.value()];
  if (counter.kind == Counter::Kind::kCarried) {
    NoticeCarried(id);  // the Pods that carry it are yet to come
    return;
  }
  if (counter.kind == Counter::Kind::kSpread) {
    spread_counters.push_back(id);
    all.ForEach([&](NodeIndex node) {
      if (!IsEligible(counter, node)) return;
      counter.eligible.Add(node);
      const std::uint32_t domain = topology(counter.topology).Of(node);
      if (domain >= counter.eligible_nodes.size()) counter.eligible_nodes.resize(domain + 1);
      if (++counter.eligible_nodes[domain] == 1) usage.ChangeableCounts(id).AddDomain(domain);
    });
  }
  for (std::uint32_t i = 0; i < identities.end(); ++i) {
    if (!identities.live(i) || !IsCounted(counter, IdentityId(i))) continue;
    identities[i].counters_to_change().push_back(id);
    for (PodIndex pod = identities[i].first_placed; pod.valid(); pod = pods[pod.value()].next_alike) {
      Count(usage, id, pods[pod.value()].node, 1);
    }
  }
}

void Cluster::Model::Release(CounterId id) {
  if (!counters.Release(id.value())) return;
  const Counter gone = std::move(counters[id.value()]);
  counters.Erase(id.value());
  if (gone.kind == Counter::Kind::kSpread) std::erase(spread_counters, id);
  for (std::uint32_t i = 0; i < identities.end(); ++i) {
    if (!identities.live(i)) continue;
    const bool carried = gone.kind == Counter::Kind::kCarried;
    const auto& list = carried ? identities[i].repelled_by() : identities[i].counters();
    if (list.empty()) continue;
    std::erase(carried ? identities[i].repelled_by_to_change() : identities[i].counters_to_change(), id);
  }
  Release(gone.topology);
  for (const TopologyId topology : gone.all_topologies) Release(topology);
  Release(gone.rule);
  if (gone.tolerations.valid()) Release(gone.tolerations);
}

void Cluster::Model::AddTopologicalRules(const kube::Pod& pod, IdentityId identity, PodClass& made) {
  std::vector<PodTerm> all_terms;
  for (const kube::PodAffinityTerm& term : pod.required_pod_affinity) {
    all_terms.push_back(TermOf(term, pod.metadata.ns));
  }
  for (const kube::PodAffinityTerm& term : pod.required_pod_affinity) {
    made.affinity.push_back(AcquireCounter({.topology = AcquireTopology(term.topology_key), .terms = all_terms}));
  }
  made.matches_own_affinity =
      !all_terms.empty() && std::all_of(all_terms.begin(), all_terms.end(),
                                        [&](const PodTerm& term) { return MatchesOwnTerm(term, identity); });
  for (const kube::PodAffinityTerm& term : pod.required_pod_anti_affinity) {
    made.anti_affinity.push_back(
        AcquireCounter({.topology = AcquireTopology(term.topology_key), .terms = {TermOf(term, pod.metadata.ns)}}));
  }
  AddSpread(pod.topology_spread, identity, made);
}

void Cluster::Model::AddSpread(const std::vector<kube::TopologySpreadConstraint>& constraints, IdentityId identity,
                               PodClass& made) {
  const PackedLabels labels = LabelsOf(identity);
  for (const kube::TopologySpreadConstraint& constraint : constraints) {
    if (!constraint.do_not_schedule) continue;
    PodTerm term{{std::string(NamespaceOf(identity))}, std::nullopt, constraint.label_selector};
    for (const std::string& key : constraint.match_label_keys) {
      const std::optional<std::string_view> value = labels.Find(key);
      if (!value || !term.selector) continue;
      term.selector->match_expressions.push_back({key, kube::LabelRequirement::Operator::kIn, {std::string(*value)}});
    }
    Counter counter{.kind = Counter::Kind::kSpread, .topology = AcquireTopology(constraint.topology_key)};
    counter.matches_none = term.selector && IsEmpty(*term.selector);
    counter.terms = {term};
    for (const kube::TopologySpreadConstraint& other : constraints) {
      if (other.do_not_schedule) counter.all_topologies.push_back(AcquireTopology(other.topology_key));
    }
    if (constraint.node_affinity_honor && made.rule.valid()) {
      counter.rule = made.rule;
      rules.AddReference(made.rule.value());
    }
    if (constraint.node_taints_honor) {
      counter.tolerations = made.tolerations;
      tolerations.AddReference(made.tolerations.value());
    }
    made.spread.push_back({AcquireCounter(std::move(counter)), constraint.max_skew, constraint.min_domains.value_or(1),
                           MatchesOwnTerm(term, identity)});
  }
}

void Cluster::Model::SetNamespace(const std::string& name, const kube::StringMap* labels) {
  if (labels == nullptr) {
    namespaces.erase(name);
  } else {
    namespaces[name] = *labels;
  }
  const auto selects_namespaces = [](const Counter& counter) {
    return std::any_of(counter.terms.begin(), counter.terms.end(),
                       [](const PodTerm& term) { return term.namespace_selector.has_value(); });
  };
  std::vector<CounterId> affected;
  for (std::uint32_t id = 0; id < counters.end(); ++id) {
    if (counters.live(id) && selects_namespaces(counters[id])) affected.push_back(CounterId(id));
  }
  if (affected.empty()) return;
  for (std::uint32_t i = 0; i < identities.end(); ++i) {
    if (!identities.live(i) || NamespaceOf(IdentityId(i)) != name) continue;
    for (const CounterId id : affected) {
      const bool carried = counters[id.value()].kind == Counter::Kind::kCarried;
      const bool matches = carried
                               ? identities[i].pending != 0 && Repels(counters[id.value()].terms.front(), IdentityId(i))
                               : IsCounted(counters[id.value()], IdentityId(i));
      const auto& known = carried ? identities[i].repelled_by() : identities[i].counters();
      if ((std::find(known.begin(), known.end(), id) != known.end()) == matches) continue;
      auto& list = carried ? identities[i].repelled_by_to_change() : identities[i].counters_to_change();
      if (matches) {
        list.insert(std::lower_bound(list.begin(), list.end(), id), id);
      } else {
        std::erase(list, id);
      }
      if (carried) continue;
      for (PodIndex pod = identities[i].first_placed; pod.valid(); pod = pods[pod.value()].next_alike) {
        Count(usage, id, pods[pod.value()].node, matches ? 1 : -1);
      }
    }
  }
  for (const PodIndex pod : pending) {
    if (NamespaceOf(pods[pod.value()].identity) == name) Reclassify(pod);
  }
}

}  // namespace spillway::sim
