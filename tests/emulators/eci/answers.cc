#include "tests/emulators/eci/answers.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>

namespace spillway::emulators::eci {
namespace {

using Kind = RunView::Kind;

constexpr double kNanosPerSecond = 1e9;
constexpr std::int64_t kNanocores = 10'000'000, kBytes = 16 << 20;

std::string Time(WallTime time) { return base::FormatRfc3339(time); }

double Number(const std::string& text) { return std::strtod(text.c_str(), nullptr); }

Json TextsFrom(const ParameterMap& parameters, const std::string& name) {
  Json list = Json::array();
  for (int i = 1; parameters.contains(fmt::format("{}.{}", name, i)); ++i) {
    list.push_back(At(parameters, fmt::format("{}.{}", name, i)));
  }
  return list;
}

// ---- DescribeContainerGroups

Json StateAnswer(const RunView& run) {
  Json state = {{"DetailStatus", ""}};
  switch (run.kind) {
    case Kind::kWaiting:
      state["State"] = "Waiting";
      state["Reason"] = run.reason;
      break;
    case Kind::kRunning:
      state["State"] = "Running";
      state["StartTime"] = Time(run.started_at);
      break;
    case Kind::kTerminated:
      state["State"] = "Terminated";
      state["Reason"] = !run.reason.empty() ? run.reason : run.exit_code == 0 ? "Completed" : "Error";
      state["ExitCode"] = run.exit_code;
      state["StartTime"] = Time(run.started_at);
      state["FinishTime"] = Time(run.finished_at);
      break;
  }
  return state;
}

Json EnvironmentAnswer(const ParameterMap& parameters, const std::string& prefix) {
  Json list = Json::array();
  const std::string& hides = At(parameters, prefix + "EnvironmentVarHide");
  if (hides == "true" || hides == "True") return list;
  for (int i = 1; parameters.contains(fmt::format("{}EnvironmentVar.{}.Key", prefix, i)); ++i) {
    const std::string one = fmt::format("{}EnvironmentVar.{}.", prefix, i);
    Json variable = {{"Key", At(parameters, one + "Key")}, {"Value", At(parameters, one + "Value")}};
    const std::string& path = At(parameters, one + "FieldRef.FieldPath");
    if (!path.empty()) variable["ValueFrom"]["FieldRef"]["FieldPath"] = path;
    list.push_back(std::move(variable));
  }
  return list;
}

Json MountsAnswer(const ParameterMap& parameters, const std::string& prefix) {
  Json list = Json::array();
  for (int i = 1; parameters.contains(fmt::format("{}VolumeMount.{}.Name", prefix, i)); ++i) {
    const std::string one = fmt::format("{}VolumeMount.{}.", prefix, i);
    list.push_back({{"Name", At(parameters, one + "Name")},
                    {"MountPath", At(parameters, one + "MountPath")},
                    {"ReadOnly", At(parameters, one + "ReadOnly") == "true"}});
  }
  return list;
}

Json ContainerAnswer(const ParameterMap& parameters, const std::string& prefix, const RunView& run, bool is_init) {
  Json container = {
      {"Name", At(parameters, prefix + "Name")},
      {"Image", At(parameters, prefix + "Image")},
      {"Cpu", Number(At(parameters, prefix + "Cpu"))},
      {"Memory", Number(At(parameters, prefix + "Memory"))},
      {"Args", TextsFrom(parameters, prefix + "Arg")},
      {"EnvironmentVars", EnvironmentAnswer(parameters, prefix)},
      {"VolumeMounts", MountsAnswer(parameters, prefix)},
      {"RestartCount", run.restarts},
      {"Ready", is_init ? run.kind == Kind::kTerminated && run.exit_code == 0 : run.kind == Kind::kRunning},
      {"CurrentState", StateAnswer(run)}};
  container[is_init ? "Command" : "Commands"] = TextsFrom(parameters, prefix + "Command");
  if (run.previous) {
    RunView before = run;
    before.kind = Kind::kTerminated;
    before.reason.clear();
    std::tie(before.started_at, before.finished_at) = *run.previous;
    container["PreviousState"] = StateAnswer(before);
  }
  return container;
}

Json Event(const char* type, const std::string& reason, const std::string& message, const Group& group, WallTime at) {
  return {{"Type", type},       {"Reason", reason},           {"Message", message},       {"Count", 1},
          {"Name", group.name}, {"FirstTimestamp", Time(at)}, {"LastTimestamp", Time(at)}};
}

Json EventsAnswer(const Group& group, const GroupView& view, WallTime now) {
  Json events = Json::array();
  const WallTime scheduled = group.created_at + group.schedule_after;
  if (view.reason == "NoStock") {
    events.push_back(Event("Warning", "NoStock", "no resources of this size are left in the zone", group, scheduled));
  } else if (scheduled <= now) {
    events.push_back(Event("Normal", "SuccessfulMountVolume", "volumes are mounted", group, scheduled));
  }
  if (group.reclaimed_at && *group.reclaimed_at <= now) {
    events.push_back(
        Event("Warning", "SpotToBeReleased", "the spot instance is taken back", group, *group.reclaimed_at));
  }
  return events;
}

// ---- DescribeContainerGroupStatus

Json EndAnswer(WallTime start, WallTime end, int exit_code, const std::string& reason, const std::string& id) {
  return {{"ExitCode", exit_code},
          {"Reason", reason},
          {"StartedAt", Time(start)},
          {"FinishedAt", Time(end)},
          {"ContainerID", id}};
}

Json ContainerStatusAnswer(const Group& group, const ContainerPlan& plan, const RunView& run) {
  Json status = {{"Name", plan.name},
                 {"Image", plan.image},
                 {"ImageID", "emulated@" + plan.image},
                 {"Ready", run.kind == Kind::kRunning},
                 {"Started", run.kind == Kind::kRunning},
                 {"RestartCount", run.restarts},
                 {"State", Json::object()},
                 {"LastState", Json::object()}};
  const std::string id = fmt::format("containerd://{}-{}-{}", group.id, plan.name, run.restarts);
  Json& state = status["State"];
  if (run.kind == Kind::kWaiting) state["Waiting"] = {{"Reason", run.reason}};
  if (run.kind == Kind::kRunning) state["Running"] = {{"StartedAtstartedAt", Time(run.started_at)}};
  if (run.kind == Kind::kTerminated) {
    const std::string reason = !run.reason.empty() ? run.reason : run.exit_code == 0 ? "Completed" : "Error";
    state["Terminated"] = EndAnswer(run.started_at, run.finished_at, run.exit_code, reason, id);
  }
  if (run.previous) {
    status["LastState"]["Terminated"] = EndAnswer(
        run.previous->first, run.previous->second, plan.exit_code, plan.exit_code == 0 ? "Completed" : "Error",
        fmt::format("containerd://{}-{}-{}", group.id, plan.name, run.restarts - 1));
  }
  return status;
}

Json Condition(const char* type, bool is_true, const std::string& reason, WallTime at) {
  return {{"type", type}, {"status", is_true ? "True" : "False"}, {"Reason", reason}, {"lastTransitionTime", Time(at)}};
}

std::string PhaseOf(const GroupView& view) {
  if (view.status == "Succeeded" || view.status == "Running") return view.status;
  if (view.status == "Failed" || view.status == "Expired" || view.status == "ScheduleFailed") return "Failed";
  return view.status == "Terminating" ? "Running" : "Pending";
}

}  // namespace

Json GroupAnswer(const Group& group, WallTime now, bool with_events) {
  const GroupView view = ViewAt(group, now);
  Json answer = {{"ContainerGroupId", group.id},
                 {"ContainerGroupName", group.name},
                 {"RegionId", group.region},
                 {"ZoneId", group.zone},
                 {"VSwitchId", group.vswitch},
                 {"SecurityGroupId", At(group.parameters, "SecurityGroupId")},
                 {"RestartPolicy", group.restart_policy},
                 {"Status", view.status},
                 {"Cpu", Number(At(group.parameters, "Cpu"))},
                 {"Memory", Number(At(group.parameters, "Memory"))},
                 {"CreationTime", Time(group.created_at)},
                 {"IntranetIp", group.ip},
                 {"Tags", Json::array()},
                 {"InitContainers", Json::array()},
                 {"Containers", Json::array()}};
  for (const auto& [key, value] : group.tags) answer["Tags"].push_back({{"Key", key}, {"Value", value}});
  for (std::size_t i = 0; i < group.init_containers.size(); ++i) {
    const RunView run = i < view.init_containers.size() ? view.init_containers[i] : RunView();
    answer["InitContainers"].push_back(
        ContainerAnswer(group.parameters, fmt::format("InitContainer.{}.", i + 1), run, true));
  }
  for (std::size_t i = 0; i < group.containers.size(); ++i) {
    const RunView run = i < view.containers.size() ? view.containers[i] : RunView();
    answer["Containers"].push_back(ContainerAnswer(group.parameters, fmt::format("Container.{}.", i + 1), run, false));
  }
  if (view.ended_at && view.status == "Succeeded") answer["SucceededTime"] = Time(*view.ended_at);
  if (view.ended_at && view.status == "Failed") answer["FailedTime"] = Time(*view.ended_at);
  if (with_events) answer["Events"] = EventsAnswer(group, view, now);
  return answer;
}

Json StatusAnswer(const Group& group, WallTime now) {
  const GroupView view = ViewAt(group, now);
  Json statuses = Json::array();
  for (std::size_t i = 0; i < view.containers.size(); ++i) {
    statuses.push_back(ContainerStatusAnswer(group, group.containers[i], view.containers[i]));
  }
  const WallTime scheduled = group.created_at + group.schedule_after;
  Json conditions = Json::array();
  if (scheduled <= now)
    conditions.push_back(Condition("ContainerInstanceCreated", view.reason.empty(), view.reason, scheduled));
  if (view.status == "Running") conditions.push_back(Condition("Ready", true, "", view.changed_at));
  const bool has_address = view.status != "Scheduling" && view.status != "ScheduleFailed";
  Json pod = {{"Phase", PhaseOf(view)},
              {"Conditions", std::move(conditions)},
              {"ContainerStatuses", std::move(statuses)},
              {"PodIp", has_address ? group.ip : ""},
              {"QosClass", "Burstable"},
              {"StartTime", Time(group.created_at)}};
  return {{"ContainerGroupId", group.id}, {"Name", group.name},    {"Namespace", "default"},     {"uuid", group.id},
          {"Annotations", "{}"},          {"Status", view.status}, {"PodStatus", std::move(pod)}};
}

Json MetricAnswer(const Group& group, WallTime now) {
  const GroupView view = ViewAt(group, now);
  Json containers = Json::array();
  for (std::size_t i = 0; i < view.containers.size(); ++i) {
    const RunView& run = view.containers[i];
    if (run.kind != Kind::kRunning) continue;
    const double seconds = std::chrono::duration<double>(now - run.started_at).count();
    const auto used = static_cast<std::int64_t>(seconds * static_cast<double>(kNanocores));
    containers.push_back(
        {{"Name", group.containers[i].name},
         {"CPU", {{"UsageNanoCores", kNanocores}, {"UsageCoreNanoSeconds", used}, {"Limit", 1000}, {"Load", 0}}},
         {"Memory",
          {{"WorkingSet", kBytes},
           {"Rss", kBytes},
           {"UsageBytes", kBytes},
           {"Cache", 0},
           {"AvailableBytes", kBytes}}}});
  }
  Json record = {{"Timestamp", Time(now)}, {"Containers", std::move(containers)}};
  return {{"ContainerGroupId", group.id}, {"Records", Json::array({std::move(record)})}};
}

Json PriceAnswer(const std::map<std::string, double>& parts) {
  double sum = 0;
  Json details = Json::array();
  for (const auto& [resource, price] : parts) {
    sum += price;
    details.push_back({{"Resource", resource},
                       {"OriginalPrice", price},
                       {"DiscountPrice", 0.0},
                       {"TradePrice", price},
                       {"Rules", {{"Rule", Json::array()}}}});
  }
  Json price = {{"OriginalPrice", sum}, {"DiscountPrice", 0.0}, {"TradePrice", sum}, {"Currency", "CNY"}};
  price["DetailInfos"]["DetailInfo"] = std::move(details);
  Json info = {{"Price", std::move(price)}};
  info["Rules"]["Rule"] = Json::array();
  info["SpotPrices"]["SpotPrice"] = Json::array();
  return {{"PriceInfo", std::move(info)}};
}

Json AvailableAnswer(const std::string& region, const std::string& category, const std::string& value,
                     const std::map<std::string, bool>& has_stock) {
  Json zones = Json::array();
  for (const auto& [zone, has] : has_stock) {
    Json supported = {{"Value", value}, {"StatusCategory", has ? "WithStock" : "WithoutStock"}};
    Json resource = {{"Type", category}};
    resource["SupportedResources"]["SupportedResource"] = Json::array({std::move(supported)});
    Json one = {{"RegionId", region}, {"ZoneId", zone}};
    one["AvailableResources"]["AvailableResource"] = Json::array({std::move(resource)});
    zones.push_back(std::move(one));
  }
  Json answer;
  answer["AvailableZones"]["AvailableZone"] = std::move(zones);
  return answer;
}

}  // namespace spillway::emulators::eci
