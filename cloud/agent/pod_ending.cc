// The way down: instance first, then the API server's Pod.
#include <fmt/core.h>

#include <algorithm>

#include "cloud/agent/pod_lifecycle.h"
#include "kube/paths.h"

namespace spillway::cloud {
namespace {
constexpr Duration kListingPatience = 5s;
constexpr Duration kDefaultGrace = 30s;
constexpr Duration kFinalizerPatience = 30s;  // the Pod was released, and something holds it: look again after this

bool HasTerminated(const ContainerState& container) { return container.kind == ContainerState::Kind::kTerminated; }
}  // namespace

Duration PodLifecycle::GracePeriod() const {
  if (pod_gone_ && At(pod_, "metadata", "deletionTimestamp").is_null()) return Duration(0);  // forced
  const auto seconds = Integer(At(pod_, "metadata", "deletionGracePeriodSeconds"),
                               Integer(At(pod_, "spec", "terminationGracePeriodSeconds"), kDefaultGrace / 1s));
  return std::chrono::seconds(std::clamp<std::int64_t>(seconds, 0, 7 * 24 * 3600));
}

Task<PodLifecycle::Wait> PodLifecycle::End() {
  if (instance_) {
    const auto wait = co_await EndInstance();
    if (wait) co_return *wait;
    SettleLastState();
  }
  if (uncertain_since_) {  // a create may still have made one
    host_.RequestListing();
    co_return Wait{kListingPatience};
  }
  host_.admission().Release(uid_);
  co_return co_await ReleasePod();
}

void PodLifecycle::AnnounceKill() {
  if (kill_announced_) return;
  kill_announced_ = true;
  for (const ContainerState& container : instance_->containers) {
    if (container.kind != ContainerState::Kind::kRunning) continue;
    Record(false, "Killing", fmt::format("Stopping container {}", container.name), container.name);
  }
}

Task<std::optional<PodLifecycle::Wait>> PodLifecycle::EndInstance() {
  AnnounceKill();
  if (!delete_asked_) {
    const Status asked = co_await DeleteInstance(instance_->id, GracePeriod());
    if (!asked && asked.error().code != Code::kNotFound)
      co_return Wait{std::max(end_pauses_.Next(), asked.error().retry_after)};
    delete_asked_ = true;
    end_pauses_.Reset();
  }
  look_again_ = false;
  Result<Instance> seen = co_await DescribeInstance(instance_->id);
  if (seen) {
    instance_ = *std::move(seen);
    co_return Wait{end_pauses_.Next()};  // or when the provider says that it has changed
  }
  if (seen.error().code != Code::kNotFound) co_return Wait{end_pauses_.Next()};
  delete_asked_ = false;
  end_pauses_.Reset();
  co_return std::nullopt;
}

// The instance is gone: what it showed last is how its containers ended.
void PodLifecycle::SettleLastState() {
  Instance last = *std::move(instance_);
  given_up_.insert(last.id);
  instance_.reset();
  const bool all_seen =
      !last.containers.empty() && std::all_of(last.containers.begin(), last.containers.end(), HasTerminated);
  if (pod_gone_ || !all_seen || IsTerminalPhase(TextAt(pod_, "status", "phase"))) return;
  const bool failed = std::any_of(last.containers.begin(), last.containers.end(),
                                  [](const auto& c) { return !c.ended || c.ended->exit_code != 0; });
  last.state = failed ? InstanceState::kFailed : InstanceState::kSucceeded;
  last.reason.clear();
  last.message.clear();
  const StatusInputs inputs{&last, {}, context_.options.internal_ip, context_.runtime.WallNow()};
  terminal_status_ = PodStatus(pod_, inputs);
}

Task<PodLifecycle::Wait> PodLifecycle::ReleasePod() {
  if (pod_gone_) {
    done_ = true;
    co_return Wait{};
  }
  // Whoever watches the Pod (a Job's controller, say) wants to see how it ended before it goes.
  if (!end_reported_ && MayHaveRun()) {
    const Status told = co_await Report();
    if (!told) co_return Wait{report_pauses_.Next()};
  }
  end_reported_ = true;
  settled_ = false;
  if (released_ && context_.runtime.Now() < *released_ + kFinalizerPatience) {
    settled_ = true;
    co_return Wait{*released_ + kFinalizerPatience - context_.runtime.Now()};
  }
  Json options = {{"apiVersion", "v1"}, {"kind", "DeleteOptions"}, {"gracePeriodSeconds", 0}};
  options["preconditions"]["uid"] = uid_;
  const std::string path = kube::PodPath(TextAt(pod_, "metadata", "namespace"), TextAt(pod_, "metadata", "name"));
  Result<Json> deleted = co_await context_.client.Delete(path, std::move(options));
  if (deleted) {
    released_ = context_.runtime.Now();
    co_return Wait{Duration(0)};
  }
  bool is_gone = deleted.error().code == Code::kNotFound;
  if (deleted.error().code == Code::kConflict) {  // the name is a successor's by now, or somebody wrote just then
    Result<Json> there = co_await context_.client.Get(path);
    is_gone = there ? TextAt(*there, "metadata", "uid") != uid_ : there.error().code == Code::kNotFound;
  }
  if (is_gone) {
    pod_gone_ = true;
    co_return Wait{Duration(0)};
  }
  co_return Wait{std::max(report_pauses_.Next(), deleted.error().retry_after)};
}

}  // namespace spillway::cloud
