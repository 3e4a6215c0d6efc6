#include "cloud/providers/simulated/timeline.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <limits>

#include "cloud/restart_policy.h"

namespace spillway::cloud {
namespace {

constexpr int kSigterm = 15;
constexpr int kExitOnSigterm = 128 + kSigterm;

std::optional<double> NumberAnnotation(const Json& pod, std::string_view key) {
  const std::string text = TextAt(pod, "metadata", "annotations", key);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  constexpr double kLongest = 1e9;  // seconds; keeps the clock's arithmetic in range
  if (text.empty() || error != std::errc() || end != text.data() + text.size() || !(value >= 0 && value <= kLongest)) {
    return std::nullopt;
  }
  return value;
}

Duration Seconds(double count) { return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(count)); }

// The earliest of the moments offered that is still to come.
class NextChange {
 public:
  explicit NextChange(WallTime now) : now_(now) {}
  void Offer(WallTime when) {
    if (when > now_ && (!next_ || when < *next_)) next_ = when;
  }
  std::optional<WallTime> get() const { return next_; }

 private:
  WallTime now_;
  std::optional<WallTime> next_;
};

Termination Ended(const ContainerScript& script, WallTime started, WallTime finished) {
  return {.exit_code = script.exit_code,
          .signal = 0,
          .reason = script.exit_code == 0 ? "Completed" : "Error",
          .message = {},
          .started_at = started,
          .finished_at = finished};
}

ContainerState Waiting(const InstanceScript& instance, const ContainerScript& script, std::string reason) {
  ContainerState state;
  state.name = script.name;
  state.image = script.image;
  state.image_id = script.image.empty() ? "" : "simulated://" + script.image;
  state.reason = std::move(reason);
  if (state.reason != "ContainerCreating" && state.reason != "PodInitializing") {
    state.container_id = fmt::format("simulated://{}/{}", instance.id, script.name);
  }
  return state;
}

// The container at `now`, having been started first at `first_start`. Walks through its runs: each restart waits as
// kubelet would.
ContainerState Play(const InstanceScript& instance, const ContainerScript& script, WallTime first_start, WallTime now,
                    NextChange& next) {
  ContainerState state = Waiting(instance, script, "Running");
  CrashBackoff backoff;
  const std::string policy = script.is_sidecar ? "Always" : instance.restart_policy;
  for (WallTime start = first_start;; ++state.restart_count) {
    if (!script.run_for || now < start + *script.run_for) {
      state.kind = ContainerState::Kind::kRunning;
      state.reason.clear();
      state.started = true;
      state.ready = now >= start + script.ready_after;
      state.started_at = start;
      next.Offer(start + script.ready_after);
      if (script.run_for) next.Offer(start + *script.run_for);
      return state;
    }
    const WallTime end = start + *script.run_for;
    const Termination ended = Ended(script, start, end);
    if (!RestartsAfter(policy, script.exit_code)) {
      state.kind = ContainerState::Kind::kTerminated;
      state.reason.clear();
      state.ended = ended;
      return state;
    }
    state.last = ended;
    const WallTime again = end + backoff.Next(*script.run_for);
    if (now < again) {
      state.reason = "CrashLoopBackOff";
      state.message = fmt::format("back-off restarting failed container {}", script.name);
      next.Offer(again);
      return state;
    }
    // A run of no length at all would never let the clock catch up.
    start = std::max(again, end + 1ms);
  }
}

ContainerState InitDone(const InstanceScript& instance, const ContainerScript& script, WallTime at) {
  ContainerState state = Waiting(instance, script, "Completed");
  state.kind = ContainerState::Kind::kTerminated;
  state.reason.clear();
  state.ready = true;
  state.ended = Ended(script, at, at);
  return state;
}

void PlayContainers(const InstanceScript& script, WallTime now, InstanceView& view, NextChange& next) {
  const WallTime start = script.created_at + script.start_after;
  next.Offer(start);
  Instance& instance = view.instance;
  for (const ContainerScript& container : script.containers) {
    auto& list = container.is_init ? instance.init_containers : instance.containers;
    if (now < start) {
      list.push_back(Waiting(script, container, container.is_init ? "PodInitializing" : "ContainerCreating"));
    } else if (container.is_init && !container.is_sidecar) {
      list.push_back(InitDone(script, container, start));
    } else {
      list.push_back(Play(script, container, start, now, next));
    }
  }
  if (now < start) return;
  instance.pod_ip = script.pod_ip;
  const auto terminated = [](const ContainerState& c) { return c.kind == ContainerState::Kind::kTerminated; };
  const auto failed = [](const ContainerState& c) { return c.ended && c.ended->exit_code != 0; };
  if (!std::all_of(instance.containers.begin(), instance.containers.end(), terminated)) {
    instance.state = InstanceState::kRunning;
  } else {
    const bool any_failed = std::any_of(instance.containers.begin(), instance.containers.end(), failed);
    instance.state = any_failed ? InstanceState::kFailed : InstanceState::kSucceeded;
  }
}

void StopContainers(Instance& instance, WallTime at) {
  for (auto* list : {&instance.init_containers, &instance.containers}) {
    for (ContainerState& container : *list) {
      container.started = container.ready = false;
      if (container.kind != ContainerState::Kind::kRunning) continue;
      container.kind = ContainerState::Kind::kTerminated;
      container.ended = Termination{.exit_code = kExitOnSigterm,
                                    .signal = kSigterm,
                                    .reason = "Error",
                                    .message = {},
                                    .started_at = container.started_at,
                                    .finished_at = at};
      container.started_at.reset();
    }
  }
}

}  // namespace

