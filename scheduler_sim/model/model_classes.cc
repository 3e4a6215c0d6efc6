#include <algorithm>
#include <set>

#include "kube/api/selector.h"
#include "scheduler_sim/model/key.h"
#include "scheduler_sim/model/model.h"
#include "scheduler_sim/model/storage_edit.h"
#include "scheduler_sim/model/terms.h"

namespace spillway::sim {
namespace {

// The nodes that required affinity names outright; nullopt when it leaves the choice open.
//
// Source: kube-scheduler plugins/nodeaffinity PreFilter.
std::optional<std::vector<std::string>> PinnedTo(const kube::NodeSelector& affinity) {
  if (affinity.terms.empty()) return std::nullopt;
  std::set<std::string> names;
  for (const kube::NodeSelectorTerm& term : affinity.terms) {
    std::optional<std::set<std::string>> of_term;
    for (const kube::LabelRequirement& field : term.match_fields) {
      if (field.key != "metadata.name" || field.op != kube::LabelRequirement::Operator::kIn) continue;
      std::set<std::string> values(field.values.begin(), field.values.end());
      if (of_term) std::erase_if(values, [&](const std::string& value) { return !of_term->contains(value); });
      of_term = std::move(values);
    }
    if (!of_term) return std::nullopt;
    names.merge(*of_term);
  }
  return std::vector<std::string>(names.begin(), names.end());
}

}  // namespace

bool NodeRule::Matches(const NodeRecord& node) const {
  for (const auto& [key, value] : selector) {
    const std::string* actual = kube::Find(node.labels, key);
    if (actual == nullptr || *actual != value) return false;
  }
  return !affinity || kube::Matches(*affinity, node.labels, node.name);
}

const kube::Taint* FirstUntolerated(const std::vector<kube::Taint>& taints,
                                    const std::vector<kube::Toleration>& tolerations, Suppose suppose) {
  for (const kube::Taint& taint : taints) {
    if (taint.effect != kube::TaintEffect::kNoSchedule && taint.effect != kube::TaintEffect::kNoExecute) continue;
    if (!kube::ToleratesAny(tolerations, taint) && Stays(taint, suppose)) return &taint;
  }
  return nullptr;
}

void TolerationRule::Judge(NodeIndex index, const NodeRecord& node) {
  for (const Suppose suppose : {Suppose::kNothing, Suppose::kReady, Suppose::kInOrder}) {
    tolerated_if[static_cast<std::size_t>(suppose)].Put(index,
                                                        FirstUntolerated(node.taints, tolerations, suppose) == nullptr);
  }
}

ResourceId Cluster::Model::AcquireResource(std::string_view name) { return ResourceId(resources.Acquire(name).first); }

void Cluster::Model::Release(ResourceId id) {
  if (!resources.Release(id.value())) return;
  resources.Erase(id.value());
  usage.ForgetScalar(id);
}

PortId Cluster::Model::AcquirePort(const kube::ContainerPort& given) {
  const HostPort port{given.host_ip.empty() ? "0.0.0.0" : given.host_ip,
                      given.protocol.empty() ? "TCP" : given.protocol, given.host_port};
  KeyWriter(inner_key_).Text(port.ip).Text(port.protocol).Int(port.port);
  const auto [id, is_new] = ports.Acquire(inner_key_);
  if (is_new) {
    ports[id] = port;
    ports_by_number[PortNumberKey(port)].push_back(PortId(id));
  }
  return PortId(id);
}

void Cluster::Model::Release(PortId id) {
  if (!ports.Release(id.value())) return;
  const auto group = ports_by_number.find(PortNumberKey(ports[id.value()]));
  std::erase(group->second, id);
  if (group->second.empty()) ports_by_number.erase(group);
  ports.Erase(id.value());
}

FootprintId Cluster::Model::AcquireFootprint(const kube::Pod& pod) {
  const PodRequests requests = pod.is_bound() ? PlacedRequests(pod, semantics) : PendingRequests(pod, semantics);
  std::vector<PortId> host_ports;
  const auto add_ports = [&](const kube::Container& container) {
    for (const kube::ContainerPort& port : container.host_ports) {
      if (port.host_port <= 0) continue;
      const PortId id = AcquirePort(port);
      if (std::find(host_ports.begin(), host_ports.end(), id) == host_ports.end()) {
        host_ports.push_back(id);
      } else {
        Release(id);
      }
    }
  };
  for (const kube::Container& container : pod.containers) add_ports(container);
  for (const kube::Container& container : pod.init_containers) {
    if (container.restart_always && semantics.sidecars_have_ports) add_ports(container);
  }
  std::sort(host_ports.begin(), host_ports.end());
  std::vector<CounterId> carried;
  for (const kube::PodAffinityTerm& term : pod.required_pod_anti_affinity) {
    const CounterId id = AcquireCounter({.kind = Counter::Kind::kCarried,
                                         .topology = AcquireTopology(term.topology_key),
                                         .terms = {TermOf(term, pod.metadata.ns)}});
    carried.push_back(id);
  }
  const VolumeUseId volumes = pod.volumes.empty() ? VolumeUseId() : StorageEdit(*this).AcquireUse(pod);

  KeyWriter key(key_);
  key.Int(requests.milli_cpu).Int(requests.memory).Int(requests.ephemeral_storage);
  key.Int(requests.scored_milli_cpu).Int(requests.scored_memory).Size(requests.scalars.size());
  for (const auto& [name, amount] : requests.scalars) key.Text(name).Int(amount);
  key.Size(host_ports.size());
  for (const PortId port : host_ports) key.Size(port.value());
  for (const CounterId counter : carried) key.Size(counter.value());
  if (volumes.valid()) key.Size(CounterId().value()).Size(volumes.value());

  const auto [id, is_new] = footprints.Acquire(key_);
  if (!is_new) {
    for (const PortId port : host_ports) Release(port);
    for (const CounterId counter : carried) Release(counter);
    if (volumes.valid()) StorageEdit(*this).Release(volumes);
    return FootprintId(id);
  }
  Footprint footprint{
      requests.milli_cpu,     requests.memory,       requests.ephemeral_storage, {},     requests.scored_milli_cpu,
      requests.scored_memory, std::move(host_ports), std::move(carried),         volumes};
  for (const auto& [name, amount] : requests.scalars) footprint.scalars.emplace_back(AcquireResource(name), amount);
  footprints[id] = std::move(footprint);
  return FootprintId(id);
}

void Cluster::Model::Release(FootprintId id) {
  if (!footprints.Release(id.value())) return;
  const Footprint footprint = std::move(footprints[id.value()]);
  footprints.Erase(id.value());
  for (const auto& [resource, unused] : footprint.scalars) Release(resource);
  for (const PortId port : footprint.ports) Release(port);
  for (const CounterId counter : footprint.carried) Release(counter);
  if (footprint.volumes.valid()) StorageEdit(*this).Release(footprint.volumes);
}

RuleId Cluster::Model::AcquireRule(const kube::StringMap& selector, const std::optional<kube::NodeSelector>& affinity) {
  if (selector.empty() && !affinity) return {};
  KeyWriter(inner_key_).Map(selector).Nodes(affinity);
  const auto [id, is_new] = rules.Acquire(inner_key_);
  if (is_new) {
    NodeRule& rule = rules[id];
    rule.selector = selector;
    rule.affinity = affinity;
    if (rule.affinity) {
      if (auto names = PinnedTo(*rule.affinity)) {
        rule.pinned = true;
        rule.pinned_to = std::move(*names);
      }
    }
    if (!rule.pinned) all.ForEach([&](NodeIndex node) { rule.matches.Put(node, rule.Matches(nodes[node.value()])); });
  }
  return RuleId(id);
}

void Cluster::Model::Release(RuleId id) {
  if (id.valid() && rules.Release(id.value())) rules.Erase(id.value());
}

TolerationsId Cluster::Model::AcquireTolerations(const kube::Pod& pod) {
  KeyWriter(inner_key_).Tolerations(pod.tolerations);
  const auto [id, is_new] = tolerations.Acquire(inner_key_);
  if (is_new) {
    TolerationRule& rule = tolerations[id];
    rule.tolerations = pod.tolerations;
    rule.tolerates_cordon =
        kube::ToleratesAny(pod.tolerations, {std::string(kCordonTaint), "", kube::TaintEffect::kNoSchedule});
    all.ForEach([&](NodeIndex node) { rule.Judge(node, nodes[node.value()]); });
  }
  return TolerationsId(id);
}

void Cluster::Model::Release(TolerationsId id) {
  if (tolerations.Release(id.value())) tolerations.Erase(id.value());
}

}  // namespace spillway::sim
