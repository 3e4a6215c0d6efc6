#include "tests/emulators/eksci/instance.h"

#include <fmt/core.h>

#include <utility>

namespace spillway::emulators::eksci {
namespace {

using Stage = LifeView::Stage;
using Kind = RunView::Kind;

const Json& ListIn(const Json& object, const char* name) {
  static const Json kNothing = Json::array();
  const auto found = object.find(name);
  return found == object.end() || !found->is_array() ? kNothing : *found;
}

ContainerPlan PlanFrom(const Json& container, bool is_init) {
  std::string text;
  for (const char* list : {"Commands", "Args"}) {
    for (const Json& word : ListIn(container, list)) text += word.get<std::string>() + " ";
  }
  ContainerPlan plan = PlanOf(container.value("Name", ""), container.value("Image", ""), text, is_init);
  for (const Json& variable : ListIn(container, "EnvironmentVars")) {
    if (variable.value("Name", "") == kLogEvery) SetLogEvery(plan, variable.value("Value", ""));
  }
  return plan;
}

// As Go prints times.
std::string GoTime(WallTime time) {
  std::string text = base::FormatRfc3339(time);
  return fmt::format("{} {} +0000 UTC", text.substr(0, 10), text.substr(11, 8));
}

void TellEnd(Json& state, WallTime start, WallTime end, int exit_code) {
  state["State"] = "exited";
  state["ExitCode"] = exit_code;
  state["Reason"] = exit_code == 0 ? "Completed" : "Error";
  state["StartTime"] = base::FormatRfc3339(start);
  state["FinishTime"] = base::FormatRfc3339(end);
}

// While a container waits to be started again, the run before it is told.
Json StateAnswer(const RunView& run, int exit_code) {
  Json state = {{"State", "created"}, {"RestartCount", run.restarts}};
  if (run.kind == Kind::kRunning) {
    state["State"] = "running";
    state["StartTime"] = base::FormatRfc3339(run.started_at);
  } else if (run.kind == Kind::kTerminated) {
    TellEnd(state, run.started_at, run.finished_at, run.exit_code);
  } else if (run.previous) {
    TellEnd(state, run.previous->first, run.previous->second, exit_code);
    state["RestartCount"] = run.restarts - 1;
  } else {
    state["Reason"] = run.reason;
  }
  return state;
}

Json ContainersAnswer(const Json& requests, const std::vector<ContainerPlan>& plans, const std::vector<RunView>& runs,
                      bool shows_environment) {
  Json containers = Json::array();
  for (std::size_t i = 0; i < requests.size(); ++i) {
    Json container = requests[i];
    if (!shows_environment) container["EnvironmentVars"] = nullptr;
    container["CurrentState"] = StateAnswer(i < runs.size() ? runs[i] : RunView(), plans[i].exit_code);
    container["RestartCount"] = container["CurrentState"]["RestartCount"];
    containers.push_back(std::move(container));
  }
  return containers;
}

Json Event(const Instance& instance, const char* type, const char* reason, const std::string& message, WallTime at) {
  return {{"PodName", instance.name()},
          {"Type", type},
          {"Reason", reason},
          {"Count", 1},
          {"FirstTimestamp", base::FormatRfc3339(at)},
          {"LastTimestamp", base::FormatRfc3339(at)},
          {"Message", message}};
}

}  // namespace

Instance MakeInstance(Json request) {
  Instance instance;
  instance.restart_policy = request.value("RestartPolicy", "Always");
  for (const Json& container : ListIn(request, "InitContainers"))
    instance.init_containers.push_back(PlanFrom(container, true));
  for (const Json& container : ListIn(request, "Containers")) instance.containers.push_back(PlanFrom(container, false));
  instance.request = std::move(request);
  return instance;
}

bool IsLive(const Instance& instance, WallTime now) {
  const LifeView view = ViewAt(instance, now);
  return !view.is_gone && view.stage != Stage::kSucceeded && view.stage != Stage::kFailed;
}

std::string StatusOf(const Instance& instance, const LifeView& view) {
  if (!instance.odd_status.empty()) return instance.odd_status;
  switch (view.stage) {
    case Stage::kScheduling:
    case Stage::kNoStock:
    case Stage::kStarting:
      return "Pending";
    case Stage::kRunning:
    case Stage::kStopping:
      return "Running";
    case Stage::kSucceeded:
      return "Succeeded";
    case Stage::kFailed:
    case Stage::kReclaimed:
      return "Failed";
  }
  return "";
}

Json InstanceAnswer(const Instance& instance, WallTime now, bool shows_environment) {
  const LifeView view = ViewAt(instance, now);
  const Json& request = instance.request;
  const bool is_placed = view.stage != Stage::kScheduling && view.stage != Stage::kNoStock;
  Json answer = {{"EksCiId", instance.id},
                 {"EksCiName", instance.name()},
                 {"Status", StatusOf(instance, view)},
                 {"VpcId", request.value("VpcId", "")},
                 {"SubnetId", instance.subnet()},
                 {"SecurityGroupIds", ListIn(request, "SecurityGroupIds")},
                 {"RestartPolicy", instance.restart_policy},
                 {"Cpu", is_placed ? request.value("Cpu", 0.0) : 0.0},
                 {"Memory", is_placed ? request.value("Memory", 0.0) : 0.0},
                 {"CpuType", request.value("CpuType", "intel")},
                 {"GpuType", request.value("GpuType", "")},
                 {"GpuCount", request.value("GpuCount", 0)},
                 {"PrivateIp", is_placed ? instance.ip : ""},
                 {"EipAddress", nullptr},
                 {"CreationTime", GoTime(instance.created_at)},
                 {"PersistStatus", false}};
  if (request.contains("CamRoleName")) answer["CamRoleName"] = request["CamRoleName"];
  if (request.contains("EksCiVolume")) answer["EksCiVolume"] = request["EksCiVolume"];
  answer["Containers"] =
      ContainersAnswer(ListIn(request, "Containers"), instance.containers, view.containers, shows_environment);
  answer["InitContainers"] = ContainersAnswer(ListIn(request, "InitContainers"), instance.init_containers,
                                              view.init_containers, shows_environment);
  if (view.stage == Stage::kSucceeded) answer["SucceededTime"] = GoTime(*view.ended_at);
  return answer;
}

Json EventsAnswer(const Instance& instance, WallTime now, std::size_t limit) {
  const LifeView view = ViewAt(instance, now);
  Json events = Json::array();
  const WallTime scheduled = instance.created_at + instance.schedule_after;
  if (view.stage == Stage::kNoStock) {
    events.push_back(
        Event(instance, "Warning", "CreatePodSandboxFailed", "no stock: instance types is empty", scheduled));
  } else if (scheduled <= now) {
    events.push_back(Event(instance, "Normal", "Scheduled", "it has a place", scheduled));
  }
  for (std::size_t i = 0; i < view.containers.size(); ++i) {
    const RunView& run = view.containers[i];
    if (run.kind != Kind::kRunning) continue;
    events.push_back(
        Event(instance, "Normal", "Started", "Started container " + instance.containers[i].name, run.started_at));
  }
  while (events.size() > limit) events.erase(events.begin());
  return events;
}

}  // namespace spillway::emulators::eksci
