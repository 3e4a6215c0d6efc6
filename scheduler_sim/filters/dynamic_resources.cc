#include "scheduler_sim/filters/dynamic_resources.h"

#include <algorithm>

namespace spillway::sim {
namespace {

constexpr std::string_view kNoDevice = "cannot allocate all claims";
constexpr std::string_view kNoPlugin = "cannot fit resource";

using Resources = std::vector<ResourceId>;

// What the Pod asks for that DeviceClasses stand for, and what they might stand for but do not; empty unless it asks
// for some of the former.
struct WantedDevices {
  Resources devices, others;
};

WantedDevices DevicesWantedBy(const Question& question) {
  WantedDevices wanted;
  if (!question.model.has_device_resources()) return wanted;
  for (const auto& [resource, amount] : question.model.footprint(question.pod.footprint).scalars) {
    if (question.model.MayBeDevices(resource)) {
      wanted.devices.push_back(resource);
    } else if (CanBeDevices(question.model.resource_name(resource))) {
      wanted.others.push_back(resource);
    }
  }
  if (wanted.devices.empty()) wanted.others.clear();
  return wanted;
}

// A plugin that offers none of something takes care of it all the same, unless a DeviceClass does.
bool LacksPlugin(const WantedDevices& wanted, const NodeRecord& node) {
  return std::any_of(wanted.others.begin(), wanted.others.end(), [&](ResourceId each) { return !node.Declares(each); });
}

bool LacksDevices(const WantedDevices& wanted, const NodeRecord& node) {
  return std::any_of(wanted.devices.begin(), wanted.devices.end(), [&](ResourceId each) { return !node.Offers(each); });
}

// nullptr when the node is not rejected.
const std::string_view* ReasonFor(const WantedDevices& wanted, const NodeRecord& node) {
  if (LacksPlugin(wanted, node)) return &kNoPlugin;
  return LacksDevices(wanted, node) ? &kNoDevice : nullptr;
}

}  // namespace

void DynamicResources::Narrow(const Question& question, NodeSet& alive, Tally& tally) const {
  const WantedDevices wanted = DevicesWantedBy(question);
  if (wanted.devices.empty()) return;
  alive.ForEach([&](NodeIndex node) {
    const std::string_view* reason = ReasonFor(wanted, question.model.node(node));
    if (reason == nullptr) return;
    tally.Add(*reason, 1);
    alive.Remove(node);
  });
}

bool DynamicResources::Admits(const Question& question, NodeIndex node) const {
  return ReasonFor(DevicesWantedBy(question), question.model.node(node)) == nullptr;
}

std::vector<std::string> DynamicResources::Explain(const Question& question, NodeIndex node) const {
  return {std::string(*ReasonFor(DevicesWantedBy(question), question.model.node(node)))};
}

NodeSet DynamicResources::Doubtful(const Question& question, const NodeSet& rejected) const {
  const WantedDevices wanted = DevicesWantedBy(question);
  NodeSet doubtful = rejected;
  if (wanted.others.empty()) return doubtful;
  rejected.ForEach([&](NodeIndex node) {
    if (LacksPlugin(wanted, question.model.node(node))) doubtful.Remove(node);
  });
  return doubtful;
}

std::string DynamicResources::WhyItMayErr(const Question& question) {
  const WantedDevices wanted = DevicesWantedBy(question);
  if (wanted.devices.empty()) return {};
  return *question.model.devices.WhyUncertain(question.model.resource_name(wanted.devices.front()));
}

}  // namespace spillway::sim
