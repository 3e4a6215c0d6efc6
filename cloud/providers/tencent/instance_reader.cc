#include "cloud/providers/tencent/instance_reader.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "cloud/providers/tencent/failures.h"

namespace spillway::cloud::tencent {
namespace {

using Kind = ContainerState::Kind;

constexpr std::size_t kNewestEvents = 20;

ContainerState ReadContainer(const Json& item, bool is_init) {
  ContainerState state;
  const Json& current = At(item, "CurrentState");
  const std::string kind = TextAt(current, "State");
  state.name = TextAt(item, "Name");
  state.image = TextAt(item, "Image");
  state.restart_count =
      static_cast<int>(std::max(Integer(At(item, "RestartCount")), Integer(At(current, "RestartCount"))));
  if (kind == "running") {
    state.kind = Kind::kRunning;
    state.started_at = ReadTime(TextAt(current, "StartTime"));
    state.started = true;
    state.ready = !is_init;
  } else if (kind == "exited") {
    state.kind = Kind::kTerminated;
    Termination& end = state.ended.emplace();
    end.exit_code = static_cast<int>(Integer(At(current, "ExitCode")));
    end.reason = TextAt(current, "Reason");
    if (end.reason.empty()) end.reason = end.exit_code == 0 ? "Completed" : "Error";
    end.message = TextAt(current, "Message");
    end.started_at = ReadTime(TextAt(current, "StartTime"));
    end.finished_at = ReadTime(TextAt(current, "FinishTime"));
    state.ready = is_init && end.exit_code == 0;
  } else {
    state.reason = TextAt(current, "Reason");
    state.message = TextAt(current, "Message");
    if (state.reason.empty()) state.reason = "ContainerCreating";
  }
  return state;
}

bool HasRun(const ContainerState& state) {
  if (state.kind == Kind::kRunning || state.restart_count > 0) return true;
  return state.ended && state.ended->started_at;
}

// Of the run that was there when it was last seen, and has ended since.
void ReadRunBefore(ContainerState& state, const std::vector<ContainerState>& before) {
  const auto same = std::find_if(before.begin(), before.end(), [&](const auto& one) { return one.name == state.name; });
  if (same == before.end()) return;
  if (same->restart_count == state.restart_count) state.last = same->last;
  if (same->restart_count < state.restart_count && same->ended) state.last = same->ended;
}

std::optional<InstanceNote> FindNote(const Json& item) {
  const Json& containers = Items(At(item, "Containers"));
  if (containers.empty()) return std::nullopt;
  return ReadNote(TextAt(Named(At(containers.front(), "EnvironmentVars"), kNoteVariable, "Name"), "Value"));
}

// Of what ended before any of it ran: another may be made.
void ReadGivingUp(const InstanceStatus& status, Instance& instance, const Instance* last) {
  if (last && last->refused) {  // it stays so, whatever comes
    instance.state = last->state;
    instance.refused = last->refused;
    instance.reason = last->reason;
    instance.message = last->message;
    return;
  }
  if (instance.state != InstanceState::kFailed || !HasNeverRun(status)) return;
  instance.refused = RefusalOf(instance.events).value_or(Refusal::kTransient);
  if (instance.events.empty()) return;
  instance.reason = instance.events.back().reason;
  instance.message = instance.events.back().message;
}

}  // namespace

std::optional<WallTime> ReadTime(const std::string& text) {
  constexpr std::size_t kDay = 10, kClock = 19;
  if (text.starts_with("0001-")) return std::nullopt;
  if (text.size() < kClock || text[kDay] != ' ') return base::ParseRfc3339(text);
  // "2026-06-18 10:00:00[.000] +0800 CST"
  const std::size_t sign = text.find_first_of("+-", kClock);
  std::string zone = "Z";
  if (sign != std::string::npos && text.size() >= sign + 5) {
    zone = fmt::format("{}:{}", text.substr(sign, 3), text.substr(sign + 3, 2));
  }
  return base::ParseRfc3339(fmt::format("{}T{}{}", text.substr(0, kDay), text.substr(kDay + 1, 8), zone));
}

std::optional<InstanceState> StateOf(std::string_view status) {
  constexpr std::pair<std::string_view, InstanceState> kStates[] = {{"Pending", InstanceState::kPending},
                                                                    {"Running", InstanceState::kRunning},
                                                                    {"Succeeded", InstanceState::kSucceeded},
                                                                    {"Failed", InstanceState::kFailed}};
  for (const auto& [word, state] : kStates) {
    if (word == status) return state;
  }
  return std::nullopt;
}

InstanceStatus ReadStatus(const Json& item) {
  InstanceStatus status;
  status.id = TextAt(item, "EksCiId");
  status.name = TextAt(item, "EksCiName");
  status.status = TextAt(item, "Status");
  status.state = StateOf(status.status);
  status.pod_ip = TextAt(item, "PrivateIp");
  status.subnet = TextAt(item, "SubnetId");
  status.created_at = ReadTime(TextAt(item, "CreationTime"));
  status.note = FindNote(item);
  for (const Json& container : Items(At(item, "Containers")))
    status.containers.push_back(ReadContainer(container, false));
  for (const Json& container : Items(At(item, "InitContainers")))
    status.init_containers.push_back(ReadContainer(container, true));
  return status;
}

std::vector<InstanceEvent> ReadEvents(const Json& answer) {
  std::vector<InstanceEvent> events;
  for (const Json& item : Items(At(answer, "Events"))) {
    InstanceEvent event;
    event.is_warning = TextAt(item, "Type") == "Warning";
    event.reason = TextAt(item, "Reason");
    event.message = TextAt(item, "Message");
    event.count = static_cast<int>(std::max<std::int64_t>(1, Integer(At(item, "Count"), 1)));
    if (const auto at = ReadTime(TextAt(item, "LastTimestamp"))) event.last_at = *at;
    events.push_back(std::move(event));
  }
  std::stable_sort(events.begin(), events.end(),
                   [](const InstanceEvent& a, const InstanceEvent& b) { return a.last_at < b.last_at; });
  if (events.size() > kNewestEvents) events.erase(events.begin(), events.end() - kNewestEvents);
  return events;
}

std::optional<Refusal> RefusalOf(const std::vector<InstanceEvent>& events) {
  for (const InstanceEvent& event : events) {
    if (const auto refusal = RefusalOfEvent(event.reason, event.message)) return refusal;
  }
  return std::nullopt;
}

bool HasNeverRun(const InstanceStatus& status) {
  return std::none_of(status.containers.begin(), status.containers.end(), HasRun) &&
         std::none_of(status.init_containers.begin(), status.init_containers.end(), HasRun);
}

Instance Merge(const InstanceStatus& status, const InstanceIdentity& identity, std::vector<InstanceEvent> events,
               const Instance* last) {
  Instance instance;
  instance.id = status.id;
  instance.identity = identity;
  instance.state = status.state.value_or(last ? last->state : InstanceState::kPending);
  instance.pod_ip = status.pod_ip;
  instance.created_at = status.created_at;
  instance.init_containers = status.init_containers;
  instance.containers = status.containers;
  instance.events = std::move(events);
  ReadGivingUp(status, instance, last);
  for (auto* list : {&instance.containers, &instance.init_containers}) {
    for (ContainerState& container : *list) {
      if (last) ReadRunBefore(container, list == &instance.containers ? last->containers : last->init_containers);
      if (container.kind == Kind::kWaiting) continue;
      // Monitoring tells runs apart by it, and EKSCI names none.
      container.container_id = fmt::format("eksci://{}/{}/{}", instance.id, container.name, container.restart_count);
      if (container.ended)
        container.ended->container_id = container.container_id;  // and so that of the last run, later
    }
  }
  return instance;
}

}  // namespace spillway::cloud::tencent
