#include "cloud/agent/pod_lifecycle.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "cloud/agent/client_token.h"

namespace spillway::cloud {
namespace {
constexpr Duration kListingPatience = 5s;   // a listing was asked for; ask again when it did not come
constexpr Duration kDescribePatience = 3s;  // after a describe that failed
constexpr Duration kSuspicionPatience = 10s;
constexpr Duration kSecondLook = 2s;
constexpr int kQuietUncertainties = 1;  // unknown outcomes before the user hears of them: most turn out well

bool IsTerminal(const Instance& instance) {
  return instance.state == InstanceState::kSucceeded || instance.state == InstanceState::kFailed;
}
}  // namespace

PodLifecycle::PodLifecycle(AgentContext& context, PodLifecycleHost& host, Json pod)
    : context_(context),
      host_(host),
      uid_(TextAt(pod, "metadata", "uid")),
      pod_(std::move(pod)),
      create_pauses_(context),
      report_pauses_(context),
      end_pauses_(context),
      changed_(context.runtime),
      flow_(context.runtime) {}

PodLifecycle::~PodLifecycle() = default;

void PodLifecycle::Start(std::optional<Instance> adopted) {
  if (adopted) SetInstance(*std::move(adopted));
  const bool is_over = IsTerminalPhase(TextAt(pod_, "status", "phase"));
  if (!is_over && (instance_ || HasStarted(pod_))) host_.admission().Readmit(pod_);
  flow_.Spawn(Run());
}

void PodLifecycle::OnPodChanged(Json pod) {
  Take(std::move(pod));
  settled_ = false;
  changed_.Notify();
}

void PodLifecycle::OnPodGone() {
  pod_gone_ = true;
  settled_ = false;
  changed_.Notify();
}

void PodLifecycle::OnInstanceHint() {
  look_again_ = true;
  settled_ = false;
  changed_.Notify();
}

void PodLifecycle::OnListed(const std::vector<const Instance*>& mine, Instant asked_at) {
  const Instance* best = nullptr;
  for (const Instance* candidate : mine) {
    if (given_up_.contains(candidate->id)) continue;
    if (instance_ && candidate->id == instance_->id) {
      uncertain_since_.reset();
      if (*candidate != *instance_) OnInstanceHint();
      return;
    }
    const bool is_better =
        !best || (best->state != InstanceState::kRunning && candidate->state == InstanceState::kRunning);
    if (is_better) best = candidate;
  }
  if (instance_) {
    // Not listed: gone, or younger than the listing. Ask the cloud about this one.
    if (asked_at > instance_since_) OnInstanceHint();
    return;
  }
  if (best && !creating_) {
    log::Info("found the Pod's instance", {{"pod", TextAt(pod_, "metadata", "name")}, {"instance", best->id}});
    SetInstance(*best);
  } else if (!uncertain_since_ || asked_at < *uncertain_since_) {
    return;
  }
  uncertain_since_.reset();
  changed_.Notify();
}

bool PodLifecycle::is_instance_expected(Instant at) const {
  if (ShouldEnd()) return false;
  if (instance_) return instance_since_ < at;
  return lacks_instance() && HasStarted(pod_);
}

bool PodLifecycle::lacks_instance() const {
  return !instance_ && !pod_gone_ && !concluded_ && !IsTerminalPhase(TextAt(pod_, "status", "phase"));
}

bool PodLifecycle::ShouldEnd() const { return pod_gone_ || !At(pod_, "metadata", "deletionTimestamp").is_null(); }

bool PodLifecycle::MayHaveRun() const {
  return HasStarted(pod_) || (instance_ && instance_->state != InstanceState::kPending && !instance_->refused);
}

std::string PodLifecycle::ClientToken() const {
  return MakeClientToken(context_.options.cluster_id, uid_, generation_);
}

void PodLifecycle::SetInstance(Instance instance) {
  missing_since_.reset();
  uncertain_since_.reset();
  if (instance_ && instance_->id == instance.id && IsTerminal(*instance_)) return;  // no way back from there
  if (!instance_ || instance_->id != instance.id) instance_since_ = context_.runtime.Now();
  instance_ = std::move(instance);
}

Task<void> PodLifecycle::Run() {
  while (!done_) {
    const Wait wait = co_await Step();
    if (done_) break;
    if (wait.at_most) {
      co_await changed_.WaitUntil(context_.runtime.Now() + *wait.at_most);
    } else {
      co_await changed_.Wait();
    }
  }
  host_.admission().Release(uid_);
  host_.OnDone(uid_);
}

Task<PodLifecycle::Wait> PodLifecycle::Step() {
  if (ShouldEnd()) co_return co_await End();
  if (instance_) co_return co_await Accompany();
  if (concluded_) {
    const Status told = co_await Report();
    if (!told) co_return Wait{report_pauses_.Next()};
    co_return Wait{};
  }
  co_return co_await Begin();
}

Task<PodLifecycle::Wait> PodLifecycle::Begin() {
  if (IsTerminalPhase(TextAt(pod_, "status", "phase"))) {
    host_.admission().Release(uid_);
    settled_ = true;
    co_return Wait{};
  }
  if (uncertain_since_) {
    host_.RequestListing();
    co_return Wait{kListingPatience};
  }
  if (MayHaveRun()) co_return co_await InstanceMissing();
  const Admission admission = host_.admission().Admit(pod_);
  if (admission.verdict == Admission::Verdict::kHold) co_return co_await Hold(admission);
  if (admission.verdict == Admission::Verdict::kReject) co_return co_await Reject(admission);
  if (next_create_ && context_.runtime.Now() < *next_create_) {
    (void)co_await Report();
    co_return Wait{*next_create_ - context_.runtime.Now()};
  }
  if (host_.is_stopping()) {
    settled_ = true;
    co_return Wait{};
  }
  co_return co_await Create();
}

Task<PodLifecycle::Wait> PodLifecycle::Hold(Admission admission) {
  remark_.reason = admission.reason;
  remark_.message = admission.message;
  remark_.waiting_reason = admission.reason;
  remark_.waiting_message = admission.message;
  RecordOnce(true, admission.reason, admission.message, "Admitting");
  const Status told = co_await Report();
  if (!told) co_return Wait{report_pauses_.Next()};
  co_return Wait{};
}

Task<PodLifecycle::Wait> PodLifecycle::Reject(Admission admission) {
  concluded_ = true;
  remark_ = {};
  remark_.phase = "Failed";
  remark_.reason = admission.reason;
  remark_.message = "Pod was rejected: " + admission.message;
  RecordOnce(true, admission.reason, admission.message, "Admitting");
  co_return Wait{Duration(0)};
}

Task<PodLifecycle::Wait> PodLifecycle::Create() {
  auto pod = co_await Environment();
  if (!pod) {
    if (!pod.error().reason.empty()) {
      remark_.waiting_reason = "CreateContainerConfigError";
      remark_.waiting_message = pod.error().message;
      Record(true, pod.error().reason, pod.error().message, "ResolvingEnvironment");
      (void)co_await Report();
    }
    co_return Wait{create_pauses_.Next()};
  }
  if (ShouldEnd() || instance_ || host_.is_stopping()) co_return Wait{Duration(0)};

  CreateRequest request;
  request.identity = {context_.options.cluster_id, context_.options.node_name, uid_,
                      TextAt(pod_, "metadata", "namespace"), TextAt(pod_, "metadata", "name")};
  request.client_token = ClientToken();
  request.pod = *std::move(pod);
  const Instant asked = context_.runtime.Now();
  creating_ = true;
  auto made = co_await context_.provider.Create(std::move(request));
  creating_ = false;
  Observe("create", made ? std::optional<Refusal>() : made.error().refusal, asked);
  if (!made) co_return co_await OnCreateFailed(std::move(made).error());

  if (given_up_.contains(made->id)) {  // the cloud remembers the token of one we have sent away
    ++generation_;
    co_return Wait{create_pauses_.Next()};
  }
  if (instance_) co_return Wait{Duration(0)};  // a listing was faster
  remark_ = {};
  create_failures_ = 0;
  create_pauses_.Reset();
  Record(false, "InstanceCreated",
         fmt::format("Instance {} created in {}", made->id, base::FormatDuration(context_.runtime.Now() - asked)),
         "CreatingInstance");
  if (context_.provider.pulls_images()) {
    for (const Json& container : Items(At(pod_, "spec", "containers"))) {
      Record(false, "Pulling", fmt::format("Pulling image \"{}\"", TextAt(container, "image")),
             TextAt(container, "name"));
    }
  }
  SetInstance(*std::move(made));
  co_return Wait{Duration(0)};
}

Task<PodLifecycle::Wait> PodLifecycle::OnCreateFailed(CreateFailure failure) {
  ++create_failures_;
  const Duration pause = std::max(create_pauses_.Next(), failure.error.retry_after);
  if (failure.is_uncertain()) {
    uncertain_since_ = context_.runtime.Now();
    next_create_ = context_.runtime.Now() + pause;
    host_.RequestListing();
    if (create_failures_ <= kQuietUncertainties) co_return Wait{kListingPatience};
  } else if (failure.error.code == Code::kAlreadyExists) {
    ++generation_;
    co_return Wait{Duration(0)};
  } else {
    const bool is_final = failure.refusal == Refusal::kStock || failure.refusal == Refusal::kQuota ||
                          failure.refusal == Refusal::kInvalid;
    if (is_final) ++generation_;
    next_create_ = context_.runtime.Now() + pause;
  }
  const std::string request = failure.request_id.empty() ? "" : fmt::format(" (request {})", failure.request_id);
  const std::string why = fmt::format("[{}] {}", ToString(failure.refusal), failure.error.message);
  log::Warning("cannot create an instance", {{"pod", TextAt(pod_, "metadata", "name")}, {"why", why + request}});
  Record(true, "InstanceCreateFailed", why + request, fmt::format("CreatingInstance.{}", ToString(failure.refusal)));
  remark_ = {};
  remark_.reason = "InstanceCreateFailed";
  remark_.message = why;
  remark_.waiting_reason = "InstanceCreateFailed";
  remark_.waiting_message = why;
  co_return Wait{Duration(0)};
}

Task<PodLifecycle::Wait> PodLifecycle::Accompany() {
  if (look_again_) {
    look_again_ = false;
    auto seen = co_await DescribeInstance(instance_->id);
    if (seen) {
      SetInstance(*std::move(seen));
    } else if (seen.error().code == Code::kNotFound) {
      co_return co_await InstanceMissing();
    } else {
      look_again_ = true;
      co_return Wait{std::max(kDescribePatience, seen.error().retry_after)};
    }
  }
  if (instance_->refused) co_return co_await ReplaceRefused();
  const bool is_over = concluded_ || (IsTerminalPhase(TextAt(pod_, "status", "phase")) && !terminal_status_);
  if (is_over && !IsTerminal(*instance_)) co_return co_await DropInstance();

  std::optional<Duration> left;
  const auto deadline = Integer(At(pod_, "spec", "activeDeadlineSeconds"), -1);
  const auto started = base::ParseRfc3339(TextAt(pod_, "status", "startTime"));
  if (deadline >= 0 && started && !IsTerminal(*instance_)) {
    left = *started + std::chrono::seconds(deadline) - context_.runtime.WallNow();
    if (*left <= Duration(0)) {
      concluded_ = true;
      remark_.phase = "Failed";
      remark_.reason = "DeadlineExceeded";
      remark_.message = "Pod was active on the node longer than the specified deadline";
      RecordOnce(false, "DeadlineExceeded", remark_.message, "Killing");
    }
  }
  const Status told = co_await Report();
  if (!told) co_return Wait{report_pauses_.Next()};
  if (IsTerminal(*instance_)) host_.admission().Release(uid_);
  if (concluded_) co_return Wait{Duration(0)};
  co_return Wait{left};
}

Task<PodLifecycle::Wait> PodLifecycle::DropInstance() {
  const auto wait = co_await EndInstance();
  if (wait) co_return *wait;
  given_up_.insert(instance_->id);
  instance_.reset();
  concluded_ = true;
  host_.admission().Release(uid_);
  co_return Wait{Duration(0)};
}

Task<PodLifecycle::Wait> PodLifecycle::ReplaceRefused() {
  const Refusal why = *instance_->refused;
  const std::string id = instance_->id;
  const std::string text = fmt::format("[{}] {}: {}", ToString(why), instance_->reason, instance_->message);
  const Status gone = co_await DeleteInstance(id, Duration(0));
  if (!gone && gone.error().code != Code::kNotFound) co_return Wait{end_pauses_.Next()};
  Record(true, "InstanceCreateFailed", text, fmt::format("CreatingInstance.{}", ToString(why)));
  given_up_.insert(id);
  instance_.reset();
  ++generation_;
  next_create_ = context_.runtime.Now() + create_pauses_.Next();
  remark_ = {};
  remark_.reason = remark_.waiting_reason = "InstanceCreateFailed";
  remark_.message = remark_.waiting_message = text;
  co_return Wait{Duration(0)};
}

// The cloud says that an instance is not there. It is asked twice before anything follows from that.
Task<PodLifecycle::Wait> PodLifecycle::InstanceMissing() {
  const Instant now = context_.runtime.Now();
  const bool is_first = !missing_since_;
  if (is_first) missing_since_ = now;
  if (instance_) {
    if (now < *missing_since_ + kSecondLook) {
      look_again_ = true;
      co_return Wait{*missing_since_ + kSecondLook - now};
    }
  } else if (host_.is_cloud_suspect()) {
    co_return Wait{kSuspicionPatience};
  } else if (is_first) {
    uncertain_since_ = now;
    host_.RequestListing();
    co_return Wait{kListingPatience};
  }
  const std::string id = instance_ ? instance_->id : "";
  const bool may_have_run = MayHaveRun();
  if (instance_) given_up_.insert(id);
  instance_.reset();
  ++generation_;
  missing_since_.reset();
  if (!may_have_run) co_return Wait{create_pauses_.Next()};

  concluded_ = true;
  remark_ = {};
  remark_.phase = "Failed";
  remark_.reason = "InstanceLost";
  remark_.message = fmt::format("The cloud no longer has instance {}that ran this Pod", id.empty() ? "" : id + ", ");
  log::Warning("a Pod's instance is lost", {{"pod", TextAt(pod_, "metadata", "name")}, {"instance", id}});
  context_.observer.OnInstanceLost();
  host_.admission().Release(uid_);
  RecordOnce(true, "InstanceLost", remark_.message, "Running");
  co_return Wait{Duration(0)};
}

}  // namespace spillway::cloud
