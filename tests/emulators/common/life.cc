#include "tests/emulators/common/life.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string_view>
#include <tuple>
#include <utility>

namespace spillway::emulators {
namespace {

using Stage = LifeView::Stage;

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

bool Restarts(const std::string& policy, int exit_code) {
  return policy == "Always" || (policy == "OnFailure" && exit_code != 0);
}

// A moment at which something changed, if it has come.
void Mark(LifeView& view, WallTime when, WallTime now) {
  if (when <= now) view.changed_at = std::max(view.changed_at, when);
}

// `start`: of its first run. Walks through the runs up to now.
RunView RunAt(const ContainerPlan& plan, const std::string& policy, WallTime start, WallTime now, LifeView& view) {
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
std::optional<WallTime> RunInits(const Life& life, WallTime start, WallTime now, LifeView& view) {
  const std::string policy = life.restart_policy == "Never" ? "Never" : "OnFailure";
  bool goes_on = true;
  for (const ContainerPlan& plan : life.init_containers) {
    if (!goes_on) {
      view.init_containers.emplace_back().reason = "PodInitializing";
      continue;
    }
    RunView run = RunAt(plan, policy, start, now, view);
    goes_on = run.kind == RunView::Kind::kTerminated && run.exit_code == 0;
    if (goes_on) start = run.finished_at;
    if (IsOver(run, policy) && run.exit_code != 0) {
      view.stage = Stage::kFailed;
      view.ended_at = run.finished_at;
    }
    view.init_containers.push_back(std::move(run));
  }
  return goes_on ? std::optional(start) : std::nullopt;
}

void RunContainers(const Life& life, WallTime start, WallTime now, LifeView& view) {
  bool all_over = true, all_good = true;
  WallTime last{};
  for (const ContainerPlan& plan : life.containers) {
    RunView run = RunAt(plan, life.restart_policy, start, now, view);
    all_over = all_over && IsOver(run, life.restart_policy);
    all_good = all_good && run.exit_code == 0;
    last = std::max(last, run.finished_at);
    view.containers.push_back(std::move(run));
  }
  view.stage = Stage::kRunning;
  if (!all_over) return;
  view.stage = all_good ? Stage::kSucceeded : Stage::kFailed;
  view.ended_at = last;
}

// What a spot instance that is taken back leaves.
void Reclaim(const Life& life, WallTime now, LifeView& view) {
  if (!life.reclaimed_at || now < *life.reclaimed_at || view.ended_at) return;
  view.stage = Stage::kReclaimed;
  view.ended_at = life.reclaimed_at;
  Mark(view, *life.reclaimed_at, now);
  for (RunView& run : view.containers) {
    if (run.kind != RunView::Kind::kRunning) continue;
    run.kind = RunView::Kind::kTerminated;
    run.exit_code = 137;
    run.reason = "SpotReclaimed";
    run.finished_at = *life.reclaimed_at;
  }
}

}  // namespace

ContainerPlan PlanOf(std::string name, std::string image, const std::string& command, bool is_init) {
  ContainerPlan plan;
  plan.name = std::move(name);
  plan.image = std::move(image);
  const std::vector<double> sleeps = NumbersBehind(command, "sleep "), exits = NumbersBehind(command, "exit ");
  const bool is_endless = std::any_of(sleeps.begin(), sleeps.end(), [](double s) { return s < 0; });
  const bool prints = command.find("print ") != std::string::npos;
  if ((is_init || prints || !sleeps.empty() || !exits.empty()) && !is_endless) {
    double seconds = 0;
    for (const double sleep : sleeps) seconds += sleep;
    plan.run_for = std::max(kInstantly, Duration(static_cast<Duration::rep>(seconds * 1e9)));
  }
  if (!exits.empty()) plan.exit_code = static_cast<int>(exits.back());
  return plan;
}

void SetLogEvery(ContainerPlan& plan, const std::string& milliseconds) {
  const int every = std::atoi(milliseconds.c_str());
  if (every > 0) plan.line_every = std::chrono::milliseconds(every);
}

LifeView ViewAt(const Life& life, WallTime now) {
  LifeView view;
  view.changed_at = life.created_at;
  const WallTime scheduled = life.created_at + life.schedule_after, started = life.created_at + life.start_after;
  // A deletion freezes what runs, as far as anyone sees.
  const WallTime seen_at = life.deleted_at ? std::min(now, *life.deleted_at) : now;
  if (seen_at < scheduled) {
    view.stage = Stage::kScheduling;
  } else if (life.lacks_stock) {
    view.stage = Stage::kNoStock;
    view.ended_at = scheduled;
    Mark(view, scheduled, now);
  } else {
    Mark(view, scheduled, now);
    view.stage = Stage::kStarting;
    const auto inits_done = RunInits(life, started, seen_at, view);
    if (inits_done && *inits_done <= seen_at) RunContainers(life, *inits_done, seen_at, view);
    while (view.containers.size() < life.containers.size()) {
      view.containers.emplace_back().reason = life.init_containers.empty() ? "ContainerCreating" : "PodInitializing";
    }
    Reclaim(life, seen_at, view);
  }
  if (life.deleted_at && now >= *life.deleted_at) {
    Mark(view, *life.deleted_at, now);
    view.is_gone = now >= *life.deleted_at + life.stop_after;
    if (!view.ended_at) view.stage = Stage::kStopping;
  }
  return view;
}

std::string LogText(const ContainerPlan& plan, const RunView& run, const LogQuery& query, WallTime now) {
  WallTime start = run.started_at, end = run.kind == RunView::Kind::kTerminated ? run.finished_at : now;
  if (query.previous) {
    if (!run.previous) return "";
    std::tie(start, end) = *run.previous;
  } else if (run.kind == RunView::Kind::kWaiting) {
    if (!run.previous) return "";
    std::tie(start, end) = *run.previous;
  }
  const std::int64_t last = (end - start) / plan.line_every;
  std::int64_t first = 0;
  if (query.since && *query.since > start) {
    first = (*query.since - start + plan.line_every - Duration(1)) / plan.line_every;
  }
  first = std::max(first, last + 1 - static_cast<std::int64_t>(query.tail));
  std::string text;
  for (std::int64_t line = first; line <= last; ++line) {
    if (query.timestamps) text += base::FormatRfc3339Micro(start + line * plan.line_every) + " ";
    text += fmt::format("{} line {}\n", plan.name, line);
  }
  if (text.size() > query.limit_bytes) text.erase(0, text.size() - query.limit_bytes);
  return text;
}

}  // namespace spillway::emulators
