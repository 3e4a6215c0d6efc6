// The way down: instance first, then the API server's Pod.
#include <fmt/core.h>

#include <algorithm>

#include "base/log.h"
#include "cloud/agent/pod_lifecycle.h"
#include "kube/paths.h"

namespace spillway::cloud {
namespace {
constexpr Duration kDefaultGrace = 30s;
constexpr int kLastReportTries = 4;
constexpr Duration kDeletionPatience = 1min;  // beyond the grace period, for an instance that is still there: ask again
constexpr Duration kFirstLook = 300ms;
constexpr Duration kLongestLook = 5s;
constexpr Duration kSecondLook = 1s;
constexpr Duration kFinalizerPatience = 30s;  // the Pod was released, and something holds it: look again after this

bool HasTerminated(const ContainerState& container) { return container.kind == ContainerState::Kind::kTerminated; }
}  // namespace

Duration PodLifecycle::GracePeriod() const {
  if (pod_gone_) return Duration(0);  // forced: nobody waits for it any more
  const auto seconds = Integer(At(pod_, "metadata", "deletionGracePeriodSeconds"),
                               Integer(At(pod_, "spec", "terminationGracePeriodSeconds"), kDefaultGrace / 1s));
  return std::chrono::seconds(std::clamp<std::int64_t>(seconds, 0, 7 * 24 * 3600));
}

Task<PodLifecycle::Wait> PodLifecycle::Leave() {
  if (instance_) {
    AnnounceKill();
    if (const auto wait = co_await RemoveInstance(GracePeriod())) co_return *wait;
  }
  if (unknown_) {  // a create may still have made one
    host_.RequestListing();
    co_return Wait{kListingPatience};
  }
  host_.admission().Release(uid_);
  Enter(Phase::kReleasing);
  co_return Wait{Duration(0)};
}

void PodLifecycle::AnnounceKill() {
  if (kill_announced_) return;
  kill_announced_ = true;
  for (const ContainerState& container : instance_->containers) {
    if (container.kind != ContainerState::Kind::kRunning) continue;
    events_.Tell("Killing", fmt::format("Stopping container {}", container.name), container.name);
  }
}

Task<std::optional<PodLifecycle::Wait>> PodLifecycle::RemoveInstance(Duration grace) {
  if (!deletion_) deletion_ = Deletion();
  const Instant now = context_.runtime.Now();
  const bool is_asked = deletion_->accepted && deletion_->grace <= grace;
  if (!deletion_->is_gone && (!is_asked || now >= *deletion_->accepted + deletion_->grace + kDeletionPatience)) {
    if (const auto wait = co_await AskForDeletion(grace)) co_return wait;
  }
  if (deletion_->is_gone) {
    SettleLastState();
    co_return std::nullopt;
  }
  if (now >= deletion_->next_look) {
    host_.RequestLook(uid_, instance_->id);
    deletion_->look_pause = std::clamp(2 * deletion_->look_pause, kFirstLook, kLongestLook);
    deletion_->next_look = now + deletion_->look_pause;
  }
  co_return Wait{std::max(deletion_->next_look - context_.runtime.Now(), Duration(0))};
}

// None: the cloud has taken it, or knows that the instance is gone.
Task<std::optional<PodLifecycle::Wait>> PodLifecycle::AskForDeletion(Duration grace) {
  const Instant since = context_.runtime.Now();
  const CloudStatus asked = co_await context_.provider.Delete(instance_->id, grace);
  const bool is_gone = !asked && asked.error().error.code == Code::kNotFound;
  Observe("delete", asked || is_gone ? std::optional<Refusal>() : asked.error().refusal, since);
  if (is_gone) {
    deletion_->is_gone = true;
    co_return std::nullopt;
  }
  if (!asked) {
    const std::string why = ToString(asked.error());
    log::Warning("cannot delete an instance", {{"pod", name_}, {"instance", instance_->id}, {"why", why}});
    events_.Warn("InstanceDeleteFailed", fmt::format("Instance {}: {}", instance_->id, why),
                 fmt::format("DeletingInstance.{}", ToString(asked.error().refusal)));
    co_return Wait{std::max(end_pauses_.Next(), asked.error().error.retry_after)};
  }
  end_pauses_.Reset();
  deletion_->accepted = context_.runtime.Now();
  deletion_->grace = grace;
  deletion_->absent.reset();
  deletion_->look_pause = kFirstLook;
  deletion_->next_look = context_.runtime.Now() + kFirstLook;
  co_return std::nullopt;
}

// Twice in vain, after a deletion that the cloud has taken: it is done.
void PodLifecycle::OnNotFound(const std::string& instance_id, Instant asked_at) {
  if (!instance_ || instance_->id != instance_id || !deletion_ || !deletion_->accepted) return;
  if (asked_at <= *deletion_->accepted) return;
  if (!deletion_->absent) {
    deletion_->absent = asked_at;
    deletion_->next_look = std::min(deletion_->next_look, asked_at + kSecondLook);
    changed_.Notify();
  } else if (asked_at >= *deletion_->absent + kSecondLook) {
    deletion_->is_gone = true;
    changed_.Notify();
  }
}

// The instance is gone: what it showed last is how its containers ended.
void PodLifecycle::SettleLastState() {
  Instance last = *instance_;
  ForgetInstance();
  const bool all_seen =
      !last.containers.empty() && std::all_of(last.containers.begin(), last.containers.end(), HasTerminated);
  if (!all_seen || pod_gone_ || last.refused) return;
  const bool failed = std::any_of(last.containers.begin(), last.containers.end(),
                                  [](const auto& c) { return !c.ended || c.ended->exit_code != 0; });
  last.state = failed ? InstanceState::kFailed : InstanceState::kSucceeded;
  last.reason.clear();
  last.message.clear();
  last_ = std::make_unique<Instance>(std::move(last));
}

// A Job's controller counts Pods by their end, and so may whoever holds it with a finalizer. What is always started
// again has no end but this.
bool PodLifecycle::is_end_awaited() const {
  return TextAt(pod_, "spec", "restartPolicy") != "Always" || !Items(At(pod_, "metadata", "finalizers")).empty();
}

Task<PodLifecycle::Wait> PodLifecycle::ReleasePod() {
  if (pod_gone_) {
    Enter(Phase::kDone);
    co_return Wait{};
  }
  // What cannot be told must not hold it up.
  if (!end_reported_ && MayHaveRun() && is_end_awaited()) {
    const auto wait = co_await Report();
    const bool is_worth_a_try = context_.api.pods().health().is_out() || failed_reports_ < kLastReportTries;
    if (wait && is_worth_a_try) co_return *wait;
    if (wait) {
      log::Warning("releasing a Pod whose last status cannot be told", {{"pod", name_}});
    }
  }
  end_reported_ = true;
  settled_ = false;
  if (released_ && context_.runtime.Now() < *released_ + kFinalizerPatience) {
    settled_ = true;
    co_return Wait{*released_ + kFinalizerPatience - context_.runtime.Now()};
  }
  if (const auto wait = TakeTurn()) co_return *wait;
  Json options = {{"apiVersion", "v1"}, {"kind", "DeleteOptions"}, {"gracePeriodSeconds", 0}};
  options["preconditions"]["uid"] = uid_;
  const std::string path = kube::PodPath(namespace_, name_);
  Result<Json> deleted = co_await context_.api.pods().Delete(path, std::move(options));
  if (deleted) {
    released_ = context_.runtime.Now();
    co_return Wait{Duration(0)};
  }
  const Code refused = deleted.error().code;
  if (refused == Code::kNotFound || (refused == Code::kConflict && co_await IsGoneThere())) {
    pod_gone_ = true;
    co_return Wait{Duration(0)};
  }
  co_return Wait{std::max(report_pauses_.Next(), deleted.error().retry_after)};
}

}  // namespace spillway::cloud
