#include "tests/emulators/eci/group.h"

#include <fmt/core.h>

#include <string_view>
#include <utility>
#include <vector>

namespace spillway::emulators::eci {
namespace {

ContainerPlan PlanFrom(const ParameterMap& parameters, const std::string& prefix, bool is_init) {
  std::string text;
  for (const char* list : {"Command", "Arg"}) {
    for (int i = 1; parameters.contains(fmt::format("{}{}.{}", prefix, list, i)); ++i) {
      text += At(parameters, fmt::format("{}{}.{}", prefix, list, i)) + " ";
    }
  }
  ContainerPlan plan = PlanOf(At(parameters, prefix + "Name"), At(parameters, prefix + "Image"), text, is_init);
  for (int i = 1; parameters.contains(fmt::format("{}EnvironmentVar.{}.Key", prefix, i)); ++i) {
    if (At(parameters, fmt::format("{}EnvironmentVar.{}.Key", prefix, i)) != kLogEvery) continue;
    SetLogEvery(plan, At(parameters, fmt::format("{}EnvironmentVar.{}.Value", prefix, i)));
  }
  return plan;
}

std::vector<ContainerPlan> PlansOf(const ParameterMap& parameters, const char* list) {
  std::vector<ContainerPlan> plans;
  for (int i = 1; parameters.contains(fmt::format("{}.{}.Name", list, i)); ++i) {
    plans.push_back(PlanFrom(parameters, fmt::format("{}.{}.", list, i), std::string_view(list) == "InitContainer"));
  }
  return plans;
}

// ECI's words.
const char* StatusOf(LifeView::Stage stage) {
  using Stage = LifeView::Stage;
  switch (stage) {
    case Stage::kScheduling:
      return "Scheduling";
    case Stage::kNoStock:
      return "ScheduleFailed";
    case Stage::kStarting:
      return "Pending";
    case Stage::kRunning:
      return "Running";
    case Stage::kSucceeded:
      return "Succeeded";
    case Stage::kFailed:
      return "Failed";
    case Stage::kReclaimed:
      return "Expired";
    case Stage::kStopping:
      return "Terminating";
  }
  return "";
}

}  // namespace

const std::string& At(const ParameterMap& parameters, const std::string& name) {
  static const std::string kNothing;
  const auto found = parameters.find(name);
  return found == parameters.end() ? kNothing : found->second;
}

Group MakeGroup(ParameterMap parameters) {
  Group group;
  group.name = At(parameters, "ContainerGroupName");
  group.client_token = At(parameters, "ClientToken");
  group.region = At(parameters, "RegionId");
  group.restart_policy = At(parameters, "RestartPolicy");
  if (group.restart_policy.empty()) group.restart_policy = "Always";
  for (int i = 1; parameters.contains(fmt::format("Tag.{}.Key", i)); ++i) {
    group.tags[At(parameters, fmt::format("Tag.{}.Key", i))] = At(parameters, fmt::format("Tag.{}.Value", i));
  }
  group.init_containers = PlansOf(parameters, "InitContainer");
  group.containers = PlansOf(parameters, "Container");
  group.parameters = std::move(parameters);
  return group;
}

GroupView ViewAt(const Group& group, WallTime now) {
  GroupView view{emulators::ViewAt(static_cast<const Life&>(group), now), "", ""};
  view.status = group.odd_status.empty() ? StatusOf(view.stage) : group.odd_status;
  if (view.stage == LifeView::Stage::kNoStock) view.reason = "NoStock";
  return view;
}

}  // namespace spillway::emulators::eci
