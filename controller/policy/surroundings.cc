#include "controller/policy/surroundings.h"

#include <utility>

#include "controller/policy/pod_annotations.h"
#include "kube/api/prices.h"

namespace spillway::controller {
namespace {

kube::StringMap PricesOf(const kube::Node& node) {
  kube::StringMap prices;
  for (const std::string_view key : {kube::kPricePerCpu, kube::kPricePerGib}) {
    if (const std::string* value = kube::Find(node.metadata.annotations, key)) prices.emplace_back(key, *value);
  }
  return prices;
}

// A decision without a node is that of a gate: it was lifted with the labels of virtual nodes as nodeSelector, and
// kube-scheduler chose one of them.
bool IsSentByUs(const kube::Pod& pod, const std::string& node) {
  const std::string* bound_to = kube::Find(pod.metadata.annotations, kBoundTo);
  if (bound_to == nullptr) return kube::Find(pod.metadata.annotations, kDecisionId) != nullptr;
  return *bound_to == node;
}

}  // namespace

Amounts AmountsOf(const sim::Cluster& cluster, sim::PodIndex pod) {
  const sim::Cluster::Requests requests = cluster.requests_of(pod);
  return {.pods = 1, .milli_cpu = requests.milli_cpu, .memory = requests.memory};
}

bool Surroundings::SetAutoScale(std::optional<std::string> value) { return std::exchange(auto_scale_, value) != value; }

std::optional<kube::Price> Surroundings::PriceOfNode(const VirtualNode& node) const {
  kube::Node priced;
  priced.metadata.labels = node.labels;
  priced.metadata.annotations = node.prices;
  return PriceOf(priced, limits_);
}

bool Surroundings::Upsert(const kube::Node& node, sim::NodeRole role) {
  if (role == sim::NodeRole::kReal) {
    virtual_nodes_.erase(node.metadata.uid);
    ledger_.SetReal(node.metadata.name);
    replicas_.SetReal(node.metadata.name, node.metadata.uid);
    return false;
  }
  replicas_.SetVirtual(node.metadata.name);
  virtual_nodes_[node.metadata.uid] = {node.metadata.name, node.metadata.labels, PricesOf(node)};
  const std::uint64_t before = ledger_.relaxations();
  ledger_.SetVirtual(node.metadata.name, PriceOfNode(virtual_nodes_[node.metadata.uid]));
  return ledger_.relaxations() != before;
}

bool Surroundings::RemoveNode(std::string_view uid) {
  replicas_.RemoveNode(uid);
  const auto known = virtual_nodes_.find(uid);
  if (known == virtual_nodes_.end()) return false;
  ledger_.RemoveNode(known->second.name);
  virtual_nodes_.erase(known);
  return true;
}

void Surroundings::Price(const Limits& limits) {
  limits_ = limits;
  for (const auto& [uid, node] : virtual_nodes_) ledger_.SetVirtual(node.name, PriceOfNode(node));
}

void Surroundings::AutoscalerSays(const std::string& pod_uid, bool brings_a_node) {
  if (brings_a_node) {
    no_node_for_.erase(pod_uid);
  } else {
    no_node_for_.insert(pod_uid);
  }
}

std::set<std::string> Surroundings::AvoidedBy(const kube::Pod& pod) const {
  const kube::OwnerReference* owner = fail_overs_.empty() ? nullptr : pod.metadata.Controller();
  return owner == nullptr ? std::set<std::string>() : fail_overs_.NodesOf(owner->uid);
}

void Surroundings::RemovePod(std::string_view uid) {
  ledger_.Remove(uid);
  groups_.Remove(uid);
  replicas_.Remove(uid);
}

void Surroundings::Wait(const kube::Pod& pod, bool in_turn) {
  groups_.Put(pod, GroupBook::Where::kPending);
  replicas_.Wait(pod, in_turn);
}

void Surroundings::Place(const sim::Cluster& cluster, const kube::Pod& pod, const std::string& node) {
  const std::string& uid = pod.metadata.uid;
  const auto known = cluster.FindNode(node);
  const bool is_real = known && cluster.node(*known).role == sim::NodeRole::kReal;
  groups_.Put(pod, is_real ? GroupBook::Where::kReal : GroupBook::Where::kVirtual);
  replicas_.Place(pod, node);
  const auto index = cluster.FindPod(uid);
  if (!known && IsSentByUs(pod, node)) ledger_.PresumeVirtual(node);
  if (is_real || !index || pod.metadata.IsOwnedBy("DaemonSet")) {
    ledger_.Remove(uid);
  } else {
    ledger_.Put(uid, pod.metadata.ns, node, AmountsOf(cluster, *index));
  }
}

}  // namespace spillway::controller
