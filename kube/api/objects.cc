#include "kube/api/objects.h"

#include <algorithm>

namespace spillway::kube {

const std::string* Find(const StringMap& map, std::string_view key) {
  const auto found = std::lower_bound(map.begin(), map.end(), key,
                                      [](const auto& entry, std::string_view k) { return entry.first < k; });
  return found != map.end() && found->first == key ? &found->second : nullptr;
}

const OwnerReference* ObjectMeta::Controller() const {
  const auto found =
      std::find_if(owner_references.begin(), owner_references.end(), [](const auto& o) { return o.controller; });
  return found != owner_references.end() ? &*found : nullptr;
}

bool ObjectMeta::IsOwnedBy(std::string_view kind) const {
  return std::any_of(owner_references.begin(), owner_references.end(),
                     [kind](const auto& o) { return o.kind == kind; });
}

}  // namespace spillway::kube
