#include "scheduler_sim/testing/scenario_fields.h"

#include <algorithm>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "kube/api/capabilities.h"

namespace spillway::sim::testing {
namespace {

using kube::LabelRequirement;

// "key<separator>rest"; the rest is empty without a separator.
std::pair<std::string, std::string> Cut(const std::string& text, char separator) {
  const std::size_t at = text.find(separator);
  return at == std::string::npos ? std::pair(text, std::string()) : std::pair(text.substr(0, at), text.substr(at + 1));
}

std::vector<std::string> Split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, separator);) parts.push_back(part);
  return parts;
}

template <typename Map, typename Value>
void Put(Map& map, std::string key, Value value) {
  const auto at = std::lower_bound(map.begin(), map.end(), key,
                                   [](const auto& entry, const std::string& k) { return entry.first < k; });
  if (at != map.end() && at->first == key) {
    at->second = std::move(value);
  } else {
    map.insert(at, {std::move(key), std::move(value)});
  }
}

std::string ResourceName(const std::string& name) {
  if (name == "mem") return "memory";
  return name == "eph" ? "ephemeral-storage" : name;
}

bool IsResource(const std::string& name) {
  return name == "cpu" || name == "mem" || name == "memory" || name == "eph" || name == "pods" ||
         name == "ephemeral-storage" || name.starts_with("hugepages-") || name.find('/') != std::string::npos;
}

kube::Quantity Amount(const std::string& text) {
  const auto amount = kube::Quantity::Parse(text);
  if (!amount) throw std::invalid_argument("\"" + text + "\" is no quantity");
  return *amount;
}

kube::TaintEffect Effect(const std::string& text) {
  if (text.empty()) return kube::TaintEffect::kNone;
  if (text == "NoSchedule") return kube::TaintEffect::kNoSchedule;
  if (text == "PreferNoSchedule") return kube::TaintEffect::kPreferNoSchedule;
  if (text == "NoExecute") return kube::TaintEffect::kNoExecute;
  throw std::invalid_argument("\"" + text + "\" is no taint effect");
}

LabelRequirement Requirement(const std::string& text, LabelRequirement::Operator op) {
  const auto [key, values] = Cut(text, ':');
  return {key, op, Split(values, '|')};
}

kube::NodeSelectorTerm& OnlyTerm(kube::Pod& pod) {
  if (!pod.required_node_affinity) pod.required_node_affinity.emplace();
  if (pod.required_node_affinity->terms.empty()) pod.required_node_affinity->terms.emplace_back();
  return pod.required_node_affinity->terms.front();
}

void AddPort(kube::Pod& pod, const std::string& text) {
  const std::size_t at = text.find('@');
  const auto [number, protocol] = Cut(at == std::string::npos ? text : text.substr(at + 1), '/');
  kube::ContainerPort port;
  port.host_ip = at == std::string::npos ? "" : text.substr(0, at);
  port.protocol = protocol;
  port.host_port = port.container_port = std::stoi(number);
  pod.containers.front().host_ports.push_back(port);
}

void AddInit(kube::Pod& pod, const std::string& text, bool sidecar) {
  kube::Container container;
  container.name = "init-" + std::to_string(pod.init_containers.size());
  container.restart_always = sidecar;
  for (const std::string& request : Split(text, ',')) {
    const auto [name, amount] = Cut(request, ':');
    Put(container.requests, ResourceName(name), Amount(amount));
  }
  pod.init_containers.push_back(std::move(container));
}

void AddToleration(kube::Pod& pod, const std::string& text) {
  kube::Toleration toleration;
  if (text == "all") {
    toleration.op = kube::Toleration::Operator::kExists;
  } else {
    const auto [what, effect] = Cut(text, ':');
    const auto [key, value] = Cut(what, '=');
    toleration.key = key;
    toleration.value = value;
    if (value.empty()) toleration.op = kube::Toleration::Operator::kExists;
    toleration.effect = Effect(effect);
  }
  pod.tolerations.push_back(std::move(toleration));
}

