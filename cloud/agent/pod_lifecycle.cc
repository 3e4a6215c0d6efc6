#include "cloud/agent/pod_lifecycle.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "cloud/agent/billing.h"

namespace spillway::cloud {
namespace {
// For what its user has forgotten: reads are shared, and it should go on soon after it is there.
constexpr Duration kLongestInputRetry = 10s;
constexpr Duration kLongestReportRetry = 30s;  // a kubelet tries each 10 s
constexpr Duration kLongWait = 100ms;
}  // namespace

PodLifecycle::PodLifecycle(AgentContext& context, PodLifecycleHost& host, Json pod)
    : context_(context),
      host_(host),
      uid_(TextAt(pod, "metadata", "uid")),
      namespace_(TextAt(pod, "metadata", "namespace")),
      name_(TextAt(pod, "metadata", "name")),
      pod_(std::move(pod)),
      events_(context, namespace_, name_, uid_),
      cost_(context.costs),
      create_pauses_(context),
      input_pauses_(context, kLongestInputRetry),
      report_pauses_(context, kLongestReportRetry),
      end_pauses_(context),
      changed_(context.runtime),
      flow_(context.runtime) {
  ReadFacts();
  const RequestNote noted = NoteOn(pod_);
  generation_ = noted.generation;
  may_have_created_ = !noted.digest.empty();
}

PodLifecycle::~PodLifecycle() = default;

void PodLifecycle::Start(std::optional<Instance> adopted) {
  const bool is_over = IsTerminalPhase(TextAt(pod_, "status", "phase"));
  if (adopted) {
    SetInstance(*std::move(adopted));
  } else if (is_over) {
    Enter(Phase::kOver);
  } else if (HasStarted(pod_)) {
    unknown_ = UnknownInstance{Doubt::kHadRun, context_.runtime.Now()};
    Enter(Phase::kUnknown);
  }
  if (!is_over && (instance_ || HasStarted(pod_))) host_.admission().Readmit(pod_);
  flow_.Spawn(Run());
}

void PodLifecycle::OnPodChanged(Json pod) {
  const Json& before = At(pod_, "metadata");
  const bool is_renamed = At(before, "labels") != At(pod, "metadata", "labels") ||
                          At(before, "annotations") != At(pod, "metadata", "annotations");
  Take(std::move(pod));
  TellUnmetUpdates();
  if (is_renamed && files_) files_->OnRenamed();
  settled_ = false;
  changed_.Notify();
}

void PodLifecycle::OnPodGone() {
  pod_gone_ = true;
  settled_ = false;
  changed_.Notify();
}

void PodLifecycle::OnInstance(const Instance& instance, Instant as_of) {
  if (given_up_.contains(instance.id) || phase_ >= Phase::kReleasing) return;
  if (instance_ && instance_->id != instance.id) return;                     // one too many: the orphan collector's
  if (!instance_ && instance.refused && phase_ != Phase::kCreating) return;  // left by an agent before this one
  absence_.reset();
  if (deletion_) deletion_->absent.reset();
  if (instance_ && (*instance_ == instance || as_of < known_as_of_)) return;
  known_as_of_ = as_of;
  if (!instance_ && phase_ != Phase::kCreating) {
    log::Info("found the Pod's instance", {{"pod", name_}, {"instance", instance.id}});
  }
  SetInstance(instance);
  changed_.Notify();
}

void PodLifecycle::OnInstanceGone(const std::string& instance_id) {
  if (!instance_ || instance_->id != instance_id) return;
  if (phase_ == Phase::kHosted) {
    if (!HasEnded(*instance_)) Lose(instance_id);
  } else {
    if (!deletion_) deletion_ = Deletion();
    deletion_->is_gone = true;
  }
  changed_.Notify();
}

void PodLifecycle::OnCloudBack() {
  create_pauses_.Reset();
  end_pauses_.Reset();
  next_create_.reset();
  changed_.Notify();
}

bool PodLifecycle::IsAbsenceCertain(Instant asked_at) {
  if (!absence_) absence_ = Absence{0, asked_at};
  return ++absence_->listings >= context_.options.loss_confirmations &&
         asked_at - absence_->since >= context_.options.loss_age;
}

void PodLifecycle::OnNotListed(Instant asked_at) {
  if (instance_) {
    const bool is_missed = phase_ == Phase::kHosted && !HasEnded(*instance_) && asked_at > instance_since_;
    if (is_missed && IsAbsenceCertain(asked_at)) Lose(instance_->id);
    return;  // whether a deletion is done, looks say
  }
  if (!unknown_ || asked_at <= unknown_->since) return;
  const Doubt doubt = unknown_->doubt;
  // Whoever leaves has no use for certainty: what turns up later is an orphan.
  if (phase_ != Phase::kLeaving && doubt != Doubt::kUnanswered && !IsAbsenceCertain(asked_at)) return;
  unknown_.reset();
  absence_.reset();
  if (doubt == Doubt::kTokenMismatch) NewGeneration();
  if (phase_ == Phase::kUnknown && doubt == Doubt::kHadRun) {
    Lose("");
  } else if (phase_ == Phase::kUnknown) {
    Enter(Phase::kWaiting);
  }
  changed_.Notify();
}

bool PodLifecycle::Claims(const Instance& instance) const {
  if (instance_) return instance_->id == instance.id;
  if (instance.refused || given_up_.contains(instance.id)) return false;
  return phase_ <= Phase::kUnknown || unknown_;
}

bool PodLifecycle::is_instance_expected(Instant at) const {
  if (ShouldEnd()) return false;
  if (phase_ == Phase::kHosted) return !HasEnded(*instance_) && instance_since_ < at;
  return phase_ == Phase::kUnknown && unknown_->doubt == Doubt::kHadRun;
}

bool PodLifecycle::ShouldEnd() const { return pod_gone_ || is_deletion_asked_; }

bool PodLifecycle::MayHaveRun() const {
  return HasStarted(pod_) || (instance_ && instance_->state != InstanceState::kPending && !instance_->refused);
}

void PodLifecycle::Enter(Phase phase) {
  phase_ = phase;
  settled_ = false;
}

void PodLifecycle::SetInstance(Instance instance) {
  if (instance_ && instance_->id == instance.id && HasEnded(*instance_)) return;  // no way back from there
  if (!instance_) {
    instance_since_ = context_.runtime.Now();
    instance_generation_ = generation_;
    if (remark_.phase.empty()) remark_ = {};  // what held it up is over
  }
  instance_ = std::move(instance);
  // Found: with what it was made is known from the Pod alone, so most changes count from now on.
  if (made_with_.get().is_null()) made_with_ = MadeWith(pod_);
  TellUnmetUpdates();
  events_.Relay(instance_->events);
  settled_ = false;
  unknown_.reset();
  absence_.reset();
  KeepFilesUpToDate();
  CountCost();
  const bool is_found = phase_ == Phase::kWaiting || phase_ == Phase::kUnknown || phase_ == Phase::kOver;
  if (is_found) Enter(Phase::kHosted);
}

void PodLifecycle::CountCost() {
  if (!instance_ || HasEnded(*instance_)) return cost_.Stop();
  auto price = NotedPrice(pod_);
  if (!price) price = BillOf(context_.provider, context_.options, pod_).micro_per_hour;
  cost_.Run(price);
}

void PodLifecycle::OnPrices() {
  if (cost_.is_without_price()) CountCost();
}

void PodLifecycle::KeepFilesUpToDate() {
  if (files_ || !FileRefresher::IsNeeded(context_, pod_)) return;
  files_ = std::make_unique<FileRefresher>(context_, events_, [this]() -> std::optional<FileRefresher::Target> {
    if (phase_ != Phase::kHosted || !instance_ || HasEnded(*instance_)) return std::nullopt;
    return FileRefresher::Target{pod_.Copy(), instance_->id};
  });
}

void PodLifecycle::ForgetInstance() {
  given_up_.insert(instance_->id);
  instance_.reset();
  CountCost();
  made_with_ = Json();
  deletion_.reset();
  absence_.reset();
}

std::string PodLifecycle::HostIp() const {
  const std::string recorded = TextAt(pod_, "status", "hostIP");
  return recorded.empty() ? context_.options.internal_ip : recorded;
}

void PodLifecycle::Observe(std::string_view operation, std::optional<Refusal> refusal, Instant since) {
  context_.observer.OnOperation(operation, refusal, context_.runtime.Now() - since);
}

Task<void> PodLifecycle::Run() {
  while (phase_ != Phase::kDone) {
    const Wait wait = co_await Step();
    if (phase_ == Phase::kDone) break;
    if (settled_ || (wait.at_most && *wait.at_most > kLongWait)) {  // nobody will look at it for long
      pod_.Fold();
      made_with_.Fold();
    }
    if (wait.at_most) {
      co_await changed_.WaitUntil(context_.runtime.Now() + *wait.at_most);
    } else {
      co_await changed_.Wait();
    }
  }
  host_.admission().Release(uid_);
  host_.OnDone(uid_);
}

Task<PodLifecycle::Wait> PodLifecycle::AwaitListing() {
  if (unknown_->doubt == Doubt::kHadRun) {  // the next ones will tell; its status stays as it is
    settled_ = true;
    co_return Wait{};
  }
  host_.RequestListing();
  const auto wait = co_await Report();
  co_return wait.value_or(Wait{}).NoLongerThan(kListingPatience);
}

Task<PodLifecycle::Wait> PodLifecycle::Step() {
  if (ShouldEnd() && phase_ < Phase::kLeaving) Enter(Phase::kLeaving);
  switch (phase_) {
    case Phase::kWaiting:
    case Phase::kCreating:
      co_return (co_await AwaitInstance()).NoLongerThan(TimeLeft());
    case Phase::kUnknown:
      co_return co_await AwaitListing();
    case Phase::kHosted:
      co_return co_await Accompany();
    case Phase::kReplacing:
      co_return co_await Replace();
    case Phase::kDropping:
      co_return co_await Drop();
    case Phase::kOver:
      co_return co_await StayOver();
    case Phase::kLeaving:
      co_return co_await Leave();
    case Phase::kReleasing:
      co_return co_await ReleasePod();
    case Phase::kDone:
      break;
  }
  co_return Wait{};
}

}  // namespace spillway::cloud
