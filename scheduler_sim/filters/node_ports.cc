#include "scheduler_sim/filters/node_ports.h"

namespace spillway::sim {
namespace {

constexpr std::string_view kReason = "node(s) didn't have free ports for the requested pod ports";
constexpr std::string_view kAnyAddress = "0.0.0.0";

// Calls each(taken) with the set of nodes for every port in use that conflicts with one of the Pod's.
template <typename Each>
void ForEachConflict(const Question& question, Each&& each) {
  for (const PortId wanted_id : question.model.footprint(question.pod.footprint).ports) {
    const HostPort& wanted = question.model.ports[wanted_id.value()];
    const auto group = question.model.ports_by_number.find(Cluster::Model::PortNumberKey(wanted));
    for (const PortId other_id : group->second) {
      const HostPort& other = question.model.ports[other_id.value()];
      const bool conflict = wanted.ip == other.ip || wanted.ip == kAnyAddress || other.ip == kAnyAddress;
      const NodeSet* taken = conflict ? question.usage.PortTaken(other_id) : nullptr;
      if (taken != nullptr) each(*taken);
    }
  }
}

}  // namespace

void NodePorts::Narrow(const Question& question, NodeSet& alive, Tally& tally) const {
  std::int64_t rejected = 0;
  ForEachConflict(question, [&](const NodeSet& taken) { rejected += alive.Subtract(taken); });
  tally.Add(kReason, rejected);
}

bool NodePorts::Admits(const Question& question, NodeIndex node) const {
  bool free = true;
  ForEachConflict(question, [&](const NodeSet& taken) { free = free && !taken.Has(node); });
  return free;
}

std::vector<std::string> NodePorts::Explain(const Question&, NodeIndex) const { return {std::string(kReason)}; }

}  // namespace spillway::sim