void AddOwner(kube::Pod& pod, const std::string& text) {
  const auto [kind, name] = Cut(text, '/');
  pod.metadata.owner_references.push_back({"apps/v1", kind, name, "uid-of-" + text, true});
}

kube::LabelSelector Selector(const std::string& text) {
  kube::LabelSelector selector;
  selector.match_labels = {Cut(text, '=')};
  return selector;
}

kube::PodAffinityTerm Term(const std::string& text) {
  const auto [topology, label] = Cut(text, ':');
  kube::PodAffinityTerm term;
  term.topology_key = topology == "hostname" ? "kubernetes.io/hostname" : topology;
  term.label_selector = Selector(label);
  return term;
}

kube::TopologySpreadConstraint ConstraintOf(const std::string& text) {
  const auto [topology, rest] = Cut(text, ':');
  kube::TopologySpreadConstraint constraint;
  constraint.topology_key = topology == "hostname" ? "kubernetes.io/hostname" : topology;
  constraint.max_skew = std::stoi(rest);
  constraint.label_selector = Selector(Cut(rest, ':').second);
  return constraint;
}

// Kept as the decoder keeps them: sorted by name, each once.
void Ask(kube::Pod& pod, const std::string& feature, const std::string& field) {
  const auto at = std::lower_bound(pod.features.begin(), pod.features.end(), feature,
                                   [](const kube::PodFeature& each, const auto& name) { return each.name < name; });
  if (at == pod.features.end() || at->name != feature) pod.features.insert(at, {feature, field});
}

void AddVolume(kube::Pod& pod, const std::string& type) {
  kube::Volume volume;
  volume.name = "volume-" + std::to_string(pod.volumes.size());
  volume.type = type;
  if (type == "persistentVolumeClaim") volume.kind = kube::Volume::Kind::kPersistentVolumeClaim;
  if (type == "hostPath") volume.kind = kube::Volume::Kind::kHostPath;
  pod.volumes.push_back(std::move(volume));
}

// What its other attributes ask of whoever runs it.
void AskForFeatures(kube::Pod& pod) {
  if (pod.host_network) Ask(pod, "hostNetwork", "spec.hostNetwork");
  if (!pod.containers.front().host_ports.empty()) Ask(pod, "hostPort", "spec.containers[0].ports[0].hostPort");
  for (std::size_t i = 0; i < pod.volumes.size(); ++i) {
    const std::string& type = pod.volumes[i].type;
    Ask(pod, type, "spec.volumes[" + std::to_string(i) + "]." + type);
  }
}

bool SetFlag(kube::Pod& pod, const std::string& flag) {
  if (flag == "terminating")
    pod.metadata.deletion_timestamp = WallTime();
  else if (flag == "gated")
    pod.has_scheduling_gates = true;
  else if (flag == "never-preempts")
    pod.preempts = false;
  else if (flag == "hostNetwork")
    pod.host_network = true;
  else if (flag == "tried")
    pod.pod_scheduled = kube::PodScheduledCondition{false, "Unschedulable", "", std::nullopt};
  else
    return false;
  return true;
}

bool SetPlace(kube::Pod& pod, const std::string& key, const std::string& value) {
  if (key == "on")
    pod.node_name = value;
  else if (key == "nominated")
    pod.nominated_node_name = value;
  else if (key == "prio")
    pod.priority = std::stoi(value);
  else if (key == "select")
    Put(pod.node_selector, Cut(value, '=').first, Cut(value, '=').second);
  else if (key == "in")
    OnlyTerm(pod).match_expressions.push_back(Requirement(value, LabelRequirement::Operator::kIn));
  else if (key == "not-in")
    OnlyTerm(pod).match_expressions.push_back(Requirement(value, LabelRequirement::Operator::kNotIn));
  else if (key == "pin")
    OnlyTerm(pod).match_fields.push_back({"metadata.name", LabelRequirement::Operator::kIn, {value}});
  else if (key == "tolerate")
    AddToleration(pod, value);
  else
    return false;
  return true;
}

