#include "controller/watch_set.h"

#include <fmt/core.h>

namespace spillway::controller {

void WatchSet::Start() {
  for (const Watch& watch : watches_) watch.start();
}

Status WatchSet::Known(Concerns concerns) const {
  for (const Watch& watch : watches_) {
    if (watch.concerns != concerns) continue;
    const kube::ReflectorCounts& counts = watch.counts();
    const char* problem = !counts.synced ? "not listed yet" : counts.stale ? "watch lost" : nullptr;
    if (problem == nullptr) continue;
    return Fail(Code::kUnavailable, fmt::format("{}: {}{}{}", watch.resource, problem,
                                                counts.last_error.empty() ? "" : ": ", counts.last_error));
  }
  return {};
}

std::vector<Watched> WatchSet::All() const {
  std::vector<Watched> all;
  for (const Watch& watch : watches_) all.push_back({watch.resource, watch.counts()});
  return all;
}

}  // namespace spillway::controller
