// A Pod that has an instance, and what becomes of it.
#include <fmt/core.h>

#include <algorithm>

#include "base/log.h"
#include "cloud/agent/pod_lifecycle.h"

namespace spillway::cloud {

// Source: kubelet active_deadline.go: from startTime on, whether a container has run or not.
std::optional<Duration> PodLifecycle::TimeLeft() const {
  const auto deadline = Integer(At(pod_, "spec", "activeDeadlineSeconds"), -1);
  if (deadline < 0 || !started_at_ || (instance_ && HasEnded(*instance_))) return std::nullopt;
  return *started_at_ + std::chrono::seconds(deadline) - context_.runtime.WallNow();
}

void PodLifecycle::MissDeadline() {
  remark_ = {};
  remark_.phase = "Failed";
  remark_.reason = "DeadlineExceeded";
  remark_.message = "Pod was active on the node longer than the specified deadline";
  events_.Tell("DeadlineExceeded", remark_.message, "Killing");
  Enter(instance_ ? Phase::kDropping : Phase::kOver);
}

Task<PodLifecycle::Wait> PodLifecycle::Accompany() {
  if (instance_->refused) {
    Enter(Phase::kReplacing);
    co_return Wait{Duration(0)};
  }
  // Ended by somebody's decision, not by its containers.
  if (IsTerminalPhase(TextAt(pod_, "status", "phase")) && !HasEnded(*instance_)) {
    Enter(Phase::kDropping);
    co_return Wait{Duration(0)};
  }
  const auto left = TimeLeft();
  if (left && *left <= Duration(0)) {
    MissDeadline();
    co_return Wait{Duration(0)};
  }
  const auto wait = co_await Report();
  if (phase_ != Phase::kHosted) co_return Wait{Duration(0)};  // lost meanwhile
  if (HasEnded(*instance_)) host_.admission().Release(uid_);
  co_return wait.value_or(Wait{}).NoLongerThan(left);
}

// The cloud had accepted the instance and gave up before it ran.
Task<PodLifecycle::Wait> PodLifecycle::Replace() {
  const Refusal refusal = instance_->refused.value_or(Refusal::kTransient);
  const std::string why = fmt::format("[{}] {}: {}", ToString(refusal), instance_->reason, Words(instance_->message));
  if (const auto wait = co_await RemoveInstance(Duration(0))) co_return *wait;
  TellCreateFailed(refusal, why);
  AskAnew();
  co_return Wait{Duration(0)};
}

void PodLifecycle::AskAnew() {
  const Instant now = context_.runtime.Now();
  next_create_ = now + create_pauses_.Next();
  if (generation_ != instance_generation_) {
    unknown_ = UnknownInstance{Doubt::kTokenMismatch, now};
    Enter(Phase::kUnknown);
    return;
  }
  NewGeneration();
  Enter(Phase::kWaiting);
}

Task<PodLifecycle::Wait> PodLifecycle::Drop() {
  const auto untold = co_await Report();
  if (instance_) {
    const auto left = co_await RemoveInstance(GracePeriod());
    if (left) co_return left->NoLongerThan(untold ? untold->at_most : std::nullopt);
  }
  host_.admission().Release(uid_);
  Enter(Phase::kOver);
  co_return Wait{Duration(0)};
}

Task<PodLifecycle::Wait> PodLifecycle::StayOver() {
  host_.admission().Release(uid_);
  const auto wait = co_await Report();
  co_return wait.value_or(Wait{});
}

// It is certain that the instance is no more, and nobody had asked for that.
void PodLifecycle::Lose(const std::string& instance_id) {
  const bool had_run = MayHaveRun();
  changed_.Notify();
  if (instance_) ForgetInstance();
  if (!had_run) return AskAnew();
  if (const auto left = TimeLeft(); left && *left <= Duration(0)) {  // an agent before this one had ended it for that
    host_.admission().Release(uid_);
    return MissDeadline();
  }
  remark_ = {};
  remark_.phase = "Failed";
  remark_.reason = "InstanceLost";
  remark_.message = fmt::format("The cloud no longer has {} that ran this Pod",
                                instance_id.empty() ? "the instance" : "instance " + instance_id);
  log::Warning("a Pod's instance is lost",
               {{"pod", name_}, {"instance", instance_id.empty() ? "unknown" : instance_id}});
  context_.observer.OnInstanceLost();
  host_.admission().Release(uid_);
  events_.WarnOnce("InstanceLost", remark_.message, "Running");
  Enter(Phase::kOver);
}

}  // namespace spillway::cloud
