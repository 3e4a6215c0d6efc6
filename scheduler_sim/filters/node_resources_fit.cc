#include "scheduler_sim/filters/node_resources_fit.h"

#include <fmt/core.h>

#include <algorithm>
#include <bit>

#include "scheduler_sim/model/column_scan.h"
#include "scheduler_sim/wording.h"

namespace spillway::sim {
namespace {

struct Demand {
  std::string_view resource;
  const std::vector<std::int64_t>* free;  // nullptr: no node has any
  std::int64_t amount = 0;
  ResourceId may_be_devices = {};  // valid: nodes that offer none are DynamicResources' business

  std::int64_t FreeOn(NodeIndex node) const { return free == nullptr ? 0 : (*free)[node.value()]; }
};

constexpr std::string_view kPodPlaces = "pods";

// What the Pod asks for, in upstream's order; never empty.
std::vector<Demand> DemandsOf(const Question& question) {
  const Footprint& footprint = question.model.footprint(question.pod.footprint);
  const Usage& usage = question.usage;
  std::vector<Demand> demands;
  demands.reserve(4 + footprint.scalars.size());
  demands.push_back({kPodPlaces, &usage.free_pods, 1});
  if (footprint.milli_cpu > 0) demands.push_back({"cpu", &usage.free_milli_cpu, footprint.milli_cpu});
  if (footprint.memory > 0) demands.push_back({"memory", &usage.free_memory, footprint.memory});
  if (footprint.ephemeral_storage > 0) {
    demands.push_back({"ephemeral-storage", &usage.free_ephemeral_storage, footprint.ephemeral_storage});
  }
  for (const auto& [resource, amount] : footprint.scalars) {
    const std::string_view name = question.model.resource_name(resource);
    if (question.profile().Ignores(name)) continue;
    demands.push_back({name, usage.Scalar(resource), amount});
    if (question.model.MayBeDevices(resource)) demands.back().may_be_devices = resource;
  }
  return demands;
}

std::string ReasonFor(const Demand& demand) {
  return demand.resource == kPodPlaces ? "Too many pods" : "Insufficient " + std::string(demand.resource);
}

bool Concerns(const Demand& demand, const NodeRecord& node) {
  return !demand.may_be_devices.valid() || node.Offers(demand.may_be_devices);
}

bool IsShort(const Question& question, const Demand& demand, NodeIndex node) {
  return demand.amount > demand.FreeOn(node) && Concerns(demand, question.model.node(node));
}

// Nodes that are short of it go to `rejected`; how many.
std::int64_t Reject(const Question& question, const Demand& demand, const NodeSet& among, NodeSet& rejected) {
  if (demand.may_be_devices.valid()) {
    std::int64_t count = 0;
    among.ForEach([&](NodeIndex node) {
      if (!IsShort(question, demand, node)) return;
      rejected.Add(node);
      ++count;
    });
    return count;
  }
  if (demand.free != nullptr) return CollectShort(*demand.free, demand.amount, among, rejected);
  if (demand.amount <= 0) return 0;
  rejected.UniteWith(among);
  return among.Count();
}

std::int64_t AllocatableOf(const Cluster::Model& model, const NodeRecord& node, std::string_view resource) {
  if (resource == kPodPlaces) return node.pods;
  if (resource == "cpu") return node.milli_cpu;
  if (resource == "memory") return node.memory;
  if (resource == "ephemeral-storage") return node.ephemeral_storage;
  for (const auto& [id, amount] : node.scalars) {
    if (model.resource_name(id) == resource) return amount;
  }
  return 0;
}

__extension__ using Wide = __int128;

// Of what is asked for, per mille that is missing.
std::int64_t MissingShare(const Shortage& of) {
  const Wide share = (Wide{of.requested} - of.free) * 1000 / std::max<std::int64_t>(of.requested, 1);
  return static_cast<std::int64_t>(std::min<Wide>(share, INT64_MAX / 64));
}

std::string DetailOf(const Shortage& of) {
  const auto text = [&](std::int64_t amount) { return AmountText(of.resource, amount); };
  if (of.resource == kPodPlaces) return fmt::format("its {} places for Pods are taken", of.allocatable);
  const std::int64_t used = Minus(of.allocatable, of.free);
  return fmt::format("{} requested, {} of {} free, {} used by {}", text(of.requested),
                     text(std::max<std::int64_t>(of.free, 0)), text(of.allocatable), text(used), PodsText(of.pods));
}

std::string RemedyFor(const Shortage& of) {
  if (of.requested > of.allocatable) {
    return of.resource == kPodPlaces
               ? "let it take Pods"
               : fmt::format("give it {} {} in all",
                             AtLeastText(of.resource, Plus(of.requested, Minus(of.allocatable, of.free))), of.resource);
  }
  const std::int64_t missing = Minus(of.requested, of.free);
  if (of.resource == kPodPlaces) return fmt::format("take {} off it", PodsText(missing));
  return fmt::format("free {} {}", AtLeastText(of.resource, missing), of.resource);
}

}  // namespace

void NodeResourcesFit::Narrow(const Question& question, NodeSet& alive, Tally& tally) const {
  const std::vector<Demand> demands = DemandsOf(question);
  NodeSet rejected;
  for (const Demand& demand : demands) {
    const std::int64_t count = Reject(question, demand, alive, rejected);
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
    if (amount <= usage.FreeScalar(resource, node)) continue;
    if (question.profile().Ignores(question.model.resource_name(resource))) continue;
    if (!question.model.MayBeDevices(resource) || question.model.node(node).Offers(resource)) return false;
  }
  return true;
}

std::vector<std::string> NodeResourcesFit::Explain(const Question& question, NodeIndex node) const {
  std::vector<std::string> reasons;
  for (const Demand& demand : DemandsOf(question)) {
    if (IsShort(question, demand, node)) reasons.push_back(ReasonFor(demand));
  }
  return reasons;
}

std::vector<Objection> NodeResourcesFit::Object(const Question& question, NodeIndex index) const {
  const NodeRecord& node = question.model.node(index);
  std::vector<Objection> objections;
  for (const Demand& demand : DemandsOf(question)) {
    if (!IsShort(question, demand, index)) continue;
    const Shortage shortage{.resource = std::string(demand.resource),
                            .requested = demand.amount,
                            .allocatable = AllocatableOf(question.model, node, demand.resource),
                            .free = demand.FreeOn(index),
                            .pods = Minus(node.pods, question.usage.free_pods[index.value()])};
    objections.push_back({.reason = ReasonFor(demand),
                          .subject = shortage.resource,
                          .detail = DetailOf(shortage),
                          .remedy = RemedyFor(shortage),
                          .distance = MissingShare(shortage),
                          .shortage = shortage});
  }
  return objections;
}

}  // namespace spillway::sim