std::vector<ContainerScript> ContainerScriptsOf(const Json& pod) {
  const auto run_seconds = NumberAnnotation(pod, "spillway.io/simulated-run-seconds");
  const auto exit_code = NumberAnnotation(pod, "spillway.io/simulated-exit-code");
  std::vector<ContainerScript> scripts;
  const auto add = [&](const Json& container, bool is_init) {
    ContainerScript script;
    script.name = TextAt(container, "name");
    script.image = TextAt(container, "image");
    script.is_init = is_init;
    script.is_sidecar = is_init && TextAt(container, "restartPolicy") == "Always";
    if (!is_init) {
      if (run_seconds) script.run_for = Seconds(*run_seconds);
      script.exit_code = exit_code ? static_cast<int>(std::min(*exit_code, 255.0)) : 0;
    }
    const auto delay = Integer(At(container, "readinessProbe", "initialDelaySeconds"));
    script.ready_after = std::chrono::seconds(std::clamp<std::int64_t>(delay, 0, 3600));
    scripts.push_back(std::move(script));
  };
  for (const Json& container : Items(At(pod, "spec", "initContainers"))) add(container, true);
  for (const Json& container : Items(At(pod, "spec", "containers"))) add(container, false);
  return scripts;
}

InstanceView ViewAt(const InstanceScript& script, WallTime now) {
  InstanceView view;
  view.instance.id = script.id;
  view.instance.identity = script.identity;
  view.instance.created_at = script.created_at;

  NextChange next(now);
  // Deletion and reclaim freeze what the containers had come to.
  const std::optional<WallTime> frozen = script.reclaimed_at && script.deleted_at
                                             ? std::min(*script.reclaimed_at, *script.deleted_at)
                                         : script.reclaimed_at ? script.reclaimed_at
                                                               : script.deleted_at;
  const bool is_frozen = frozen && now >= *frozen;
  if (script.late_no_stock) {
    const WallTime noticed = script.created_at + script.start_after;
    next.Offer(noticed);
    for (const ContainerScript& container : script.containers) {
      auto& list = container.is_init ? view.instance.init_containers : view.instance.containers;
      list.push_back(Waiting(script, container, "ContainerCreating"));
    }
    if (now >= noticed) {
      view.instance.state = InstanceState::kFailed;
      view.instance.reason = "NoStock";
      view.instance.message = "The zone ran out of stock before the instance could start";
      view.instance.refused = Refusal::kStock;
    }
  } else {
    NextChange ignored(now);
    PlayContainers(script, is_frozen ? *frozen : now, view, is_frozen ? ignored : next);
  }

  if (script.reclaimed_at && now >= *script.reclaimed_at) {
    StopContainers(view.instance, *script.reclaimed_at);
    view.instance.state = InstanceState::kFailed;
    view.instance.reason = "SpotReclaimed";
    view.instance.message = "The cloud took its spot instance back";
  }
  if (script.deleted_at && now >= *script.deleted_at) {
    StopContainers(view.instance, *script.deleted_at);
    if (view.instance.state != InstanceState::kFailed && view.instance.state != InstanceState::kSucceeded) {
      view.instance.state = InstanceState::kTerminating;
    }
    next.Offer(*script.deleted_at + script.stop_after);
  }
  view.next_change = next.get();
  return view;
}

}  // namespace spillway::cloud
