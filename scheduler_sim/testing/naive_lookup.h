#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "scheduler_sim/testing/naive.h"

// Finds things in Objects, for the filters written naively.
namespace spillway::sim::testing::naive {

using Kind = kube::Volume::Kind;

template <typename T>
const T* Named(const std::vector<T>& objects, const std::string& name) {
  const auto found = std::find_if(objects.begin(), objects.end(), [&](const T& o) { return o.metadata.name == name; });
  return found == objects.end() ? nullptr : &*found;
}

// The claim's name when the volume is one.
inline std::optional<std::string> ClaimName(const kube::Pod& pod, const kube::Volume& volume) {
  if (volume.kind == Kind::kPersistentVolumeClaim) return volume.source;
  if (volume.kind == Kind::kEphemeral) return pod.metadata.name + "-" + volume.name;
  return std::nullopt;
}

inline const kube::PersistentVolumeClaim* FindClaim(const Objects& objects, const std::string& ns,
                                                    const std::string& name) {
  for (const kube::PersistentVolumeClaim& claim : objects.claims) {
    if (claim.metadata.ns == ns && claim.metadata.name == name) return &claim;
  }
  return nullptr;
}

inline bool IsOwnedBy(const kube::PersistentVolumeClaim& claim, const kube::Pod& pod) {
  return claim.metadata.Controller() != nullptr && claim.metadata.Controller()->uid == pod.metadata.uid;
}

inline bool Has(const std::vector<std::string>& list, const std::string& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

inline bool IsFullyBound(const kube::PersistentVolumeClaim& claim) {
  return !claim.volume_name.empty() && claim.bind_completed();
}

inline std::string Quoted(const std::string& text) { return "\"" + text + "\""; }

}  // namespace spillway::sim::testing::naive
