#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sandbox/store/selectors.h"
#include "sandbox/store/store.h"

namespace spillway::sandbox {

// One change as a watch with a namespace and a selector sees it.
struct SeenChange {
  WatchEvent::Type type = WatchEvent::Type::kAdded;
  Revision revision = 0;
  std::string json;
};

// An object that begins to match is added, one that no longer matches is deleted (in its previous state, at the
// change's resourceVersion); nullopt for what does not concern this watch.
//
// Source: apiserver pkg/storage/cacher/cache_watcher.go convertToWatchEvent.
std::optional<SeenChange> SeenThrough(const Change& change, std::string_view ns, const Selector& selector);

}  // namespace spillway::sandbox
