#include <fmt/core.h>

#include <optional>
#include <string>
#include <utility>

#include "sandbox/views/table_printers.h"

// Source: pkg/printers/internalversion/printers.go printPod, v1.36.

namespace spillway::sandbox {
namespace {

const Json* InitContainer(const Json& pod, const std::string& name) {
  for (const Json& container : ArrayAt(pod, "spec.initContainers")) {
    if (TextAt(container, "name") == name) return &container;
  }
  return nullptr;
}

bool IsSidecar(const Json* container) { return container && TextAt(*container, "restartPolicy") == "Always"; }

bool HasTrueCondition(const Json& pod, std::string_view type) {
  for (const Json& condition : ArrayAt(pod, "status.conditions")) {
    if (TextAt(condition, "type") == type) return TextAt(condition, "status") == "True";
  }
  return false;
}

// How a container that has ended reads when it gives no reason.
std::string ExitText(const Json& terminated) {
  const std::int64_t signal = IntAt(terminated, "signal", 0);
  return signal != 0 ? fmt::format("Signal:{}", signal) : fmt::format("ExitCode:{}", IntAt(terminated, "exitCode", 0));
}

struct RestartCount {
  std::int64_t count = 0;
  std::string last;  // RFC 3339 times of one form order as texts

  void Add(const Json& container) {
    count += IntAt(container, "restartCount", 0);
    if (std::string finished = TextAt(container, "lastState.terminated.finishedAt"); finished > last) {
      last = std::move(finished);
    }
  }
};

struct Summary {
  std::string reason;
  std::int64_t ready = 0, total = 0;
  RestartCount restarts;
};

std::string FirstReason(const Json& pod) {
  for (const Json& condition : ArrayAt(pod, "status.conditions")) {
    if (TextAt(condition, "type") == "PodScheduled" && TextAt(condition, "reason") == "SchedulingGated") {
      return "SchedulingGated";
    }
  }
  const std::string reason = TextAt(pod, "status.reason");
  return reason.empty() ? TextAt(pod, "status.phase") : reason;
}

// What one init container makes of the Pod's status; nullopt while it is no obstacle.
std::optional<std::string> InitReason(const Json& pod, const Json& status, std::size_t index, Summary& summary) {
  const Json* terminated = Find(status, "state.terminated");
  if (terminated && IntAt(*terminated, "exitCode", 0) == 0) return std::nullopt;
  if (IsSidecar(InitContainer(pod, TextAt(status, "name"))) && IsTrueAt(status, "started")) {
    if (IsTrueAt(status, "ready")) ++summary.ready;
    return std::nullopt;
  }
  if (terminated) {
    const std::string reason = TextAt(*terminated, "reason");
    return "Init:" + (reason.empty() ? ExitText(*terminated) : reason);
  }
  const std::string waiting = TextAt(status, "state.waiting.reason");
  if (!waiting.empty() && waiting != "PodInitializing") return "Init:" + waiting;
  return fmt::format("Init:{}/{}", index, ArrayAt(pod, "spec.initContainers").size());
}

void ReadContainers(const Json& pod, Summary& summary) {
  bool has_running = false;
  const Json& statuses = ArrayAt(pod, "status.containerStatuses");
  for (auto status = statuses.rbegin(); status != statuses.rend(); ++status) {
    summary.restarts.Add(*status);
    const std::string waiting = TextAt(*status, "state.waiting.reason");
    const Json* terminated = Find(*status, "state.terminated");
    if (!waiting.empty()) {
      summary.reason = waiting;
    } else if (terminated) {
      const std::string reason = TextAt(*terminated, "reason");
      summary.reason = reason.empty() ? ExitText(*terminated) : reason;
    } else if (IsTrueAt(*status, "ready") && Find(*status, "state.running")) {
      has_running = true;
      ++summary.ready;
    }
  }
  if (summary.reason == "Completed" && has_running) {
    summary.reason = HasTrueCondition(pod, "Ready") ? "Running" : "NotReady";
  }
}

Summary Summarize(const Json& pod) {
  Summary summary{.reason = FirstReason(pod)};
  summary.total = static_cast<std::int64_t>(ArrayAt(pod, "spec.containers").size());
  for (const Json& container : ArrayAt(pod, "spec.initContainers")) summary.total += IsSidecar(&container) ? 1 : 0;

  RestartCount of_sidecars;
  bool initializing = false;
  const Json& init = ArrayAt(pod, "status.initContainerStatuses");
  for (std::size_t i = 0; i < init.size() && !initializing; ++i) {
    summary.restarts.Add(init[i]);
    if (IsSidecar(InitContainer(pod, TextAt(init[i], "name")))) of_sidecars.Add(init[i]);
    if (auto reason = InitReason(pod, init[i], i, summary)) {
      summary.reason = *reason;
      initializing = true;
    }
  }
  if (!initializing || HasTrueCondition(pod, "Initialized")) {
    summary.restarts = of_sidecars;
    ReadContainers(pod, summary);
  }
  if (Find(pod, "metadata.deletionTimestamp")) {
    const std::string phase = TextAt(pod, "status.phase");
    if (TextAt(pod, "status.reason") == "NodeLost") {
      summary.reason = "Unknown";
    } else if (phase != "Failed" && phase != "Succeeded") {
      summary.reason = "Terminating";
    }
  }
  return summary;
}

std::string ReadinessGates(const Json& pod) {
  const Json& gates = ArrayAt(pod, "spec.readinessGates");
  if (gates.empty()) return "<none>";
  int open = 0;
  for (const Json& gate : gates) open += HasTrueCondition(pod, TextAt(gate, "conditionType")) ? 1 : 0;
  return fmt::format("{}/{}", open, gates.size());
}

Json PodCells(const Json& pod, WallTime now) {
  const Summary summary = Summarize(pod);
  std::string restarts = std::to_string(summary.restarts.count);
  if (summary.restarts.count != 0 && !summary.restarts.last.empty()) {
    restarts += fmt::format(" ({} ago)", AgeOf(summary.restarts.last, now));
  }
  const Json& ips = ArrayAt(pod, "status.podIPs");
  std::string ip = ips.empty() ? TextAt(pod, "status.podIP") : TextAt(ips[0], "ip");
  return {NameOf(pod),
          fmt::format("{}/{}", summary.ready, summary.total),
          summary.reason,
          restarts,
          AgeOfObject(pod, now),
          OrNone(std::move(ip)),
          OrNone(TextAt(pod, "spec.nodeName")),
          OrNone(TextAt(pod, "status.nominatedNodeName")),
          ReadinessGates(pod)};
}

}  // namespace

std::string PodStatusText(const Json& pod) { return Summarize(pod).reason; }

const std::vector<Printer>& PodPrinters() {
  static const std::vector<Printer> printers = {{"",
                                                 "pods",
                                                 {{"Name"},
                                                  {"Ready"},
                                                  {"Status"},
                                                  {"Restarts"},
                                                  {"Age"},
                                                  {"IP", "string", 1},
                                                  {"Node", "string", 1},
                                                  {"Nominated Node", "string", 1},
                                                  {"Readiness Gates", "string", 1}},
                                                 PodCells}};
  return printers;
}

}  // namespace spillway::sandbox
