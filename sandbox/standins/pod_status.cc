#include "sandbox/standins/pod_status.h"

namespace spillway::sandbox {
namespace {

// One status per container; `state` of each is edited by `edit`.
void SetContainers(Json& pod, bool ready, const Json& state) {
  Json statuses = Json::array();
  for (const Json& container : At(pod, {"spec", "containers"})) {
    const std::string name = Text(container, {"name"}), image = Text(container, {"image"});
    Json status = {{"name", name},
                   {"image", image},
                   {"imageID", ""},
                   {"ready", ready},
                   {"started", ready},
                   {"restartCount", 0},
                   {"lastState", Json::object()},
                   {"state", state}};
    if (!state.contains("waiting")) {
      status["imageID"] = "sandbox.local/" + image;
      status["containerID"] = "standin://" + UidOf(pod) + "/" + name;
    }
    statuses.push_back(std::move(status));
  }
  pod["status"]["containerStatuses"] = std::move(statuses);
}

}  // namespace

void SetCreating(Json& pod, const std::string& host_ip, WallTime now) {
  SetContainers(pod, false, {{"waiting", {{"reason", "ContainerCreating"}}}});
  Json& status = pod["status"];
  status["phase"] = "Pending";
  status["hostIP"] = host_ip;
  status["hostIPs"] = Json::array({{{"ip", host_ip}}});
  status["startTime"] = base::FormatRfc3339(now);
  SetCondition(status, "Initialized", true, "", "", now);
  SetCondition(status, "Ready", false, "ContainersNotReady", "containers are not ready", now);
  SetCondition(status, "ContainersReady", false, "ContainersNotReady", "containers are not ready", now);
}

void SetRunning(Json& pod, const std::string& ip, const std::string& host_ip, WallTime now) {
  SetContainers(pod, true, {{"running", {{"startedAt", base::FormatRfc3339(now)}}}});
  Json& status = pod["status"];
  status["phase"] = "Running";
  status["hostIP"] = host_ip;
  status["hostIPs"] = Json::array({{{"ip", host_ip}}});
  status["podIP"] = ip;
  status["podIPs"] = Json::array({{{"ip", ip}}});
  SetCondition(status, "PodReadyToStartContainers", true, "", "", now);
  SetCondition(status, "Initialized", true, "", "", now);
  SetCondition(status, "Ready", true, "", "", now);
  SetCondition(status, "ContainersReady", true, "", "", now);
}

void SetEnded(Json& pod, int exit_code, WallTime now) {
  const std::string finished = base::FormatRfc3339(now);
  const std::string started = Text(pod, {"status", "startTime"});
  SetContainers(pod, false,
                {{"terminated",
                  {{"exitCode", exit_code},
                   {"reason", exit_code == 0 ? "Completed" : "Error"},
                   {"startedAt", started.empty() ? finished : started},
                   {"finishedAt", finished}}}});
  Json& status = pod["status"];
  status["phase"] = exit_code == 0 ? "Succeeded" : "Failed";
  const char* reason = exit_code == 0 ? "PodCompleted" : "PodFailed";
  SetCondition(status, "Ready", false, reason, "", now);
  SetCondition(status, "ContainersReady", false, reason, "", now);
}

}  // namespace spillway::sandbox
