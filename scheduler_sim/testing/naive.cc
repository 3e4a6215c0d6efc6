#include "scheduler_sim/testing/naive.h"

#include <algorithm>
#include <climits>
#include <functional>
#include <optional>
#include <set>

#include "kube/api/selector.h"
#include "scheduler_sim/model/requests.h"
#include "scheduler_sim/testing/naive_cycle.h"
#include "scheduler_sim/testing/naive_storage.h"
#include "scheduler_sim/testing/naive_topology.h"

namespace spillway::sim::testing {

bool ToleratesNode(const kube::Pod& pod, const kube::Node& node) {
  return std::all_of(node.taints.begin(), node.taints.end(), [&](const kube::Taint& taint) {
    return taint.effect == kube::TaintEffect::kPreferNoSchedule || kube::ToleratesAny(pod.tolerations, taint);
  });
}

bool MatchesAffinity(const kube::Pod& pod, const kube::Node& node) {
  for (const auto& [key, value] : pod.node_selector) {
    const std::string* actual = kube::Find(node.metadata.labels, key);
    if (actual == nullptr || *actual != value) return false;
  }
  return !pod.required_node_affinity ||
         kube::Matches(*pod.required_node_affinity, node.metadata.labels, node.metadata.name);
}

namespace {

Reasons NodeUnschedulable(const Cycle& cycle, const NodeInfo& info) {
  if (!info.node->unschedulable) return {};
  const kube::Taint taint{"node.kubernetes.io/unschedulable", "", kube::TaintEffect::kNoSchedule};
  if (kube::ToleratesAny(cycle.pod.tolerations, taint)) return {};
  return {"node(s) were unschedulable"};
}

Reasons TaintToleration(const Cycle& cycle, const NodeInfo& info) {
  if (ToleratesNode(cycle.pod, *info.node)) return {};
  return {"node(s) had untolerated taint(s)"};
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

bool StandsFor(const kube::DeviceClass& device_class, const std::string& resource) {
  return resource == device_class.extended_resource ||
         resource == "deviceclass.resource.kubernetes.io/" + device_class.metadata.name;
}

bool IsOfDevices(const Cycle& cycle, const std::string& resource) {
  const auto& classes = cycle.objects.device_classes;
  return cycle.semantics.device_classes &&
         std::any_of(classes.begin(), classes.end(), [&](const auto& each) { return StandsFor(each, resource); });
}

bool IsLeftToDevices(const Cycle& cycle, const std::string& resource,
                     const std::map<std::string, std::int64_t>& offered) {
  const auto found = offered.find(resource);
  return IsOfDevices(cycle, resource) && (found == offered.end() || found->second <= 0);
}

// DynamicResources.
Reasons NoDevices(const Cycle& cycle, const NodeInfo& info) {
  std::map<std::string, std::int64_t> offered;
  for (const auto& [name, amount] : CapacityOf(*info.node).scalars) offered[std::string(name)] = amount;
  bool any = false, without = false, no_plugin = false;
  for (const auto& [resource, amount] : PendingRequests(cycle.pod, cycle.semantics).scalars) {
    const std::string name(resource);
    if (IsOfDevices(cycle, name)) {
      any = true;
      without = without || IsLeftToDevices(cycle, name, offered);
    } else if (name.starts_with("deviceclass.resource.kubernetes.io/") ||
               (name.find('/') != std::string::npos && name.find("kubernetes.io/") == std::string::npos)) {
      no_plugin = no_plugin || offered.count(name) == 0;
    }
  }
  if (any && no_plugin) return {"cannot fit resource"};
  return any && without && !cycle.has_devices ? Reasons{"cannot allocate all claims"} : Reasons{};
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
  const std::map<std::string, std::int64_t> offered = as_map(CapacityOf(*info.node));
  for (const std::string name : {"cpu", "memory", "ephemeral-storage"}) {
    if (wanted[name] > 0 && wanted[name] > free[name]) reasons.push_back("Insufficient " + name);
    wanted.erase(name);
  }
  for (const auto& [name, amount] : wanted) {
    if (IsIgnored(cycle.profile, name) || IsLeftToDevices(cycle, name, offered)) continue;
    if (amount != 0 && amount > free[name]) reasons.push_back("Insufficient " + name);
  }
  return reasons;
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

NaiveVerdict::Node RunFilters(const Cycle& cycle, NodeInfo info, const PodList& added, bool& fails,
                              const std::set<std::string>& but = {}) {
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
      {"DynamicResources", [&] { return NoDevices(cycle, grown); }},
  };
  const auto& first = cycle.profile.filter.enabled;
  std::stable_sort(filters.begin(), filters.end(), [&](const auto& a, const auto& b) {
    return std::find(first.begin(), first.end(), a.first) < std::find(first.begin(), first.end(), b.first);
  });
  for (const auto& [name, filter] : filters) {
    if (IsOff(cycle.profile, name) || but.count(name) != 0) continue;
    if (Reasons reasons = filter(); !reasons.empty()) return {name, std::move(reasons)};
  }
  return {};
}

kube::Node InOrder(kube::Node node) {
  static const std::set<std::string> kStates = {"node.kubernetes.io/not-ready",
                                                "node.kubernetes.io/unreachable",
                                                "node.kubernetes.io/unschedulable",
                                                "node.kubernetes.io/memory-pressure",
                                                "node.kubernetes.io/disk-pressure",
                                                "node.kubernetes.io/pid-pressure",
                                                "node.kubernetes.io/out-of-service",
                                                "node.kubernetes.io/network-unavailable",
                                                "node.cloudprovider.kubernetes.io/uninitialized"};
  std::erase_if(node.taints, [&](const kube::Taint& taint) { return kStates.count(taint.key) != 0; });
  node.unschedulable = false;
  return node;
}

bool IsLost(const Cycle& cycle, const NodeInfo& info) {
  const kube::Node in_order = InOrder(*info.node);
  const NodeInfo healed{&in_order, info.pods};
  const bool tainted = !IsOff(cycle.profile, "TaintToleration") && !TaintToleration(cycle, info).empty();
  const bool cordoned = !IsOff(cycle.profile, "NodeUnschedulable") && !NodeUnschedulable(cycle, info).empty();
  bool fails = false;
  return (tainted || cordoned) &&
         RunFilters(cycle, healed, {}, fails, {"NodeResourcesFit", "DynamicResources"}).filter.empty() && !fails;
}

Cycle WithDevices(Cycle cycle) {
  cycle.has_devices = true;
  return cycle;
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
  verdict.undecidable = profile == nullptr;
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
  const Cycle with_devices = WithDevices(cycle);
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
      const bool queued = !other.is_bound() && !other.is_terminal() && !other.has_scheduling_gates &&
                          !other.is_terminating() && ProfileOf(objects, other) != nullptr;
      const bool ahead = queued && other.nominated_node_name == name && other.priority >= pod.priority &&
                         other.metadata.uid != pod.metadata.uid;
      if (ahead) added.push_back(&other);
    }
    bool fails = false, ignored = false;
    const auto takes_with_devices = [&](const PodList& with) {
      return RunFilters(with_devices, info, with, ignored).filter.empty();
    };
    verdict.nodes[name] = RunFilters(cycle, info, added, fails);
    if (verdict.nodes[name].filter.empty() && !added.empty()) {
      verdict.nodes[name] = RunFilters(cycle, info, {}, fails);
    }
    if (!verdict.nodes[name].filter.empty() && takes_with_devices(added) && takes_with_devices({})) {
      verdict.doubtful.insert(name);
    }
    // A failure on a nominated node that PreFilter left out is logged and forgotten.
    if (fails && left_out) verdict.nodes[name] = absent;
    verdict.fails = verdict.fails || (fails && !left_out);
    if (!left_out && IsLost(cycle, info)) verdict.lost.insert(name);
  }
  verdict.undecidable = verdict.feasible_anywhere() ? IsAskedAbout(objects, pod) : !verdict.doubtful.empty();
  return verdict;
}

}  // namespace spillway::sim::testing
