#include "cloud/providers/alibaba/instance_reader.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "cloud/providers/alibaba/failures.h"
#include "cloud/providers/alibaba/options.h"

namespace spillway::cloud::alibaba {
namespace {

using Kind = ContainerState::Kind;

constexpr std::size_t kKeptEvents = 20;

std::optional<WallTime> Time(const Json& value) { return base::ParseRfc3339(Text(value)); }

std::string EndReason(std::string reason, int exit_code) {
  if (!reason.empty()) return reason;
  return exit_code == 0 ? "Completed" : "Error";
}

// ---- DescribeContainerGroupStatus

// The running start time is spelt "StartedAtstartedAt" in this API.
std::optional<WallTime> RunningSince(const Json& running) {
  for (const char* name : {"StartedAtstartedAt", "StartedAt", "startedAt"}) {
    if (auto time = Time(At(running, name))) return time;
  }
  return std::nullopt;
}

Termination ReadTerminated(const Json& ended) {
  Termination end;
  end.exit_code = static_cast<int>(Integer(At(ended, "ExitCode")));
  end.signal = static_cast<int>(Integer(At(ended, "Signal")));
  end.reason = EndReason(TextAt(ended, "Reason"), end.exit_code);
  end.message = TextAt(ended, "Message");
  end.started_at = Time(At(ended, "StartedAt"));
  end.finished_at = Time(At(ended, "FinishedAt"));
  end.container_id = TextAt(ended, "ContainerID");
  return end;
}

bool IsThere(const Json& state) { return state.is_object() && !state.empty(); }

ContainerState ReadContainer(const Json& item) {
  ContainerState state;
  state.name = TextAt(item, "Name");
  state.image = TextAt(item, "Image");
  state.image_id = TextAt(item, "ImageID");
  state.restart_count = static_cast<int>(Integer(At(item, "RestartCount")));
  const Json &running = At(item, "State", "Running"), &ended = At(item, "State", "Terminated");
  if (IsThere(ended)) {
    state.kind = Kind::kTerminated;
    state.ended = ReadTerminated(ended);
    state.container_id = TextAt(ended, "ContainerID");
  } else if (IsThere(running)) {
    state.kind = Kind::kRunning;
    state.started_at = RunningSince(running);
    const Json& started = At(item, "Started");
    state.started = started.is_boolean() ? IsTrue(started) : true;
    state.ready = IsTrue(At(item, "Ready"));
  } else {
    state.reason = TextAt(item, "State", "Waiting", "Reason");
    state.message = TextAt(item, "State", "Waiting", "Message");
  }
  if (const Json& last = At(item, "LastState", "Terminated"); IsThere(last)) state.last = ReadTerminated(last);
  return state;
}

// ---- DescribeContainerGroups

Termination ReadEnd(const Json& state) {
  Termination end;
  end.exit_code = static_cast<int>(Integer(At(state, "ExitCode")));
  end.signal = static_cast<int>(Integer(At(state, "Signal")));
  end.reason = EndReason(TextAt(state, "Reason"), end.exit_code);
  end.message = TextAt(state, "Message");
  end.started_at = Time(At(state, "StartTime"));
  end.finished_at = Time(At(state, "FinishTime"));
  return end;
}

ContainerState ReadInitContainer(const Json& item) {
  ContainerState state;
  state.name = TextAt(item, "Name");
  state.image = TextAt(item, "Image");
  state.restart_count = static_cast<int>(Integer(At(item, "RestartCount")));
  const Json& current = At(item, "CurrentState");
  const std::string kind = TextAt(current, "State");
  if (kind == "Terminated") {
    state.kind = Kind::kTerminated;
    state.ended = ReadEnd(current);
    state.ready = state.ended->exit_code == 0;
  } else if (kind == "Running") {
    state.kind = Kind::kRunning;
    state.started_at = Time(At(current, "StartTime"));
    state.started = true;
  } else {
    state.reason = TextAt(current, "Reason");
    state.message = TextAt(current, "Message");
  }
  if (TextAt(item, "PreviousState", "State") == "Terminated") state.last = ReadEnd(At(item, "PreviousState"));
  return state;
}

InstanceEvent ReadEvent(const Json& item) {
  InstanceEvent event;
  event.is_warning = TextAt(item, "Type") == "Warning";
  event.reason = TextAt(item, "Reason");
  event.message = TextAt(item, "Message");
  event.count = static_cast<int>(std::max<std::int64_t>(1, Integer(At(item, "Count"), 1)));
  if (const auto at = Time(At(item, "LastTimestamp"))) event.last_at = *at;
  return event;
}

std::string Tag(const Json& group, const std::string& key) {
  return TextAt(Named(At(group, "Tags"), key, "Key"), "Value");
}
std::string LongTag(const Json& group, const std::string& key) { return Tag(group, key) + Tag(group, key + "-2"); }

// ---- both

// Of what ended before any of it ran: another may be made.
void ReadGivingUp(const GroupStatus& status, Instance& instance) {
  if (status.status == "Expired") {
    instance.reason = "SpotReclaimed";
    instance.message = "the cloud has taken the spot instance back";
  }
  if (status.status != "ScheduleFailed" && status.status != "StartingFailed" && status.status != "WatingForDel") return;
  instance.refused = RefusalOfReason(status.reason);
  if (instance.reason.empty()) instance.reason = status.status;
}

}  // namespace

std::optional<InstanceState> StateOf(std::string_view status) {
  constexpr std::pair<std::string_view, InstanceState> kStates[] = {
      {"Scheduling", InstanceState::kPending},    {"Pending", InstanceState::kPending},
      {"Restarting", InstanceState::kPending},    {"Updating", InstanceState::kPending},
      {"Running", InstanceState::kRunning},       {"Terminating", InstanceState::kTerminating},
      {"Succeeded", InstanceState::kSucceeded},   {"Failed", InstanceState::kFailed},
      {"ScheduleFailed", InstanceState::kFailed}, {"Expired", InstanceState::kFailed},
      {"StartingFailed", InstanceState::kFailed}, {"WatingForDel", InstanceState::kFailed},
  };
  for (const auto& [word, state] : kStates) {
    if (word == status) return state;
  }
  return std::nullopt;
}

Details ReadDetails(const Json& group) {
  Details details;
  details.identity = {Tag(group, kClusterTag), LongTag(group, kNodeTag), Tag(group, kUidTag), Tag(group, kNamespaceTag),
                      LongTag(group, kPodTag)};
  details.created_at = Time(At(group, "CreationTime"));
  details.vswitch_id = TextAt(group, "VSwitchId");
  details.zone_id = TextAt(group, "ZoneId");
  for (const Json& item : Items(At(group, "InitContainers")))
    details.init_containers.push_back(ReadInitContainer(item));
  for (const Json& item : Items(At(group, "Events"))) details.events.push_back(ReadEvent(item));
  std::stable_sort(details.events.begin(), details.events.end(),
                   [](const InstanceEvent& a, const InstanceEvent& b) { return a.last_at < b.last_at; });
  if (details.events.size() > kKeptEvents)
    details.events.erase(details.events.begin(), details.events.end() - kKeptEvents);
  return details;
}

GroupStatus ReadStatus(const Json& item) {
  GroupStatus status;
  status.id = TextAt(item, "ContainerGroupId");
  status.name = TextAt(item, "Name");
  status.status = TextAt(item, "Status");
  status.state = StateOf(status.status);
  const Json& pod = At(item, "PodStatus");
  status.pod_ip = TextAt(pod, "PodIp");
  for (const Json& condition : Items(At(pod, "Conditions"))) {
    if (TextAt(condition, "type") != "ContainerInstanceCreated" || TextAt(condition, "status") == "True") continue;
    status.reason = TextAt(condition, "Reason");
    status.message = TextAt(condition, "Message");
  }
  for (const Json& container : Items(At(pod, "ContainerStatuses")))
    status.containers.push_back(ReadContainer(container));
  return status;
}

Instance Merge(const GroupStatus& status, const Details& details, const Instance* last) {
  Instance instance;
  instance.id = status.id;
  instance.identity = details.identity;
  instance.state = status.state.value_or(last ? last->state : InstanceState::kPending);
  instance.reason = status.reason;
  instance.message = status.message;
  instance.pod_ip = status.pod_ip;
  instance.created_at = details.created_at;
  instance.init_containers = details.init_containers;
  instance.containers = status.containers;
  instance.events = details.events;
  ReadGivingUp(status, instance);
  for (ContainerState& container : instance.containers) {
    if (!container.container_id.empty() || container.kind == Kind::kWaiting) continue;
    // Monitoring tells runs apart by it, and ECI names it only at the end.
    container.container_id = fmt::format("eci://{}/{}/{}", instance.id, container.name, container.restart_count);
  }
  return instance;
}

}  // namespace spillway::cloud::alibaba
