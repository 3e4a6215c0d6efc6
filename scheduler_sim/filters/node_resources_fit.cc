#include "scheduler_sim/filters/node_resources_fit.h"

#include <bit>

#include "scheduler_sim/model/column_scan.h"

namespace spillway::sim {
namespace {

struct Demand {
  std::string_view resource;
  const std::vector<std::int64_t>* free;  // nullptr: no node has any
  std::int64_t amount = 0;
};

constexpr std::string_view kPods = "pods";

// What the Pod asks for, in upstream's order; never empty.
std::vector<Demand> DemandsOf(const Question& question) {
  const Footprint& footprint = question.model.footprint(question.pod.footprint);
  const Usage& usage = question.usage;
  std::vector<Demand> demands;
  demands.reserve(4 + footprint.scalars.size());
  demands.push_back({kPods, &usage.free_pods, 1});
  if (footprint.milli_cpu > 0) demands.push_back({"cpu", &usage.free_milli_cpu, footprint.milli_cpu});
  if (footprint.memory > 0) demands.push_back({"memory", &usage.free_memory, footprint.memory});
  if (footprint.ephemeral_storage > 0) {
    demands.push_back({"ephemeral-storage", &usage.free_ephemeral_storage, footprint.ephemeral_storage});
  }
  for (const auto& [resource, amount] : footprint.scalars) {
    demands.push_back({question.model.resource_name(resource), usage.Scalar(resource), amount});
  }
  return demands;
}

std::string ReasonFor(const Demand& demand) {
  return demand.resource == kPods ? "Too many pods" : "Insufficient " + std::string(demand.resource);
}

bool IsShort(const Demand& demand, NodeIndex node) {
  return demand.amount > (demand.free == nullptr ? 0 : (*demand.free)[node.value()]);
}

}  // namespace

void NodeResourcesFit::Narrow(const Question& question, NodeSet& alive, Tally& tally) const {
  const std::vector<Demand> demands = DemandsOf(question);
  NodeSet rejected;
  for (const Demand& demand : demands) {
    const std::int64_t count = demand.free == nullptr
                                   ? (demand.amount > 0 ? (rejected.UniteWith(alive), alive.Count()) : 0)
                                   : CollectShort(*demand.free, demand.amount, alive, rejected);
    if (count == 0) continue;
    tally.Add(ReasonFor(demand), count);
    tally.NoteShortage();
  }
  alive.Subtract(rejected);
}

bool NodeResourcesFit::Admits(const Question& question, NodeIndex node) const {
  const Footprint& footprint = question.model.footprint(question.pod.footprint);
  const Usage& usage = question.usage;
  const std::size_t i = node.value();
  if (usage.free_pods[i] < 1) return false;
  if (footprint.milli_cpu > 0 && footprint.milli_cpu > usage.free_milli_cpu[i]) return false;
  if (footprint.memory > 0 && footprint.memory > usage.free_memory[i]) return false;
  if (footprint.ephemeral_storage > 0 && footprint.ephemeral_storage > usage.free_ephemeral_storage[i]) return false;
  for (const auto& [resource, amount] : footprint.scalars) {
    if (amount > usage.FreeScalar(resource, node)) return false;
  }
  return true;
}

std::vector<std::string> NodeResourcesFit::Explain(const Question& question, NodeIndex node) const {
  std::vector<std::string> reasons;
  for (const Demand& demand : DemandsOf(question)) {
    if (IsShort(demand, node)) reasons.push_back(ReasonFor(demand));
  }
  return reasons;
}

}  // namespace spillway::sim
