// A Pod's way to its instance.
#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "cloud/agent/client_token.h"
#include "cloud/agent/node_labels.h"
#include "cloud/agent/pod_lifecycle.h"
#include "kube/paths.h"

namespace spillway::cloud {
namespace {
constexpr int kQuietUncertainties = 1;  // unknown outcomes before the user hears of them: most turn out well
constexpr Duration kLongCreate = 30s;   // whoever waits has a right to know
}  // namespace

Task<PodLifecycle::Wait> PodLifecycle::AwaitInstance() {
  if (IsTerminalPhase(TextAt(pod_, "status", "phase"))) {
    Enter(Phase::kOver);
    co_return Wait{Duration(0)};
  }
  if (const auto left = TimeLeft(); left && *left <= Duration(0)) {
    MissDeadline();
    co_return Wait{Duration(0)};
  }
  Admission admission = host_.admission().Admit(pod_);
  if (admission.reason == kNodeAffinity) {
    if (const auto wait = co_await LookAtNode()) co_return *wait;
    if (ShouldEnd() || instance_) co_return Wait{Duration(0)};
    admission = host_.admission().Admit(pod_);
  }
  if (admission.verdict == Admission::Verdict::kHold) co_return co_await Hold(admission);
  if (admission.verdict == Admission::Verdict::kRefuse) co_return co_await Refuse(admission);
  if (admission.verdict == Admission::Verdict::kReject) co_return co_await Reject(admission);
  if (next_create_ && context_.runtime.Now() < *next_create_) {
    const auto wait = co_await Report();
    const Duration left = std::max(*next_create_ - context_.runtime.Now(), Duration(0));
    co_return Wait{left}.NoLongerThan(wait ? wait->at_most : std::nullopt);
  }
  if (host_.is_stopping()) {
    settled_ = true;
    co_return Wait{};
  }
  co_return co_await Create();
}

// Its labels may be newer than what has come of them. Source: kubelet lifecycle/predicate.go generalFilter; which
// rejects as well when it cannot look.
Task<std::optional<PodLifecycle::Wait>> PodLifecycle::LookAtNode() {
  Result<Json> node = co_await context_.api.reads().Get(kube::NodePath(context_.options.node_name));
  if (!node) co_return Wait{std::max(input_pauses_.Next(), node.error().retry_after)};
  input_pauses_.Reset();
  context_.node_labels.OnNode(*node);
  co_return std::nullopt;
}

bool PodLifecycle::IsToldOf(const Admission& admission) const {
  return TextAt(pod_, "status", "reason") == admission.reason && TextAt(pod_, "status", "message") == admission.message;
}

Task<PodLifecycle::Wait> PodLifecycle::Hold(Admission admission) {
  remark_.reason = admission.reason;
  remark_.message = admission.message;
  remark_.waiting_reason = admission.reason;
  remark_.waiting_message = admission.message;
  if (!IsToldOf(admission)) events_.WarnOnce(admission.reason, admission.message, "Admitting");
  const auto wait = co_await Report();
  co_return wait.value_or(Wait{});
}

Task<PodLifecycle::Wait> PodLifecycle::Refuse(Admission admission) {
  if (!refused_since_) {
    refused_since_ = context_.runtime.Now();
    // Held by an agent before this one already, which then was the first to write its status.
    if (IsToldOf(admission) && started_at_) *refused_since_ -= context_.runtime.WallNow() - *started_at_;
  }
  const Duration left = *refused_since_ + context_.options.refusal_patience - context_.runtime.Now();
  if (left <= Duration(0)) co_return co_await Reject(std::move(admission));
  const Wait wait = co_await Hold(std::move(admission));
  co_return wait.NoLongerThan(left);
}

Task<PodLifecycle::Wait> PodLifecycle::Reject(Admission admission) {
  remark_ = {};
  remark_.phase = "Failed";
  remark_.reason = remark_.waiting_reason = admission.reason;  // kubectl shows what the containers wait for
  remark_.message = "Pod was rejected: " + admission.message;
  if (!IsToldOf(admission)) events_.WarnOnce(admission.reason, admission.message, "Admitting");
  Enter(Phase::kOver);
  co_return Wait{Duration(0)};
}

void PodLifecycle::NewGeneration() {
  ++generation_;
  may_have_created_ = false;
  frozen_.reset();
}

Task<std::optional<PodLifecycle::Wait>> PodLifecycle::Freeze() {
  if (frozen_) co_return std::nullopt;
  auto resolved = co_await ResolveRequest(context_, pod_, HostIp());
  if (resolved) {
    for (InputNotice& notice : resolved->notices) {
      events_.WarnOnce(std::move(notice.reason), std::move(notice.message), "ResolvingEnvironment");
    }
    frozen_ = std::make_unique<ResolvedRequest>(*std::move(resolved));
    input_pauses_.Reset();
    co_return std::nullopt;
  }
  const InputNotice& notice = resolved.error();
  if (!notice.reason.empty()) {
    // A kubelet that cannot mount, or has no sandbox, leaves its containers in ContainerCreating.
    const bool has_no_place = notice.reason == kFailedMount || notice.reason == kFailedSandbox;
    remark_.waiting_reason = has_no_place ? "ContainerCreating" : "CreateContainerConfigError";
    remark_.waiting_message = notice.message;
    events_.Warn(notice.reason, notice.message, "ResolvingEnvironment");
  }
  next_create_ = context_.runtime.Now() + input_pauses_.Next();
  co_return Wait{Duration(0)};
}

Task<std::optional<PodLifecycle::Wait>> PodLifecycle::Note() {
  const RequestNote noted = NoteOn(pod_);
  RequestNote wanted{generation_, frozen_->digest};
  const bool differs = noted.generation == wanted.generation && !noted.digest.empty() && noted.digest != wanted.digest;
  if (differs && may_have_created_) {  // an agent before this one asked for something else, and may have got it
    unknown_ = UnknownInstance{Doubt::kTokenMismatch, context_.runtime.Now()};
    Enter(Phase::kUnknown);
    co_return Wait{Duration(0)};
  }
  if (differs) {  // refused for certain, and changed since
    ++generation_;
    wanted.generation = generation_;
  }
  if (noted == wanted) co_return std::nullopt;
  remark_.waiting_reason.clear();  // what held it up is over
  remark_.waiting_message.clear();
  to_note_ = std::move(wanted);
  if (const auto wait = co_await Report()) co_return wait;
  if (NoteOn(pod_) != *to_note_) co_return Wait{create_pauses_.Next()};
  to_note_.reset();
  co_return std::nullopt;
}

Task<PodLifecycle::Wait> PodLifecycle::Create() {
  const RequestNote noted = NoteOn(pod_);
  const bool is_to_be_noted = noted.digest.empty() || noted.generation != generation_;
  // What is asked for is large: it comes to be when it can be noted. Whoever tries again may never come to that, and
  // takes no turn from others.
  if (is_to_be_noted && !frozen_ && !next_create_) {
    if (const auto wait = UntilTurn()) co_return *wait;
  }
  if (const auto wait = co_await Freeze()) co_return *wait;
  if (const auto wait = co_await Note()) co_return *wait;
  if (ShouldEnd() || instance_ || !frozen_ || host_.is_stopping()) co_return Wait{Duration(0)};
  // Another agent may by now be at another generation, whose instance would not be the only one.
  if (!host_.is_in_charge()) co_return Wait{kFenced};
  CreateRequest request = frozen_->request;
  request.client_token = MakeClientToken(context_.options.cluster_id, uid_, generation_);
  made_with_ = UpdatableParts(request.pod);
  co_return co_await TryCreate(std::move(request));
}

Task<PodLifecycle::Wait> PodLifecycle::TryCreate(CreateRequest request) {
  const Instant asked = context_.runtime.Now();
  Enter(Phase::kCreating);
  auto made = co_await context_.provider.Create(std::move(request));
  Observe("create", made ? std::optional<Refusal>() : made.error().refusal, asked);
  if (instance_) {  // seen before the call came back
    Enter(Phase::kHosted);
    if (made && made->id == instance_->id) OnCreated(*instance_, context_.runtime.Now() - asked);
    co_return Wait{Duration(0)};
  }
  Enter(Phase::kWaiting);
  if (!made) co_return co_await OnCreateFailed(std::move(made).error(), context_.runtime.Now() - asked);
  if (given_up_.contains(made->id)) {  // the cloud remembers the token of one we have sent away
    NewGeneration();
    co_return Wait{create_pauses_.Next()};
  }
  OnCreated(*std::move(made), context_.runtime.Now() - asked);
  co_return Wait{Duration(0)};
}

void PodLifecycle::OnCreated(Instance made, Duration took) {
  remark_ = {};
  create_failures_ = 0;
  create_pauses_.Reset();
  const std::unique_ptr<ResolvedRequest> asked = std::move(frozen_);
  events_.Tell("InstanceCreated", fmt::format("Instance {} created in {}", made.id, base::FormatDuration(took)),
               "CreatingInstance");
  SetInstance(std::move(made));
  if (files_ && asked) files_->SetTokens(std::move(asked->tokens));
}

Task<PodLifecycle::Wait> PodLifecycle::OnCreateFailed(CloudError failure, Duration took) {
  ++create_failures_;
  const Instant now = context_.runtime.Now();
  const bool needs_new_token =
      failure.refusal == Refusal::kStock || failure.refusal == Refusal::kQuota || failure.refusal == Refusal::kInvalid;
  if (failure.is_uncertain()) may_have_created_ = true;
  if (failure.refusal == Refusal::kTokenMismatch) {
    unknown_ = UnknownInstance{Doubt::kTokenMismatch, now};
    Enter(Phase::kUnknown);
  } else if (failure.is_uncertain()) {
    unknown_ = UnknownInstance{Doubt::kUnanswered, now};
    Enter(Phase::kUnknown);
  } else if (failure.error.code == Code::kAlreadyExists) {
    NewGeneration();
    co_return Wait{Duration(0)};
  } else if (needs_new_token) {
    NewGeneration();
  } else if (!may_have_created_) {  // then what is asked for may be what the Pod's inputs say by now
    frozen_.reset();
  }
  next_create_ = now + std::max(create_pauses_.Next(), failure.error.retry_after);
  const bool is_quiet = failure.is_uncertain() && create_failures_ <= kQuietUncertainties && took < kLongCreate;
  if (!is_quiet) {
    log::Warning("cannot create an instance", {{"pod", name_}, {"why", ToString(failure)}});
    TellCreateFailed(failure.refusal, ToString(failure));
  }
  co_return Wait{Duration(0)};
}

void PodLifecycle::TellCreateFailed(Refusal refusal, const std::string& why) {
  events_.Warn("InstanceCreateFailed", why, fmt::format("CreatingInstance.{}", ToString(refusal)));
  remark_ = {};
  remark_.reason = remark_.waiting_reason = "InstanceCreateFailed";
  remark_.message = remark_.waiting_message = why;
}

}  // namespace spillway::cloud
