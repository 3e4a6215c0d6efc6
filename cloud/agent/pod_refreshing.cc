// What has changed of a running Pod's files, brought to its instance.
#include <functional>
#include <utility>

#include "base/log.h"
#include "cloud/agent/pod_lifecycle.h"

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

void PodLifecycle::KeepFilesUpToDate() {
  if (is_refreshing_ || !context_.provider.updates_volumes() || !HasFiles(pod_)) return;
  is_refreshing_ = true;
  refresh_.Spawn(RefreshFiles());
}

Task<void> PodLifecycle::RefreshFiles() {
  for (;;) {
    const Duration since = context_.runtime.Now().time_since_epoch() % kRefreshPeriod;
    // A label may have changed, which a downwardAPI volume shows: then there is no need to wait for the others.
    const bool is_told = co_await refresh_now_.WaitUntil(context_.runtime.Now() + (kRefreshPeriod - since));
    if (is_told) co_await context_.runtime.SleepFor(kSoonestRefresh);
    if (phase_ != Phase::kHosted || !instance_ || HasEnded(*instance_)) continue;
    auto volumes = co_await ResolveCurrentVolumes(context_, pod_.Copy(), tokens_);
    if (!volumes) {  // what was there stays
      if (!volumes.error().reason.empty()) {
        RecordOnce(true, volumes.error().reason, volumes.error().message, "RefreshingVolumes");
      }
      continue;
    }
    const std::size_t hash = HashOf(*volumes);
    if (hash == files_hash_ || phase_ != Phase::kHosted) continue;
    const Instant asked = context_.runtime.Now();
    const CloudStatus updated = co_await context_.provider.UpdateVolumes(instance_->id, *std::move(volumes));
    Observe("update", updated ? std::optional<Refusal>() : updated.error().refusal, asked);
    if (updated) {
      files_hash_ = hash;
    } else {
      log::Warning("cannot change a Pod's files", {{"pod", name_}, {"why", ToString(updated.error())}});
    }
  }
}

}  // namespace spillway::cloud
