#include "cloud/providers/process/container.h"

#include <fmt/core.h>
#include <signal.h>

#include <algorithm>
#include <utility>

#include "cloud/providers/process/command.h"
#include "cloud/providers/process/container_log.h"

namespace spillway::cloud {
namespace {

constexpr Duration kLongestHook = 24h;  // a postStart hook has no limit of its own
constexpr Duration kStartRetry = 10s, kStartErrorRetry = 1s;
constexpr Duration kGraceAfterHook = 2s;  // kubelet's minimumGracePeriodInSeconds
constexpr std::size_t kEventOutput = 1024;
constexpr std::size_t kLogMessageBytes = 2048;  // terminationMessagePolicy FallbackToLogsOnError
constexpr std::int64_t kLogMessageLines = 80;
constexpr int kSignalTerm = SIGTERM, kSignalKill = SIGUSR1;  // what the shim makes of them

}  // namespace

ProcessContainer::ProcessContainer(Json spec, bool is_init, ContainerPlace place, ActionRunner& runner,
                                   InstanceEvents& events)
    : spec_(std::move(spec)),
      name_(TextAt(spec_, "name")),
      is_init_(is_init),
      is_sidecar_(is_init && TextAt(spec_, "restartPolicy") == "Always"),
      place_(std::move(place)),
      events_(events),
      run_(place_.directory, place_.log_limit),
      post_start_(runner),
      pre_stop_(runner) {
  for (const ProbeKind kind : {ProbeKind::kStartup, ProbeKind::kReadiness, ProbeKind::kLiveness}) {
    const Json& probe = At(spec_, FieldOf(kind));
    if (!probe.is_null()) probes_.push_back({ProbeState(kind, probe), std::make_unique<ActionSlot>(runner)});
  }
}

Status ProcessContainer::Check() const {
  const auto check = [this](const std::string& field, const Json& handler) -> Status {
    if (handler.is_null()) return {};
    const auto action = NetworkActionOf(handler, spec_, place_.pod_ip);
    if (action || action.error().code == Code::kNotFound) return {};  // told when it is asked
    return Fail(Code::kInvalidArgument, fmt::format("container {}: {}: {}", name_, field, action.error().message));
  };
  for (const Probe& probe : probes_) {
    const char* field = FieldOf(probe.state.kind());
    if (auto fine = check(field, At(spec_, field)); !fine) return fine;
  }
  for (const char* hook : {"postStart", "preStop"}) {
    if (auto fine = check(fmt::format("lifecycle.{}", hook), At(spec_, "lifecycle", hook)); !fine) return fine;
  }
  return {};
}

void ProcessContainer::Recover(WallTime fallback) {
  if (!run_.Recover()) return;
  restarts_ = run_.attempt();
  is_executed_ = !place_.is_isolated || run_.CommandPid() != 0;
  for (Probe& probe : probes_) probe.state.Begin(run_.started_at());
  if (!run_.is_running() && run_.ended()) OnEnded(run_.ended()->finished_at.value_or(fallback));
}

bool ProcessContainer::Advance(WallTime now) {
  bool changed = run_.Poll(now);
  if (changed) OnEnded(now);
  if (!run_.is_running()) return changed;
  changed = SeeExecution() || changed;
  if (is_executed_ && awaits_hook_ && !stop_) BeginPostStart(now);
  changed = AdvanceHooks(now) || changed;
  if (stop_) return AdvanceEnding(now) || changed;
  return (is_executed_ && AdvanceProbes(now)) || changed;
}

bool ProcessContainer::SeeExecution() {
  return !std::exchange(is_executed_, is_executed_ || run_.CommandPid() != 0) && is_executed_;
}

// ---- runs

void ProcessContainer::OnEnded(WallTime now) {
  DropActions();
  stop_.reset();
  ended_ = run_.ended();
  ended_->container_id = RunId();
  TakeMessage();
  const int code = ended_->exit_code;
  const bool again = is_sidecar_ ? true
                     : is_init_  ? InitRestartsAfter(place_.restart_policy, code)
                                 : RestartsAfter(place_.restart_policy, code);
  if (!again || is_given_up_) {
    is_over_ = true;
    return;
  }
  const WallTime finished = ended_->finished_at.value_or(now);
  Duration pause = backoff_.Next(finished - run_.started_at());
  last_ = std::exchange(ended_, std::nullopt);
  if (last_->reason == kStartError) {
    next_start_ = now + std::max<Duration>(pause, kStartErrorRetry);
    waiting_reason_ = "RunContainerError";
    waiting_message_ = last_->message;
    return;
  }
  next_start_ = now + pause;
  waiting_reason_ = "CrashLoopBackOff";
  waiting_message_ = fmt::format("back-off {} restarting failed container={} pod={}_{}({})",
                                 base::FormatDuration(pause), name_, place_.pod_name, place_.pod_ns, place_.pod_uid);
}

// terminationMessagePolicy: what the file does not say, the end of the log says of a failed run.
void ProcessContainer::TakeMessage() {
  if (!ended_->message.empty() || ended_->exit_code == 0) return;
  if (TextAt(spec_, "terminationMessagePolicy") != "FallbackToLogsOnError") return;
  LogOptions options;
  options.container = name_;
  options.tail_lines = kLogMessageLines;
  std::string text = RenderLog(run_.ReadLog(run_.attempt(), std::nullopt), options).text;
  if (text.size() > kLogMessageBytes) text.erase(0, text.size() - kLogMessageBytes);
  ended_->message = std::move(text);
}

Result<Isolation> ProcessContainer::PlanView(std::vector<Mount> mounts) const {
  const std::vector<std::string> taken = MountPathsOf(spec_);
  for (const Mount& mount : place_.mounts) {
    if (std::find(taken.begin(), taken.end(), mount.path) == taken.end()) mounts.push_back(mount);
  }
  std::string path = TextAt(spec_, "terminationMessagePath");
  if (path.empty()) path = "/dev/termination-log";
  mounts.push_back({run_.NextMessagePath(), std::move(path), false});
  return PlanIsolation(place_.root, place_.hostname, std::move(mounts));
}

bool ProcessContainer::Start(WallTime now) {
  RunPlan plan;
  if (place_.is_isolated) {
    auto mounts = MountsOf(spec_, place_.volumes);
    if (!mounts) {
      WaitToStart("CreateContainerConfigError", mounts.error().message, now);
      Tell(true, "Failed", "Error: " + waiting_message_, now);
      return true;
    }
    auto view = PlanView(*std::move(mounts));
    if (!view) {
      CannotStart(view.error().message, now);
      return true;
    }
    plan.isolation = *std::move(view);
  }
  // What a mount hides of the machine is not there for the command.
  const auto visible = [&plan](const std::string& path, const char* otherwise) {
    return plan.isolation && plan.isolation->Hides(path) ? std::string(otherwise) : path;
  };
  const std::string home = visible(place_.work_dir, "/");
  auto command = CommandOf(spec_, place_.hostname, place_.pod_ip, home, visible(place_.temp_dir, "/tmp"));
  if (!command) {
    CannotStart(command.error().message, now);
    return true;
  }
  plan.command = *std::move(command);
  plan.work_dir = TextAt(spec_, "workingDir");
  if (plan.work_dir.empty()) plan.work_dir = home;
  plan.input = IsTrue(At(spec_, "stdin")) ? StandardInput::kAttachable : StandardInput::kEmpty;
  const Status started = run_.Start(plan, now);
  if (!started) {
    if (started.error().code == Code::kConflict) return false;  // it is seen to end before it is started again
    WaitToStart("CreateContainerError", started.error().message, now);
    return true;
  }
  AfterStart();
  return true;
}

// Nothing has been started: no run, and no restart, whatever the policy.
void ProcessContainer::WaitToStart(std::string reason, std::string message, WallTime now) {
  next_start_ = now + kStartRetry;
  waiting_reason_ = std::move(reason);
  waiting_message_ = std::move(message);
}

void ProcessContainer::AfterStart() {
  restarts_ = run_.attempt();
  next_start_.reset();
  ended_.reset();
  stop_.reset();
  waiting_reason_.clear();
  waiting_message_.clear();
  for (Probe& probe : probes_) probe.state.Begin(run_.started_at());
  is_executed_ = false;
  awaits_hook_ = !At(spec_, "lifecycle", "postStart").is_null();
}

void ProcessContainer::BeginPostStart(WallTime now) {
  awaits_hook_ = false;
  auto action = ActionFor(At(spec_, "lifecycle", "postStart"));
  if (action) {
    post_start_.Begin(*std::move(action), kLongestHook);
  } else {
    Tell(true, "FailedPostStartHook", "PostStartHook failed: " + action.error().message, now);
    BeginEnding(place_.grace, now);
  }
}

// As a container runtime has it: a run that ended at once.
void ProcessContainer::CannotStart(const std::string& why, WallTime now) {
  const Status noted = run_.FailToStart(why, now);
  if (!noted) return WaitToStart("CreateContainerError", noted.error().message, now);
  AfterStart();
  OnEnded(now);
}

// ---- ends

void ProcessContainer::GiveUp() {
  is_given_up_ = true;
  if (run_.is_running() || ended_ || !last_) return;
  ended_ = std::exchange(last_, std::nullopt);
  is_over_ = true;
}

void ProcessContainer::Stop(Duration grace, WallTime now) {
  GiveUp();
  if (!run_.is_running()) return;
  BeginEnding(grace, now);
}

void ProcessContainer::BeginEnding(Duration grace, WallTime now) {
  if (stop_) {
    stop_->kill_at = std::min(stop_->kill_at, now + grace);
    if (grace == Duration(0)) stop_->has_hook = false;
    AdvanceEnding(now);
    return;
  }
  stop_ = Ending{now + grace, false, false};
  for (Probe& probe : probes_) {
    if (probe.state.kind() == ProbeKind::kReadiness) continue;
    probe.slot->Drop();
    probe.state.Forget();
  }
  const Json& hook = At(spec_, "lifecycle", "preStop");
  if (!hook.is_null() && is_executed_ && grace > Duration(0)) {
    auto action = ActionFor(hook);
    if (action) {
      stop_->has_hook = true;
      pre_stop_.Begin(*std::move(action), grace);
      return;
    }
    Tell(true, "FailedPreStopHook", "PreStopHook failed: " + action.error().message, now);
  }
  AdvanceEnding(now);
}

bool ProcessContainer::AdvanceEnding(WallTime now) {
  if (pre_stop_.is_busy() && now < stop_->kill_at) return false;
  pre_stop_.Drop();
  // Its hook may have left it next to nothing of the grace period.
  if (stop_->has_hook && !stop_->is_termed) stop_->kill_at = std::max(stop_->kill_at, now + kGraceAfterHook);
  if (!stop_->is_termed && now < stop_->kill_at) {
    stop_->is_termed = true;
    run_.Signal(kSignalTerm);
  }
  if (now < stop_->kill_at) return false;
  run_.Signal(kSignalKill);
  stop_->is_termed = true;
  stop_->kill_at = now + 1s;  // again, should it not have been heard
  return false;
}

bool ProcessContainer::AdvanceHooks(WallTime now) {
  bool changed = false;
  if (const auto result = post_start_.Take()) {
    changed = true;
    if (!result->is_success && !stop_) {
      Tell(true, "FailedPostStartHook", "PostStartHook failed: " + result->output.substr(0, kEventOutput), now);
      Tell(false, "Killing", "FailedPostStartHook", now);
      BeginEnding(place_.grace, now);
    }
  }
  if (const auto result = pre_stop_.Take(); result && !result->is_success) {
    Tell(true, "FailedPreStopHook", "PreStopHook failed: " + result->output.substr(0, kEventOutput), now);
  }
  return changed;
}

void ProcessContainer::DropActions() {
  for (Probe& probe : probes_) {
    probe.slot->Drop();
    probe.state.Forget();
  }
  awaits_hook_ = false;
  post_start_.Drop();
  pre_stop_.Drop();
}

// ---- probes

Result<Action> ProcessContainer::ActionFor(const Json& handler) const {
  auto network = NetworkActionOf(handler, spec_, place_.pod_ip);
  if (!network) return Fail(std::move(network).error());
  if (*network) return **std::move(network);
  auto exec = PlanExec(At(handler, "exec", "command"));
  if (!exec) return Fail(std::move(exec).error());
  return Action(*std::move(exec));
}

bool ProcessContainer::AdvanceProbes(WallTime now) {
  bool changed = false;
  for (Probe& probe : probes_) {
    changed = TakeAnswer(probe, now) || changed;
    if (stop_) return true;
    const bool is_startup = probe.state.kind() == ProbeKind::kStartup;
    if (is_starting() || is_startup == is_started()) continue;
    if (probe.state.IsDue(now)) changed = Ask(probe, now) || changed;
  }
  return changed;
}

bool ProcessContainer::Ask(Probe& probe, WallTime now) {
  probe.state.Ask(now);
  auto action = ActionFor(At(spec_, FieldOf(probe.state.kind())));
  if (action) {
    probe.slot->Begin(*std::move(action), probe.state.timeout());
    return false;
  }
  const char* word = WordFor(probe.state.kind());
  const std::string& why = action.error().message;
  if (action.error().code == Code::kNotFound) {  // says nothing of the container: source prober/worker.go
    probe.state.Forget();
    Tell(true, "Unhealthy", fmt::format("{} probe errored and resulted in unknown state: {}", word, why), now);
    return true;
  }
  const bool is_news = probe.state.Answer(false, now);  // its command is not there: a failure like any other
  if (is_news) Tell(true, "Unhealthy", fmt::format("{} probe failed: {}", word, why), now);
  return is_news;
}

bool ProcessContainer::TakeAnswer(Probe& probe, WallTime now) {
  const auto result = probe.slot->Take();
  if (!result) return false;
  const bool is_news = probe.state.Answer(result->is_success, now);
  if (!result->is_success) {
    Tell(true, "Unhealthy",
         fmt::format("{} probe failed: {}", WordFor(probe.state.kind()), result->output.substr(0, kEventOutput)), now);
  }
  const bool is_fatal = probe.state.kind() != ProbeKind::kReadiness && probe.state.verdict() == ProbeVerdict::kFailure;
  if (is_fatal && !stop_) Restart(probe, now);
  return is_news || !result->is_success;
}

void ProcessContainer::Restart(const Probe& probe, WallTime now) {
  const bool is_startup = probe.state.kind() == ProbeKind::kStartup;
  Tell(false, "Killing",
       fmt::format("Container {} failed {} probe, will be restarted", name_, is_startup ? "startup" : "liveness"), now);
  const Json& own = At(spec_, FieldOf(probe.state.kind()), "terminationGracePeriodSeconds");
  BeginEnding(own.is_null() ? place_.grace : std::chrono::seconds(Integer(own)), now);
}

// ---- what others see

bool ProcessContainer::is_started() const {
  if (!is_running() || is_starting()) return false;
  return std::all_of(probes_.begin(), probes_.end(), [](const Probe& probe) {
    return probe.state.kind() != ProbeKind::kStartup || probe.state.verdict() == ProbeVerdict::kSuccess;
  });
}

bool ProcessContainer::is_ready() const {
  if (!is_started()) return false;
  return std::all_of(probes_.begin(), probes_.end(), [](const Probe& probe) {
    return probe.state.kind() != ProbeKind::kReadiness || probe.state.verdict() == ProbeVerdict::kSuccess;
  });
}

bool ProcessContainer::is_passed() const { return is_sidecar_ ? is_started() || restarts_ > 0 : has_succeeded(); }

Result<ExecPlan> ProcessContainer::PlanExec(const Json& words) const {
  Json spec = spec_;
  spec["command"] = words;
  spec.erase("args");
  const Isolation view{{}, {}, {}, MountPathsOf(spec_)};
  const std::string home = place_.is_isolated && view.Hides(place_.work_dir) ? "/" : place_.work_dir;
  const std::string temp = place_.is_isolated && view.Hides(place_.temp_dir) ? "/tmp" : place_.temp_dir;
  auto command = CommandOf(spec, place_.hostname, place_.pod_ip, home, temp);
  if (!command) return Fail(std::move(command).error());
  ExecPlan plan{*std::move(command), TextAt(spec, "workingDir"), false, false, 0, run_.WatchShim()};
  if (plan.work_dir.empty()) plan.work_dir = home;
  if (place_.is_isolated) plan.join = run_.CommandPid();
  return plan;
}

std::string ProcessContainer::RunId() const {
  return fmt::format("process://{}/{}/{}", place_.instance_id, name_, run_.attempt());
}

ContainerState ProcessContainer::State() const {
  ContainerState state;
  state.name = name_;
  state.image = TextAt(spec_, "image");
  state.restart_count = restarts_;
  state.last = last_;
  if (run_.attempt() >= 0) state.container_id = RunId();
  if (is_running()) {
    state.kind = ContainerState::Kind::kRunning;
    state.started = is_started();
    state.ready = is_ready();
    state.started_at = run_.started_at();
  } else if (ended_) {
    state.kind = ContainerState::Kind::kTerminated;
    state.ended = ended_;
    state.ready = is_init_ && !is_sidecar_ && ended_->exit_code == 0;
  } else {
    state.reason = waiting_reason_;
    state.message = waiting_message_;
  }
  return state;
}

void ProcessContainer::Tell(bool is_warning, std::string reason, std::string message, WallTime now) {
  events_.Add({is_warning, name_, std::move(reason), std::move(message), 1, now});
}

}  // namespace spillway::cloud
