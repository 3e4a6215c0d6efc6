#include "scheduler_sim/testing/naive.h"

#include <algorithm>
#include <climits>
#include <functional>
#include <optional>
#include <set>

#include "kube/api/selector.h"
#include "scheduler_sim/model/requests.h"
#include "scheduler_sim/testing/naive_storage.h"

namespace spillway::sim::testing {
namespace {

using Reasons = std::vector<std::string>;
using PodList = std::vector<const kube::Pod*>;

struct NodeInfo {
  const kube::Node* node;
  PodList pods;
};

// One scheduling cycle: the incoming Pod against a snapshot.
struct Cycle {
  const Objects& objects;
  const kube::Pod& pod;
  Semantics semantics;
  const SchedulerProfile& profile;
  std::vector<NodeInfo> infos;
};

Reasons NodeUnschedulable(const Cycle& cycle, const NodeInfo& info) {
  if (!info.node->unschedulable) return {};
  const kube::Taint taint{"node.kubernetes.io/unschedulable", "", kube::TaintEffect::kNoSchedule};
  if (kube::ToleratesAny(cycle.pod.tolerations, taint)) return {};
  return {"node(s) were unschedulable"};
}

bool ToleratesNode(const kube::Pod& pod, const kube::Node& node) {
  return std::all_of(node.taints.begin(), node.taints.end(), [&](const kube::Taint& taint) {
    return taint.effect == kube::TaintEffect::kPreferNoSchedule || kube::ToleratesAny(pod.tolerations, taint);
  });
}

Reasons TaintToleration(const Cycle& cycle, const NodeInfo& info) {
  if (ToleratesNode(cycle.pod, *info.node)) return {};
  return {"node(s) had untolerated taint(s)"};
}

bool MatchesAffinity(const kube::Pod& pod, const kube::Node& node) {
  for (const auto& [key, value] : pod.node_selector) {
    const std::string* actual = kube::Find(node.metadata.labels, key);
    if (actual == nullptr || *actual != value) return false;
  }
  return !pod.required_node_affinity ||
         kube::Matches(*pod.required_node_affinity, node.metadata.labels, node.metadata.name);
}

Reasons NodeAffinity(const Cycle& cycle, const NodeInfo& info) {
  const auto& added = cycle.profile.added_affinity;
  if (added && !kube::Matches(*added, info.node->metadata.labels, info.node->metadata.name)) {
    return {"node(s) didn't match scheduler-enforced node affinity"};
  }
  if (MatchesAffinity(cycle.pod, *info.node)) return {};
  return {"node(s) didn't match Pod's node affinity/selector"};
}

std::vector<kube::ContainerPort> HostPorts(const kube::Pod& pod) {
  std::vector<kube::ContainerPort> ports;
  const auto add = [&](const kube::Container& container) {
    for (kube::ContainerPort port : container.host_ports) {
      if (port.host_ip.empty()) port.host_ip = "0.0.0.0";
      if (port.protocol.empty()) port.protocol = "TCP";
      if (port.host_port > 0) ports.push_back(port);
    }
  };
  for (const kube::Container& container : pod.containers) add(container);
  for (const kube::Container& container : pod.init_containers) {
    if (container.restart_always) add(container);
  }
  return ports;
}

Reasons NodePorts(const Cycle& cycle, const NodeInfo& info) {
  for (const kube::ContainerPort& wanted : HostPorts(cycle.pod)) {
    for (const kube::Pod* other : info.pods) {
      for (const kube::ContainerPort& used : HostPorts(*other)) {
        const bool same_address =
            wanted.host_ip == used.host_ip || wanted.host_ip == "0.0.0.0" || used.host_ip == "0.0.0.0";
        if (same_address && wanted.protocol == used.protocol && wanted.host_port == used.host_port) {
          return {"node(s) didn't have free ports for the requested pod ports"};
        }
      }
    }
  }
  return {};
}

bool Has(const std::vector<std::string>& list, const std::string& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

bool IsIgnored(const SchedulerProfile& profile, const std::string& resource) {
  const std::size_t slash = resource.find('/');
  if (slash == std::string::npos || resource.find("kubernetes.io/") != std::string::npos) return false;
  return Has(profile.ignored_resources, resource) || Has(profile.ignored_resource_groups, resource.substr(0, slash));
}

Reasons NodeResourcesFit(const Cycle& cycle, const NodeInfo& info) {
  const auto as_map = [](const auto& amounts) {
    std::map<std::string, std::int64_t> map{
        {"cpu", amounts.milli_cpu}, {"memory", amounts.memory}, {"ephemeral-storage", amounts.ephemeral_storage}};
    for (const auto& [name, amount] : amounts.scalars) map[std::string(name)] = amount;
    return map;
  };
  std::map<std::string, std::int64_t> free = as_map(CapacityOf(*info.node));
  for (const kube::Pod* other : info.pods) {
    // A nominated Pod is added as it will be: its status says nothing yet.
    for (const auto& [name, amount] : as_map(PlacedRequests(*other, cycle.semantics))) free[name] -= amount;
  }
  Reasons reasons;
  if (static_cast<std::int64_t>(info.pods.size()) + 1 > CapacityOf(*info.node).pods) reasons.push_back("Too many pods");
  std::map<std::string, std::int64_t> wanted = as_map(PendingRequests(cycle.pod, cycle.semantics));
  for (const std::string name : {"cpu", "memory", "ephemeral-storage"}) {
    if (wanted[name] > 0 && wanted[name] > free[name]) reasons.push_back("Insufficient " + name);
    wanted.erase(name);
  }
  for (const auto& [name, amount] : wanted) {
    if (IsIgnored(cycle.profile, name)) continue;
    if (amount != 0 && amount > free[name]) reasons.push_back("Insufficient " + name);
  }
  return reasons;
}

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

// ---- the framework

// Only what random configurations do: plugins off at multiPoint or at the filter point, some named there to come first.
bool IsOff(const SchedulerProfile& profile, const std::string& plugin) {
  return Has(profile.multi_point.disabled, plugin) ||
         (Has(profile.filter.disabled, plugin) && !Has(profile.filter.enabled, plugin));
}

NaiveStorage StorageOf(const Cycle& cycle) {
  NaiveStorage storage{cycle.objects, cycle.pod, cycle.semantics, {}};
  for (const NodeInfo& info : cycle.infos) {
    storage.placed.insert(storage.placed.end(), info.pods.begin(), info.pods.end());
  }
  return storage;
}

NaiveVerdict::Node RunFilters(const Cycle& cycle, NodeInfo info, const PodList& added, bool& fails) {
  NodeInfo grown = info;
  grown.pods.insert(grown.pods.end(), added.begin(), added.end());
  const NaiveStorage storage = StorageOf(cycle);
  const auto of = [&](NaiveResult result) {
    if (result.error.empty()) return std::move(result.reasons);
    fails = true;
    return Reasons{std::move(result.error)};
  };
  std::vector<std::pair<std::string, std::function<Reasons()>>> filters = {
      {"NodeUnschedulable", [&] { return NodeUnschedulable(cycle, grown); }},
      {"TaintToleration", [&] { return TaintToleration(cycle, grown); }},
      {"NodeAffinity", [&] { return NodeAffinity(cycle, grown); }},
      {"NodePorts", [&] { return NodePorts(cycle, grown); }},
      {"NodeResourcesFit", [&] { return NodeResourcesFit(cycle, grown); }},
      {"VolumeRestrictions", [&] { return of(storage.VolumeRestrictions(grown.pods, added)); }},
      {"NodeVolumeLimits", [&] { return of(storage.NodeVolumeLimits(*info.node, grown.pods)); }},
      {"VolumeBinding", [&] { return of(storage.VolumeBinding(*info.node)); }},
      {"VolumeZone", [&] { return of(storage.VolumeZone(*info.node)); }},
      {"PodTopologySpread", [&] { return PodTopologySpread(cycle, info, added); }},
      {"InterPodAffinity", [&] { return InterPodAffinity(cycle, info, added); }},
  };
  const auto& first = cycle.profile.filter.enabled;
  std::stable_sort(filters.begin(), filters.end(), [&](const auto& a, const auto& b) {
    return std::find(first.begin(), first.end(), a.first) < std::find(first.begin(), first.end(), b.first);
  });
  for (const auto& [name, filter] : filters) {
    if (IsOff(cycle.profile, name)) continue;
    if (Reasons reasons = filter(); !reasons.empty()) return {name, std::move(reasons)};
  }
  return {};
}

// NodeAffinity's PreFilter: nullopt for all nodes.
std::optional<std::set<std::string>> NamedNodes(const kube::Pod& pod) {
  if (!pod.required_node_affinity || pod.required_node_affinity->terms.empty()) return std::nullopt;
  std::set<std::string> names;
  for (const kube::NodeSelectorTerm& term : pod.required_node_affinity->terms) {
    std::optional<std::set<std::string>> of_term;
    for (const kube::LabelRequirement& field : term.match_fields) {
      if (field.key != "metadata.name" || field.op != kube::LabelRequirement::Operator::kIn) continue;
      std::set<std::string> next;
      for (const std::string& value : field.values) {
        if (!of_term || of_term->count(value) != 0) next.insert(value);
      }
      of_term = next;
    }
    if (!of_term) return std::nullopt;
    names.insert(of_term->begin(), of_term->end());
  }
  return names;
}

}  // namespace

bool NaiveVerdict::feasible_anywhere() const {
  return std::any_of(nodes.begin(), nodes.end(), [](const auto& node) { return node.second.filter.empty(); });
}

std::string NaiveVerdict::Message() const {
  if (nodes.empty() && rejection.empty()) return "no nodes available to schedule pods";
  if (!rejection.empty()) return rejection;
  std::map<std::string, int> histogram;
  for (const auto& [name, node] : nodes) {
    for (const std::string& reason : node.reasons) ++histogram[reason];
  }
  std::vector<std::string> texts;
  for (const auto& [reason, count] : histogram) texts.push_back(std::to_string(count) + " " + reason);
  std::sort(texts.begin(), texts.end());
  std::string message = "0/" + std::to_string(nodes.size()) + " nodes are available:";
  for (std::size_t i = 0; i < texts.size(); ++i) message += (i == 0 ? " " : ", ") + texts[i];
  return message + ".";
}

namespace {

const SchedulerProfile* ProfileOf(const Objects& objects, const kube::Pod& pod) {
  const std::string name = pod.scheduler_name.empty() ? "default-scheduler" : pod.scheduler_name;
  for (const SchedulerProfile& profile : objects.scheduler.profiles) {
    if (profile.scheduler_name == name) return &profile;
  }
  return nullptr;
}

bool AsksForDevices(const Objects& objects, const kube::Pod& pod, const Semantics& semantics) {
  const PodRequests requests = PendingRequests(pod, semantics);
  return std::any_of(requests.scalars.begin(), requests.scalars.end(), [&](const auto& scalar) {
    return std::any_of(objects.device_classes.begin(), objects.device_classes.end(), [&](const auto& device_class) {
      return scalar.first == device_class.extended_resource ||
             scalar.first == "deviceclass.resource.kubernetes.io/" + device_class.metadata.name;
    });
  });
}

bool IsAskedAbout(const Objects& objects, const kube::Pod& pod) {
  for (const Extender& extender : objects.scheduler.extenders) {
    if (extender.managed_resources.empty()) return true;
    for (const auto* containers : {&pod.containers, &pod.init_containers}) {
      for (const kube::Container& container : *containers) {
        for (const auto& [resource, amount] : container.requests) {
          if (Has(extender.managed_resources, resource)) return true;
        }
      }
    }
  }
  return false;
}

}  // namespace

NaiveVerdict JudgeNaively(const Objects& objects, const kube::Pod& pod, int minor_version) {
  const Semantics semantics = Semantics::Of(minor_version);
  const SchedulerProfile* profile = ProfileOf(objects, pod);
  NaiveVerdict verdict;
  verdict.undecidable = profile == nullptr || (minor_version >= 36 && AsksForDevices(objects, pod, semantics));
  if (verdict.undecidable) return verdict;
  Cycle cycle{objects, pod, semantics, *profile, {}};
  for (const kube::Node& node : objects.nodes) {
    NodeInfo info{&node, {}};
    for (const kube::Pod& other : objects.pods) {
      if (other.node_name == node.metadata.name && !other.is_terminal()) info.pods.push_back(&other);
    }
    cycle.infos.push_back(std::move(info));
  }
  const bool pre_filters = !Has(profile->multi_point.disabled, "NodeAffinity");
  const std::optional<std::set<std::string>> named = pre_filters ? NamedNodes(pod) : std::nullopt;
  if (named && named->empty() && !objects.nodes.empty()) {
    verdict.rejection =
        "0/" + std::to_string(objects.nodes.size()) + " nodes are available: pod affinity terms conflict.";
    return verdict;
  }
  const NaiveResult storage = StorageOf(cycle).PreFilter();
  verdict.fails = !storage.error.empty() && !objects.nodes.empty();
  if (!storage.reasons.empty() && !objects.nodes.empty()) {
    verdict.rejection =
        "0/" + std::to_string(objects.nodes.size()) + " nodes are available: " + storage.reasons.front() + ".";
  }
  if (verdict.fails || !verdict.rejection.empty()) return verdict;
  for (const NodeInfo& info : cycle.infos) {
    const std::string& name = info.node->metadata.name;
    // The node it is nominated to is tried first, whatever PreFilter says of it, and keeps that status.
    const bool left_out = named && named->count(name) == 0;
    const NaiveVerdict::Node absent = {"PreFilter", {"node(s) didn't satisfy plugin(s) [NodeAffinity]"}};
    if (left_out && pod.nominated_node_name != name) {
      verdict.nodes[name] = absent;
      continue;
    }
    PodList added;
    for (const kube::Pod& other : objects.pods) {
      const bool ahead = !other.is_bound() && !other.is_terminal() && other.nominated_node_name == name &&
                         other.priority >= pod.priority && other.metadata.uid != pod.metadata.uid;
      if (ahead) added.push_back(&other);
    }
    bool fails = false;
    verdict.nodes[name] = RunFilters(cycle, info, added, fails);
    if (verdict.nodes[name].filter.empty() && !added.empty()) {
      verdict.nodes[name] = RunFilters(cycle, info, {}, fails);
    }
    // A failure on a nominated node that PreFilter left out is logged and forgotten.
    if (fails && left_out) verdict.nodes[name] = absent;
    verdict.fails = verdict.fails || (fails && !left_out);
  }
  verdict.undecidable = verdict.feasible_anywhere() && IsAskedAbout(objects, pod);
  return verdict;
}

}  // namespace spillway::sim::testing
