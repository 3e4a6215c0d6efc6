#include "scheduler_sim/filters/node_ports.h"

#include <fmt/core.h>

#include <algorithm>

namespace spillway::sim {
namespace {

constexpr std::string_view kPortsTaken = "node(s) didn't have free ports for the requested pod ports";
constexpr std::string_view kAnyAddress = "0.0.0.0";

// Calls each(taken, port) with the set of nodes for every port in use that conflicts with one of the Pod's.
template <typename Each>
void ForEachTakenPort(const Question& question, Each&& each) {
  for (const PortId wanted_id : question.model.footprint(question.pod.footprint).ports) {
    const HostPort& wanted = question.model.ports[wanted_id.value()];
    const auto group = question.model.ports_by_number.find(Cluster::Model::PortNumberKey(wanted));
    for (const PortId other_id : group->second) {
      const HostPort& other = question.model.ports[other_id.value()];
      const bool conflict = wanted.ip == other.ip || wanted.ip == kAnyAddress || other.ip == kAnyAddress;
      const NodeSet* taken = conflict ? question.usage.PortTaken(other_id) : nullptr;
      if (taken != nullptr) each(*taken, other_id);
    }
  }
}

std::string PortText(const HostPort& port) {
  return fmt::format("{}{}{}/{}", port.ip == kAnyAddress ? "" : port.ip, port.ip == kAnyAddress ? "" : ":", port.port,
                     port.protocol);
}

std::string UidText(const Cluster::Model& model, Uid uid) {
  if (uid.is_interned()) return std::string(model.odd_uids.key(static_cast<std::uint32_t>(uid.low)));
  return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", uid.high >> 32, uid.high >> 16 & 0xffff, uid.high & 0xffff,
                     uid.low >> 48, uid.low & 0xffffffffffff);
}

// The model knows Pods by UID, namespace and labels only.
std::string HolderText(const Cluster::Model& model, PortId port, NodeIndex node) {
  for (PodIndex pod = model.node(node).first_pod; pod.valid(); pod = model.pod(pod).next_on_node) {
    const PodRecord& record = model.pod(pod);
    const std::vector<PortId>& ports = model.footprint(record.footprint).ports;
    if (std::find(ports.begin(), ports.end(), port) == ports.end()) continue;
    const auto app = model.LabelsOf(record.identity).Find("app");
    return fmt::format("held by a Pod of namespace {}{}{}, uid {}", model.NamespaceOf(record.identity),
                       app ? ", app=" : "", app.value_or(""), UidText(model, record.uid));
  }
  return "held by a Pod that is nominated to this node";
}

}  // namespace

void NodePorts::Narrow(const Question& question, NodeSet& alive, Tally& tally) const {
  std::int64_t rejected = 0;
  ForEachTakenPort(question, [&](const NodeSet& taken, PortId) { rejected += alive.Subtract(taken); });
  tally.Add(kPortsTaken, rejected);
}

bool NodePorts::Admits(const Question& question, NodeIndex node) const {
  bool free = true;
  ForEachTakenPort(question, [&](const NodeSet& taken, PortId) { free = free && !taken.Has(node); });
  return free;
}

std::vector<std::string> NodePorts::Explain(const Question&, NodeIndex) const { return {std::string(kPortsTaken)}; }

std::vector<Objection> NodePorts::Object(const Question& question, NodeIndex node) const {
  std::vector<Objection> objections;
  ForEachTakenPort(question, [&](const NodeSet& taken, PortId port) {
    if (!taken.Has(node)) return;
    const std::string text = PortText(question.model.ports[port.value()]);
    objections.push_back({.reason = std::string(kPortsTaken),
                          .subject = "host port " + text,
                          .detail = fmt::format("host port {} is {}", text, HolderText(question.model, port, node)),
                          .remedy = "free host port " + text});
  });
  return objections;
}

}  // namespace spillway::sim
