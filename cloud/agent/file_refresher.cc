#include "cloud/agent/file_refresher.h"

#include <utility>

#include "base/log.h"
#include "cloud/agent/pod_resolver.h"

namespace spillway::cloud {
namespace {

// As often as a kubelet looks. All Pods look at the same moments, so that what several refer to is read once.
constexpr Duration kRefreshPeriod = 1min;
constexpr Duration kSoonestRefresh = 1s;

bool HasFiles(const Json& pod) {
  for (const Json& volume : Items(At(pod, "spec", "volumes"))) {
    for (const char* kind : {"configMap", "secret", "downwardAPI", "projected"}) {
      if (!At(volume, kind).is_null()) return true;
    }
  }
  return false;
}

// Enough to see that something has changed.
std::size_t HashOf(const std::vector<PodVolume>& volumes) {
  std::size_t hash = 0;
  const auto add = [&hash](const std::string& text) { hash = hash * 31 + std::hash<std::string>()(text); };
  for (const PodVolume& volume : volumes) {
    add(volume.name);
    for (const VolumeFile& file : volume.files) {
      add(file.path);
      add(file.content);
      hash = hash * 31 + static_cast<std::size_t>(file.mode);
    }
  }
  return hash;
}

}  // namespace

FileRefresher::FileRefresher(AgentContext& context, PodEvents& events, std::function<std::optional<Target>()> target)
    : context_(context),
      events_(events),
      target_(std::move(target)),
      renamed_(context.runtime),
      flow_(context.runtime) {
  flow_.Spawn(Run());
}

bool FileRefresher::IsNeeded(AgentContext& context, const Json& pod) {
  return context.provider.updates_volumes() && HasFiles(pod);
}

Task<void> FileRefresher::Run() {
  for (;;) {
    const Duration since = context_.runtime.Now().time_since_epoch() % kRefreshPeriod;
    // Whoever is renamed need not wait for the others.
    const bool is_renamed = co_await renamed_.WaitUntil(context_.runtime.Now() + (kRefreshPeriod - since));
    if (is_renamed) co_await context_.runtime.SleepFor(kSoonestRefresh);
    if (auto target = target_()) co_await Refresh(*std::move(target));
  }
}

Task<void> FileRefresher::Refresh(Target target) {
  auto volumes = co_await ResolveCurrentVolumes(context_, target.pod, tokens_);
  if (!volumes) {  // what was there stays
    InputNotice& notice = volumes.error();
    if (!notice.reason.empty()) events_.WarnOnce(notice.reason, notice.message, "RefreshingVolumes");
    co_return;
  }
  const std::size_t hash = HashOf(*volumes);
  if (hash == hash_ || !target_()) co_return;
  const Instant asked = context_.runtime.Now();
  const CloudStatus updated = co_await context_.provider.UpdateVolumes(target.instance_id, *std::move(volumes));
  const auto refusal = updated ? std::optional<Refusal>() : updated.error().refusal;
  context_.observer.OnOperation("update", refusal, context_.runtime.Now() - asked);
  if (updated) {
    hash_ = hash;
  } else {
    log::Warning("cannot change a Pod's files",
                 {{"pod", TextAt(target.pod, "metadata", "name")}, {"why", ToString(updated.error())}});
  }
}

}  // namespace spillway::cloud
