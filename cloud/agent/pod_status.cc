#include "cloud/agent/pod_status.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cloud/agent/pod_updates.h"

namespace spillway::cloud {
namespace {

using Kind = ContainerState::Kind;

Json Time(const std::optional<WallTime>& time) { return time ? Json(base::FormatRfc3339(*time)) : Json(); }

// `container_id` is for an end that does not name its run itself.
Json TerminatedJson(const Termination& ended, std::string container_id) {
  if (!ended.container_id.empty()) container_id = ended.container_id;
  Json json = {{"exitCode", ended.exit_code},
               {"reason", ended.reason},
               {"startedAt", Time(ended.started_at)},
               {"finishedAt", Time(ended.finished_at)}};
  if (ended.signal != 0) json["signal"] = ended.signal;
  if (!ended.message.empty()) json["message"] = ended.message;
  if (!container_id.empty()) json["containerID"] = std::move(container_id);
  return {{"terminated", std::move(json)}};
}

Json WaitingJson(const std::string& reason, const std::string& message) {
  Json json = {{"reason", reason}};
  if (!message.empty()) json["message"] = Words(message);
  return {{"waiting", std::move(json)}};
}

Json StateJson(const ContainerState& state) {
  switch (state.kind) {
    case Kind::kRunning:
      return {{"running", {{"startedAt", Time(state.started_at)}}}};
    case Kind::kTerminated:
      return TerminatedJson(state.ended.value_or(Termination{}), state.container_id);
    case Kind::kWaiting:
      break;
  }
  return WaitingJson(state.reason.empty() ? "ContainerCreating" : state.reason, state.message);
}

// What the container runs with: of what is asked for, all but a resize that does not happen. Also where nothing is
// asked for: kube-apiserver resizes no Pod whose node does not say it. Source: kubelet_pods.go
// convertContainerStatusResources, pkg/apis/core/validation isPodResizeRequestSupported, v1.33 to v1.36.
void AddResources(Json& status, const Json& resources) {
  status["resources"] = Json::object();
  for (const char* kind : {"requests", "limits"}) {
    if (const Json& amounts = At(resources, kind); !amounts.is_null()) status["resources"][kind] = amounts;
  }
  if (const Json& requests = At(resources, "requests"); !requests.is_null()) status["allocatedResources"] = requests;
}

// The container's entry in containerStatuses, from what the provider says of it, or from `waiting` when it says
// nothing.
Json ContainerStatus(const Json& spec, const ContainerState* state, const StatusInputs& in, const char* waiting) {
  Json status = {{"name", TextAt(spec, "name")},
                 {"image", TextAt(spec, "image")},
                 {"imageID", ""},
                 {"ready", false},
                 {"started", false},
                 {"restartCount", 0},
                 {"lastState", Json::object()}};
  if (!state) {
    status["state"] =
        WaitingJson(in.remark.waiting_reason.empty() ? waiting : in.remark.waiting_reason, in.remark.waiting_message);
    return status;
  }
  if (!state->image.empty()) status["image"] = state->image;
  // Of a container that has not been started yet nothing is known but why.
  const bool has_run = state->kind != Kind::kWaiting || state->last;
  if (has_run) status["imageID"] = state->image_id;
  status["ready"] = state->ready;
  status["started"] = state->started;
  status["restartCount"] = state->restart_count;
  if (has_run && !state->container_id.empty()) status["containerID"] = state->container_id;
  status["state"] = StateJson(*state);
  if (state->last) status["lastState"] = TerminatedJson(*state->last, "");
  if (has_run) AddResources(status, in.resize ? At(in.resize->resources, state->name) : At(spec, "resources"));
  return status;
}

const ContainerState* Find(const std::vector<ContainerState>& states, std::string_view name) {
  const auto found = std::find_if(states.begin(), states.end(), [&](const auto& s) { return s.name == name; });
  return found == states.end() ? nullptr : &*found;
}

// What had been running has ended without anybody having seen how.
void EndUnseen(Json& status, WallTime now) {
  const Json& running = At(status, "state", "running");
  if (running.is_null()) return;
  const Termination unseen{.exit_code = 137,
                           .signal = 0,
                           .reason = "ContainerStatusUnknown",
                           .message = "The instance was gone before it was seen how the container ended",
                           .started_at = base::ParseRfc3339(TextAt(running, "startedAt")),
                           .finished_at = now};
  Json ended = TerminatedJson(unseen, TextAt(status, "containerID"));
  status["state"] = std::move(ended);
  status["ready"] = false;
  status["started"] = false;
}

bool IsTerminated(const Json& status) { return !At(status, "state", "terminated").is_null(); }

Json ContainerStatuses(const Json& pod, const char* list, const StatusInputs& in) {
  const bool is_init = std::string_view(list) == "initContainers";
  const char* status_list = is_init ? "initContainerStatuses" : "containerStatuses";
  const bool has_init = !Items(At(pod, "spec", "initContainers")).empty();
  const char* waiting = has_init ? "PodInitializing" : "ContainerCreating";
  const bool is_over = IsTerminalPhase(TextAt(pod, "status", "phase"));
  Json statuses = Json::array();
  for (const Json& spec : Items(At(pod, "spec", list))) {
    const std::string name = TextAt(spec, "name");
    const Json& before = Named(At(pod, "status", status_list), name);
    const ContainerState* state = nullptr;
    if (in.instance) state = Find(is_init ? in.instance->init_containers : in.instance->containers, name);
    const bool had_run = !At(before, "state", "running").is_null() || IsTerminated(before);
    // Of a Pod that has ended only ends are told.
    const bool has_ended = state && state->kind == Kind::kTerminated && !IsTerminated(before);
    if (is_over ? !has_ended : !state && had_run) {
      if (before.is_null()) continue;  // it had ended before anything was told of it
      Json kept = before;
      if (!state) EndUnseen(kept, in.now);
      statuses.push_back(std::move(kept));
    } else {
      statuses.push_back(ContainerStatus(spec, state, in, waiting));
    }
  }
  return statuses;
}

bool Succeeded(const Json& status) {
  return IsTerminated(status) && Integer(At(status, "state", "terminated", "exitCode")) == 0;
}

bool Runs(const Json& status) { return !At(status, "state", "running").is_null(); }
bool HasRun(const Json& status) {
  return Runs(status) || IsTerminated(status) || !At(status, "lastState", "terminated").is_null();
}

std::string Phase(const Json& pod, const Json& containers, const Json& inits, const StatusInputs& in) {
  // Decided, but not over as long as anything runs: whoever sees the end may rely on that.
  const bool runs_on =
      std::any_of(containers.begin(), containers.end(), Runs) || std::any_of(inits.begin(), inits.end(), Runs);
  if (!in.remark.phase.empty() && runs_on) return TextAt(pod, "status", "phase");
  if (!in.remark.phase.empty()) return in.remark.phase;
  const bool had_started = HasStarted(pod) || TextAt(pod, "status", "phase") == "Running";
  if (in.instance) {
    if (in.instance->state == InstanceState::kSucceeded) return "Succeeded";
    if (in.instance->state == InstanceState::kFailed && !in.instance->refused) return "Failed";
  } else if (had_started && !containers.empty() && std::all_of(containers.begin(), containers.end(), IsTerminated)) {
    return std::all_of(containers.begin(), containers.end(), Succeeded) ? "Succeeded" : "Failed";
  }
  const bool inits_done = std::all_of(inits.begin(), inits.end(), [](const Json& status) {
    return Succeeded(status) || IsTrue(At(status, "started"));
  });
  const bool any_runs = inits_done && std::any_of(containers.begin(), containers.end(), HasRun);
  return any_runs || TextAt(pod, "status", "phase") == "Running" ? "Running" : "Pending";
}

Json PodCondition(const Json& pod, const char* type, bool is_true, std::string reason, std::string message,
                  WallTime now) {
  const Json& before = Named(At(pod, "status", "conditions"), type, "type");
  const std::string status = is_true ? "True" : "False";
  const std::string since = TextAt(before, "lastTransitionTime");
  Json condition = {{"type", type}, {"status", status}, {"lastProbeTime", nullptr}};
  condition["lastTransitionTime"] =
      TextAt(before, "status") == status && !since.empty() ? since : base::FormatRfc3339(now);
  condition["reason"] = reason.empty() ? Json() : Json(std::move(reason));
  condition["message"] = message.empty() ? Json() : Json(std::move(message));
  return condition;
}

struct Verdict {
  bool is_true = true;
  std::string reason, message;
};

// Sidecars count as containers do. Source: status/generate.go GenerateContainersReadyCondition.
Verdict ContainersReady(const Json& pod, const Json& status, std::string_view phase) {
  if (phase == "Succeeded") return {false, "PodCompleted", ""};
  if (phase == "Failed") return {false, "PodFailed", ""};
  std::vector<std::string> unready;
  for (const Json& init : Items(At(pod, "spec", "initContainers"))) {
    const std::string name = TextAt(init, "name");
    const bool is_sidecar = TextAt(init, "restartPolicy") == "Always";
    if (is_sidecar && !IsTrue(At(Named(At(status, "initContainerStatuses"), name), "ready"))) unready.push_back(name);
  }
  const Json& containers = At(status, "containerStatuses");
  for (const Json& status : containers) {
    if (!IsTrue(At(status, "ready"))) unready.push_back(TextAt(status, "name"));
  }
  if (unready.empty()) return {};
  return {false, "ContainersNotReady", fmt::format("containers with unready status: [{}]", fmt::join(unready, " "))};
}

// A Pod with readiness gates is ready once others have set their conditions too.
Verdict PodReady(const Json& pod, const Verdict& containers) {
  if (!containers.is_true) return containers;
  for (const Json& gate : Items(At(pod, "spec", "readinessGates"))) {
    const std::string type = TextAt(gate, "conditionType");
    if (TextAt(Named(At(pod, "status", "conditions"), type, "type"), "status") != "True") {
      return {false, "ReadinessGatesNotReady",
              fmt::format("corresponding condition of pod readiness gate \"{}\" is not True.", type)};
    }
  }
  return {};
}

// Once a container has run the Pod has been initialized, whatever becomes of its sidecars. Source: status/generate.go
// GeneratePodInitializedCondition.
Verdict Initialized(const Json& inits, const Json& containers, std::string_view phase) {
  std::vector<std::string> incomplete;
  for (const Json& status : inits) {
    if (!Succeeded(status) && !IsTrue(At(status, "started"))) incomplete.push_back(TextAt(status, "name"));
  }
  if (phase == "Succeeded") return {true, "PodCompleted", ""};
  if (incomplete.empty() || std::any_of(containers.begin(), containers.end(), HasRun)) return {};
  return {false, "ContainersNotInitialized",
          fmt::format("containers with incomplete status: [{}]", fmt::join(incomplete, " "))};
}

Json Conditions(const Json& pod, const Json& status, const StatusInputs& in) {
  const std::string phase = TextAt(status, "phase");
  const bool has_network = in.instance && !in.instance->pod_ip.empty() && !IsTerminalPhase(phase);
  const Verdict containers = ContainersReady(pod, status, phase);
  const Verdict ready = PodReady(pod, containers);
  const Verdict initialized =
      Initialized(Items(At(status, "initContainerStatuses")), Items(At(status, "containerStatuses")), phase);
  Json conditions = Json::array();
  const auto add = [&](const char* type, const Verdict& v) {
    conditions.push_back(PodCondition(pod, type, v.is_true, v.reason, v.message, in.now));
  };
  add("PodReadyToStartContainers", {has_network, "", ""});
  add("Initialized", initialized);
  add("Ready", ready);
  add("ContainersReady", containers);
  if (in.resize) {
    add(kPodResizePending, {true, "Infeasible", in.resize->message});
  } else if (!Named(At(pod, "status", "conditions"), kPodResizePending, "type").is_null()) {
    conditions.push_back({{"type", kPodResizePending}, {"$patch", "delete"}});
  }
  return conditions;
}

// `kubectl debug` prints what they wait for.
Json EphemeralStatuses(const Json& pod, const std::string& why_not) {
  Json statuses = Json::array();
  for (const Json& container : Items(At(pod, "spec", "ephemeralContainers"))) {
    Json status = {{"name", TextAt(container, "name")}, {"image", TextAt(container, "image")}, {"imageID", ""}};
    status["ready"] = false;
    status["restartCount"] = 0;
    status["state"]["waiting"] = {{"reason", kNoEphemeralContainers}, {"message", why_not}};
    statuses.push_back(std::move(status));
  }
  return statuses;
}

// How a Pod has ended, and why, is said once, by whoever came first; what has become of its containers only the agent
// knows. Source: kubelet_pods.go generateAPIPodStatus.
Json EndedStatus(const Json& pod, const StatusInputs& in) {
  Json status = Json::object();
  for (const char* key : {"phase", "reason", "message"}) {
    if (!At(pod, "status", key).is_null()) status[key] = At(pod, "status", key);
  }
  for (const auto& [list, told] :
       {std::pair("containers", "containerStatuses"), std::pair("initContainers", "initContainerStatuses")}) {
    Json statuses = ContainerStatuses(pod, list, in);
    if (!statuses.empty()) status[told] = std::move(statuses);
  }
  status["conditions"] = Conditions(pod, status, in);
  return status;
}

}  // namespace

bool IsTerminalPhase(std::string_view phase) { return phase == "Succeeded" || phase == "Failed"; }

bool HasStarted(const Json& pod) {
  for (const char* list : {"containerStatuses", "initContainerStatuses"}) {
    for (const Json& status : Items(At(pod, "status", list))) {
      if (!At(status, "state", "running").is_null() || IsTerminated(status)) return true;
      if (!At(status, "lastState", "terminated").is_null()) return true;
    }
  }
  return false;
}

Json PodStatus(const Json& pod, const StatusInputs& in) {
  if (IsTerminalPhase(TextAt(pod, "status", "phase"))) return EndedStatus(pod, in);
  Json status = Json::object();
  status["containerStatuses"] = ContainerStatuses(pod, "containers", in);
  Json inits = ContainerStatuses(pod, "initContainers", in);
  const std::string phase = Phase(pod, status["containerStatuses"], inits, in);
  if (IsTerminalPhase(phase)) {
    for (Json* statuses : {&status["containerStatuses"], &inits}) {
      for (Json& each : *statuses) EndUnseen(each, in.now);
    }
  }
  status["phase"] = phase;
  if (!inits.empty()) status["initContainerStatuses"] = std::move(inits);

  Json ephemeral = EphemeralStatuses(pod, in.no_ephemeral_containers);
  if (!ephemeral.empty()) status["ephemeralContainerStatuses"] = std::move(ephemeral);

  std::string reason = in.remark.reason, message = in.remark.message;
  if (reason.empty() && in.instance && in.instance->state == InstanceState::kFailed) {
    reason = in.instance->reason;
    message = Words(in.instance->message);
  }
  status["reason"] = reason.empty() ? Json() : Json(std::move(reason));
  status["message"] = message.empty() ? Json() : Json(std::move(message));

  const std::string since = TextAt(pod, "status", "startTime");
  status["startTime"] = since.empty() ? base::FormatRfc3339(in.now) : since;
  if (!in.host_ip.empty() && TextAt(pod, "status", "hostIP").empty()) {
    status["hostIP"] = in.host_ip;
    status["hostIPs"] = Json::array({Json{{"ip", in.host_ip}}});
  }
  if (in.instance && !in.instance->pod_ip.empty()) {
    status["podIP"] = in.instance->pod_ip;
    status["podIPs"] = Json::array({Json{{"ip", in.instance->pod_ip}}});
  }
  status["conditions"] = Conditions(pod, status, in);
  return status;
}

Json StatusPatch(Json status) {
  for (const char* list : {"hostIPs", "podIPs"}) {
    if (status.contains(list)) status[list].push_back({{"$patch", "replace"}});
  }
  return status;
}

namespace {
// What an API server leaves out whose feature gates for resizes are off, as before 1.33.
bool IsGated(std::string_view key) { return key == "resources" || key == "allocatedResources"; }
}  // namespace

bool Covers(const Json& status, const Json& wanted) {
  if (wanted.is_null()) return status.is_null() || (status.is_string() && Text(status).empty());
  if (wanted.is_object()) {
    if (!status.is_object()) return wanted.empty();
    for (const auto& [key, value] : wanted.items()) {
      if (key == "conditions" && value.is_array()) {
        for (const Json& condition : value) {
          const Json& there = Named(At(status, key), TextAt(condition, "type"), "type");
          if (condition.contains("$patch") ? !there.is_null() : !Covers(there, condition)) return false;
        }
      } else if (const Json& there = At(status, key); !Covers(there, value) && !(there.is_null() && IsGated(key))) {
        return false;
      }
    }
    return true;
  }
  if (wanted.is_array()) {
    if (wanted.empty()) return Items(status).empty();
    if (!status.is_array() || status.size() != wanted.size()) return false;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (!Covers(status[i], wanted[i])) return false;
    }
    return true;
  }
  // The API server leaves out what is false, 0 or empty.
  if (status.is_null()) return wanted == Json(false) || wanted == Json(0) || wanted == Json("");
  return status == wanted;
}

}  // namespace spillway::cloud