bool SetCompany(kube::Pod& pod, const std::string& key, const std::string& value) {
  if (key == "affinity")
    pod.required_pod_affinity.push_back(Term(value));
  else if (key == "anti")
    pod.required_pod_anti_affinity.push_back(Term(value));
  else if (key == "spread")
    pod.topology_spread.push_back(ConstraintOf(value));
  else
    return false;
  return true;
}

bool SetRest(kube::Pod& pod, const std::string& key, const std::string& value) {
  if (key == "ns")
    pod.metadata.ns = value;
  else if (key == "scheduler")
    pod.scheduler_name = value;
  else if (key == "label")
    Put(pod.metadata.labels, Cut(value, '=').first, Cut(value, '=').second);
  else if (key == "annotation")
    Put(pod.metadata.annotations, Cut(value, '=').first, Cut(value, '=').second);
  else if (key == "owner")
    AddOwner(pod, value);
  else if (key == "port")
    AddPort(pod, value);
  else if (key == "init")
    AddInit(pod, value, false);
  else if (key == "sidecar")
    AddInit(pod, value, true);
  else if (key == "overhead")
    Put(pod.overhead, ResourceName(Cut(value, ':').first), Amount(Cut(value, ':').second));
  else if (key == "volume")
    AddVolume(pod, value);
  else if (key == "needs")
    Ask(pod, value, "spec." + value);
  else if (key == "phase")
    pod.phase = value == "Succeeded" ? kube::PodPhase::kSucceeded : kube::PodPhase::kFailed;
  else
    return false;
  return true;
}

}  // namespace

kube::Node MakeNode(const std::string& name, bool is_virtual, const std::vector<std::string>& fields) {
  kube::Node node;
  node.metadata.name = node.metadata.uid = name;
  node.ready = true;
  Put(node.metadata.labels, "kubernetes.io/hostname", name);
  Put(node.allocatable, "cpu", Amount("64"));
  Put(node.allocatable, "memory", Amount("256Gi"));
  Put(node.allocatable, "pods", Amount("110"));
  if (is_virtual) {
    Put(node.metadata.labels, "type", std::string("virtual-kubelet"));
    node.taints.push_back({"virtual-kubelet.io/provider", "test", kube::TaintEffect::kNoSchedule});
  }
  for (const std::string& field : fields) {
    const auto [key, value] = Cut(field, '=');
    if (key == "taint") {
      const auto [what, effect] = Cut(value, ':');
      node.taints.push_back({Cut(what, '=').first, Cut(what, '=').second, Effect(effect)});
    } else if (key == "label") {
      Put(node.metadata.labels, Cut(value, '=').first, Cut(value, '=').second);
    } else if (key == "can") {
      Put(node.metadata.annotations, std::string(kube::kCapabilitiesAnnotation), value);
    } else if (key == "largest") {
      Put(node.metadata.annotations, std::string(kube::kLargestInstancesAnnotation), value);
    } else if (key == "cordoned") {
      node.unschedulable = true;
    } else if (key == "not-ready") {
      node.ready = false;
    } else if (key == "cloud-unreachable") {
      node.cloud_unreachable = true;
    } else if (IsResource(key)) {
      Put(node.allocatable, ResourceName(key), Amount(value));
    } else {
      throw std::invalid_argument("a node has no attribute \"" + key + "\"");
    }
  }
  return node;
}

kube::Pod MakePod(const std::string& name, const std::vector<std::string>& fields) {
  kube::Pod pod;
  pod.metadata.ns = "default";
  pod.metadata.name = pod.metadata.uid = name;
  pod.scheduler_name = "default-scheduler";
  pod.containers.emplace_back().name = "main";
  for (const std::string& field : fields) {
    const auto [key, value] = Cut(field, '=');
    if (SetFlag(pod, key) || SetPlace(pod, key, value) || SetCompany(pod, key, value) || SetRest(pod, key, value))
      continue;
    if (!IsResource(key)) throw std::invalid_argument("a Pod has no attribute \"" + key + "\"");
    Put(pod.containers.front().requests, ResourceName(key), Amount(value));
  }
  AskForFeatures(pod);
  return pod;
}

}  // namespace spillway::sim::testing
