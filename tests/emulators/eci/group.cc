#include "tests/emulators/eci/group.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

namespace spillway::emulators::eci {
namespace {

constexpr Duration kInstantly = 100ms;  // what "exit 0" takes
constexpr Duration kFirstPause = 10s;   // before the second restart; doubles
constexpr Duration kLongestPause = 5min;

// All numbers behind `word`: "sleep 2; sleep 3" -> 2, 3. "infinity" counts as minus one.
std::vector<double> NumbersBehind(const std::string& text, const std::string& word) {
  std::vector<double> numbers;
  for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
    const char* begin = text.c_str() + at + word.size();
    char* end = nullptr;
    const double number = std::strtod(begin, &end);
    const bool is_finite = end != begin && std::isfinite(number);
    numbers.push_back(is_finite ? number : -1);
  }
  return numbers;
}

ContainerPlan PlanOf(const ParameterMap& parameters, const std::string& prefix, bool is_init) {
  ContainerPlan plan;
  plan.name = At(parameters, prefix + "Name");
  plan.image = At(parameters, prefix + "Image");
  std::string text;
  for (const char* list : {"Command", "Arg"}) {
    for (int i = 1; parameters.contains(fmt::format("{}{}.{}", prefix, list, i)); ++i) {
      text += At(parameters, fmt::format("{}{}.{}", prefix, list, i)) + " ";
    }
  }
  const std::vector<double> sleeps = NumbersBehind(text, "sleep "), exits = NumbersBehind(text, "exit ");
  const bool is_endless = std::any_of(sleeps.begin(), sleeps.end(), [](double s) { return s < 0; });
  if ((is_init || !sleeps.empty() || !exits.empty()) && !is_endless) {
    double seconds = 0;
    for (const double sleep : sleeps) seconds += sleep;
    plan.run_for = std::max(kInstantly, Duration(static_cast<Duration::rep>(seconds * 1e9)));
  }
  if (!exits.empty()) plan.exit_code = static_cast<int>(exits.back());
  for (int i = 1; parameters.contains(fmt::format("{}EnvironmentVar.{}.Key", prefix, i)); ++i) {
    if (At(parameters, fmt::format("{}EnvironmentVar.{}.Key", prefix, i)) != "LOG_EVERY_MS") continue;
    const int every = std::atoi(At(parameters, fmt::format("{}EnvironmentVar.{}.Value", prefix, i)).c_str());
    if (every > 0) plan.line_every = std::chrono::milliseconds(every);
  }
  return plan;
}

std::vector<ContainerPlan> PlansOf(const ParameterMap& parameters, const char* list) {
  std::vector<ContainerPlan> plans;
  for (int i = 1; parameters.contains(fmt::format("{}.{}.Name", list, i)); ++i) {
    plans.push_back(PlanOf(parameters, fmt::format("{}.{}.", list, i), std::string_view(list) == "InitContainer"));
  }
  return plans;
}

bool Restarts(const std::string& policy, int exit_code) {
  return policy == "Always" || (policy == "OnFailure" && exit_code != 0);
}

// A moment at which something changed, if it has come.
void Mark(GroupView& view, WallTime when, WallTime now) {
  if (when <= now) view.changed_at = std::max(view.changed_at, when);
}

// `start`: of its first run. Walks through the runs up to now.
RunView RunAt(const ContainerPlan& plan, const std::string& policy, WallTime start, WallTime now, GroupView& view) {
  RunView run;
  Duration pause{0};
  for (;;) {
    if (now < start) {
      run.kind = RunView::Kind::kWaiting;
      run.reason = run.restarts > 0 ? "CrashLoopBackOff" : "ContainerCreating";
      return run;
    }
    Mark(view, start, now);
    run.kind = RunView::Kind::kRunning;
    run.started_at = start;
    if (!plan.run_for || now < start + *plan.run_for) return run;
    const WallTime end = start + *plan.run_for;
    Mark(view, end, now);
    run.kind = RunView::Kind::kTerminated;
    run.finished_at = end;
    run.exit_code = plan.exit_code;
    if (!Restarts(policy, plan.exit_code)) return run;
    run.previous = {start, end};
    ++run.restarts;
    start = end + pause;
    pause = std::clamp(pause * 2, kFirstPause, kLongestPause);
  }
}

bool IsOver(const RunView& run, const std::string& policy) {
  return run.kind == RunView::Kind::kTerminated && !Restarts(policy, run.exit_code);
}

// Init containers, one after the other; when the last one is done, if it is.
std::optional<WallTime> RunInits(const Group& group, WallTime start, WallTime now, GroupView& view) {
  const std::string policy = group.restart_policy == "Never" ? "Never" : "OnFailure";
  bool goes_on = true;
  for (const ContainerPlan& plan : group.init_containers) {
    if (!goes_on) {
      view.init_containers.emplace_back().reason = "PodInitializing";
      continue;
    }
    RunView run = RunAt(plan, policy, start, now, view);
    goes_on = run.kind == RunView::Kind::kTerminated && run.exit_code == 0;
    if (goes_on) start = run.finished_at;
    if (IsOver(run, policy) && run.exit_code != 0) {
      view.status = "Failed";
      view.ended_at = run.finished_at;
    }
    view.init_containers.push_back(std::move(run));
  }
  return goes_on ? std::optional(start) : std::nullopt;
}

void RunContainers(const Group& group, WallTime start, WallTime now, GroupView& view) {
  bool all_over = true, all_good = true;
  WallTime last{};
  for (const ContainerPlan& plan : group.containers) {
    RunView run = RunAt(plan, group.restart_policy, start, now, view);
    all_over = all_over && IsOver(run, group.restart_policy);
    all_good = all_good && run.exit_code == 0;
    last = std::max(last, run.finished_at);
    view.containers.push_back(std::move(run));
  }
  view.status = "Running";
  if (!all_over) return;
  view.status = all_good ? "Succeeded" : "Failed";
  view.ended_at = last;
}

// What a spot instance that is taken back leaves.
void Reclaim(const Group& group, WallTime now, GroupView& view) {
  if (!group.reclaimed_at || now < *group.reclaimed_at || view.ended_at) return;
  view.status = "Expired";
  view.ended_at = group.reclaimed_at;
  Mark(view, *group.reclaimed_at, now);
  for (RunView& run : view.containers) {
    if (run.kind != RunView::Kind::kRunning) continue;
    run.kind = RunView::Kind::kTerminated;
    run.exit_code = 137;
    run.reason = "SpotReclaimed";
    run.finished_at = *group.reclaimed_at;
  }
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
  GroupView view;
  view.changed_at = group.created_at;
  const WallTime scheduled = group.created_at + group.schedule_after, started = group.created_at + group.start_after;
  // A deletion freezes what runs, as far as anyone sees.
  const WallTime seen_at = group.deleted_at ? std::min(now, *group.deleted_at) : now;
  if (seen_at < scheduled) {
    view.status = "Scheduling";
  } else if (group.lacks_stock) {
    view.status = "ScheduleFailed";
    view.reason = "NoStock";
    view.ended_at = scheduled;
    Mark(view, scheduled, now);
  } else {
    Mark(view, scheduled, now);
    view.status = "Pending";
    const auto inits_done = RunInits(group, started, seen_at, view);
    if (inits_done && *inits_done <= seen_at) RunContainers(group, *inits_done, seen_at, view);
    while (view.containers.size() < group.containers.size()) {
      view.containers.emplace_back().reason = group.init_containers.empty() ? "ContainerCreating" : "PodInitializing";
    }
    Reclaim(group, seen_at, view);
  }
  if (group.deleted_at && now >= *group.deleted_at) {
    Mark(view, *group.deleted_at, now);
    view.is_gone = now >= *group.deleted_at + group.stop_after;
    if (!view.ended_at) view.status = "Terminating";
  }
  if (!group.odd_status.empty()) view.status = group.odd_status;
  return view;
}

}  // namespace spillway::emulators::eci
