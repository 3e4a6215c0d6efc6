#include <algorithm>
#include <memory>

#include "kube/api/selector.h"
#include "scheduler_sim/model/model.h"
#include "scheduler_sim/model/storage_edit.h"

namespace spillway::sim {
namespace {

std::string TextOf(const kube::Node& node, std::string_view annotation) {
  const std::string* text = kube::Find(node.metadata.annotations, annotation);
  return text == nullptr ? std::string() : *text;
}

bool IsSame(const VirtualOffer& offer, const kube::Node& node) {
  return offer.foreign == (kube::Find(node.metadata.annotations, kube::kCapabilitiesAnnotation) == nullptr) &&
         offer.capabilities_text == TextOf(node, kube::kCapabilitiesAnnotation) &&
         offer.largest_text == TextOf(node, kube::kLargestInstancesAnnotation);
}

VirtualOffer OfferOf(const kube::Node& node, const kube::Capabilities& foreign) {
  VirtualOffer offer{.capabilities_text = TextOf(node, kube::kCapabilitiesAnnotation),
                     .largest_text = TextOf(node, kube::kLargestInstancesAnnotation),
                     .foreign = kube::Find(node.metadata.annotations, kube::kCapabilitiesAnnotation) == nullptr,
                     .capabilities = {},
                     .largest = {},
                     .unreadable = {}};
  offer.capabilities = offer.foreign ? foreign : kube::Capabilities::Parse(offer.capabilities_text);
  auto largest = kube::ParseLargestInstances(offer.largest_text);
  if (largest) {
    offer.largest = *std::move(largest);
  } else {
    offer.unreadable = largest.error().message;
  }
  return offer;
}

}  // namespace

Cluster::Model::Model(ClusterOptions given)
    : options(std::move(given)), semantics(Semantics::Of(options.minor_version)) {
  for (const SchedulerProfile& profile : options.scheduler.profiles) AddProfile(profile);
  if (profiles.empty()) AddProfile({});
}

bool NodeRecord::Offers(ResourceId resource) const {
  return std::any_of(scalars.begin(), scalars.end(),
                     [&](const auto& scalar) { return scalar.first == resource && scalar.second > 0; });
}

bool NodeRecord::Declares(ResourceId resource) const {
  return std::any_of(scalars.begin(), scalars.end(), [&](const auto& scalar) { return scalar.first == resource; });
}

NodeIndex Cluster::Model::AcquireNodeName(std::string_view name) {
  std::optional<NodeIndex> known = names.Find(name);
  if (!known) {
    if (free_nodes.empty()) {
      known = NodeIndex(static_cast<std::uint32_t>(nodes.size()));
      nodes.emplace_back();
      usage.Resize(nodes.size());
    } else {
      known = free_nodes.back();
      free_nodes.pop_back();
    }
    nodes[known->value()].name = name;
    const NameOrder::Inserted inserted = names.Insert(name, *known);
    nodes[known->value()].rank = inserted.rank;
    if (inserted.renumbered) {
      names.ForEach([&](NodeIndex index, std::uint64_t rank) { nodes[index.value()].rank = rank; });
    }
  }
  ++nodes[known->value()].references;
  return *known;
}

void Cluster::Model::ReleaseNodeName(NodeIndex index) {
  NodeRecord& node = nodes[index.value()];
  if (--node.references != 0) return;
  names.Erase(node.name);
  node = NodeRecord();
  free_nodes.push_back(index);
}

void Cluster::Model::UpsertNode(const kube::Node& given) {
  const NodeIndex index = AcquireNodeName(given.metadata.name);
  NodeRecord& node = nodes[index.value()];
  const bool is_new = !node.exists;
  const NodeRole role =
      kube::Matches(options.virtual_nodes, given.metadata.labels) ? NodeRole::kVirtual : NodeRole::kReal;
  const bool labels_changed = is_new || node.labels != given.metadata.labels;
  const bool taints_changed = is_new || node.taints != given.taints;
  const bool offer_changed = role == NodeRole::kVirtual ? !node.offer || !IsSame(*node.offer, given) : !!node.offer;

  const NodeCapacity capacity = CapacityOf(given);
  const auto same_scalars = [&] {
    return std::equal(
        node.scalars.begin(), node.scalars.end(), capacity.scalars.begin(), capacity.scalars.end(),
        [&](const auto& a, const auto& b) { return resource_name(a.first) == b.first && a.second == b.second; });
  };
  const bool capacity_changed = is_new || node.milli_cpu != capacity.milli_cpu || node.memory != capacity.memory ||
                                node.ephemeral_storage != capacity.ephemeral_storage || node.pods != capacity.pods ||
                                !same_scalars();
  const bool changed = labels_changed || taints_changed || capacity_changed || node.ready != given.ready ||
                       node.unschedulable != given.unschedulable || node.cloud_unreachable != given.cloud_unreachable ||
                       node.declared_features != given.declared_features || offer_changed;
  const std::string& uid = given.metadata.uid.empty() ? given.metadata.name : given.metadata.uid;
  if (!is_new) ReleaseNodeName(index);  // an existing object holds one reference already
  if (node.uid != uid) {
    if (!is_new) nodes_by_uid.erase(node.uid);
    node.uid = uid;
    nodes_by_uid[uid] = index;
  }
  if (!changed) return;

  const bool moves = is_new || ((labels_changed || taints_changed) && Moves(node, given.metadata.labels));
  if (moves) LeaveTopologies(index);
  const bool counts_change = is_new || node.role != role;
  if (counts_change && !is_new) Recount(index, -1);
  node.exists = true;
  node.role = role;
  node.ready = given.ready;
  node.unschedulable = given.unschedulable;
  node.cloud_unreachable = given.cloud_unreachable;
  node.labels = given.metadata.labels;
  node.taints = given.taints;
  node.declared_features = given.declared_features;
  if (offer_changed) {
    node.offer = role == NodeRole::kVirtual
                     ? std::make_shared<const VirtualOffer>(OfferOf(given, options.foreign_capabilities))
                     : nullptr;
  }
  if (capacity_changed) SetCapacity(index, capacity);
  if (counts_change) Recount(index, 1);

  all.Add(index);
  real.Put(index, role == NodeRole::kReal);
  cordoned.Put(index, node.unschedulable);
  JudgeRules(index, labels_changed, taints_changed);
  if (labels_changed) StorageEdit(*this).JudgeLabels(index);
  if (moves) EnterTopologies(index);
  loosened_nodes.Add(index);
  ++generation;
  ++relaxations;
}

bool Cluster::Model::Moves(const NodeRecord& node, const kube::StringMap& labels) const {
  for (std::uint32_t id = 0; id < topologies.end(); ++id) {
    if (!topologies.live(id)) continue;
    const std::string* before = kube::Find(node.labels, topologies.key(id));
    const std::string* after = kube::Find(labels, topologies.key(id));
    if ((before == nullptr) != (after == nullptr) || (before != nullptr && *before != *after)) return true;
  }
  return std::any_of(spread_counters.begin(), spread_counters.end(), [&](CounterId id) {
    const Counter& counter = counters[id.value()];
    return counter.rule.valid() || counter.tolerations.valid();
  });
}

void Cluster::Model::RemoveNode(std::string_view uid) {
  const auto found = nodes_by_uid.find(std::string(uid));
  if (found == nodes_by_uid.end()) return;
  const NodeIndex index = found->second;
  nodes_by_uid.erase(found);
  NodeRecord& node = nodes[index.value()];
  LeaveTopologies(index);
  Recount(index, -1);
  ClearCapacity(index);
  node.exists = false;
  node.uid.clear();
  node.offer.reset();
  node.labels.clear();
  node.taints.clear();
  all.Remove(index);
  real.Remove(index);
  cordoned.Remove(index);
  loosened_nodes.Add(index);
  ReleaseNodeName(index);
  ++generation;
  ++relaxations;
}

void Cluster::Model::SetCapacity(NodeIndex index, const NodeCapacity& capacity) {
  ClearCapacity(index);
  NodeRecord& node = nodes[index.value()];
  const std::size_t i = index.value();
  node.milli_cpu = capacity.milli_cpu;
  node.memory = capacity.memory;
  node.ephemeral_storage = capacity.ephemeral_storage;
  node.pods = capacity.pods;
  usage.free_milli_cpu[i] = Plus(usage.free_milli_cpu[i], node.milli_cpu);
  usage.free_memory[i] = Plus(usage.free_memory[i], node.memory);
  usage.free_ephemeral_storage[i] = Plus(usage.free_ephemeral_storage[i], node.ephemeral_storage);
  usage.free_pods[i] = Plus(usage.free_pods[i], node.pods);
  for (const auto& [name, amount] : capacity.scalars) {
    const ResourceId resource = AcquireResource(name);
    node.scalars.emplace_back(resource, amount);
    usage.AddScalar(resource, index, amount);
  }
}

void Cluster::Model::ClearCapacity(NodeIndex index) {
  NodeRecord& node = nodes[index.value()];
  const std::size_t i = index.value();
  ++usage.version[i];
  usage.free_milli_cpu[i] = Minus(usage.free_milli_cpu[i], node.milli_cpu);
  usage.free_memory[i] = Minus(usage.free_memory[i], node.memory);
  usage.free_ephemeral_storage[i] = Minus(usage.free_ephemeral_storage[i], node.ephemeral_storage);
  usage.free_pods[i] = Minus(usage.free_pods[i], node.pods);
  node.milli_cpu = node.memory = node.ephemeral_storage = node.pods = 0;
  for (const auto& [resource, amount] : node.scalars) {
    usage.AddScalar(resource, index, Minus(0, amount));
    Release(resource);
  }
  node.scalars.clear();
}

void Cluster::Model::Recount(NodeIndex index, int sign) {
  for (PodIndex pod = nodes[index.value()].first_pod; pod.valid(); pod = pods[pod.value()].next_on_node) {
    CountOnNode(pods[pod.value()], sign);
  }
}

void Cluster::Model::CountOnNode(const PodRecord& pod, int sign) {
  const NodeRecord& node = nodes[pod.node.value()];
  if (!node.exists) return;
  if (node.role == NodeRole::kReal) {
    std::int64_t& count = real_priorities[pod.priority];
    if ((count += sign) == 0) real_priorities.erase(pod.priority);
  } else if (pod.owner.valid()) {
    const std::uint64_t key = OwnerKey(pod.owner, pod.node);
    std::uint32_t& count = owners_on_virtual[key];
    count = static_cast<std::uint32_t>(count + sign);
    if (count == 0) owners_on_virtual.erase(key);
  }
}

void Cluster::Model::JudgeRules(NodeIndex index, bool labels_changed, bool taints_changed) {
  const NodeRecord& node = nodes[index.value()];
  for (std::uint32_t id = 0; labels_changed && id < rules.end(); ++id) {
    if (rules.live(id) && !rules[id].pinned) rules[id].matches.Put(index, rules[id].Matches(node));
  }
  for (std::uint32_t id = 0; taints_changed && id < tolerations.end(); ++id) {
    if (tolerations.live(id)) tolerations[id].Judge(index, node);
  }
}

}  // namespace spillway::sim
