#include "cloud/agent/pod_claims.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace spillway::cloud {
namespace {

// Of a PersistentVolume's spec, all that is not where its data is.
constexpr std::array<std::string_view, 10> kBeside = {"accessModes",  "capacity",
                                                      "claimRef",     "mountOptions",
                                                      "nodeAffinity", "storageClassName",
                                                      "volumeMode",   "volumeAttributesClassName",
                                                      "local",        "persistentVolumeReclaimPolicy"};

// "nfs", "csi", ...; empty: none that can be reached from elsewhere.
std::string KindOf(const Json& spec) {
  for (const auto& [key, value] : Members(spec).items()) {
    if (std::find(kBeside.begin(), kBeside.end(), key) == kBeside.end()) return key;
  }
  return "";
}

}  // namespace

std::string ClaimOf(const Json& volume) { return TextAt(volume, "persistentVolumeClaim", "claimName"); }

InputNotice CannotMount(const Json& volume, const std::string& why) {
  return {kFailedMount, fmt::format("MountVolume.SetUp failed for volume \"{}\" : {}", TextAt(volume, "name"), why)};
}

InputResult<std::string> BoundVolume(const Json& volume, const Json& claim) {
  std::string name = TextAt(claim, "spec", "volumeName");
  if (TextAt(claim, "status", "phase") == "Bound" && !name.empty()) return name;
  return tl::unexpected(
      CannotMount(volume, fmt::format("error processing PVC {}/{}: PVC is not bound",
                                      TextAt(claim, "metadata", "namespace"), TextAt(claim, "metadata", "name"))));
}

InputResult<Json> VolumeInPlace(const Json& volume, const Json& claim, const Json& persistent_volume,
                                const kube::Capabilities& can) {
  const Json& spec = At(persistent_volume, "spec");
  const std::string name = TextAt(persistent_volume, "metadata", "name");
  if (TextAt(spec, "claimRef", "uid") != TextAt(claim, "metadata", "uid"))
    return tl::unexpected(CannotMount(volume, fmt::format("PersistentVolume {} is bound to another claim", name)));
  const std::string kind = KindOf(spec), storage_class = TextAt(spec, "storageClassName");
  const std::string qualifier = kind == "csi" ? TextAt(spec, "csi", "driver") : kind;
  const auto can_mount = [&](const std::string& what) {
    return !what.empty() && can.Can("persistentVolumeClaim/" + what);
  };
  if (kind.empty() || (!can_mount(qualifier) && !can_mount(storage_class))) {
    return tl::unexpected(
        CannotMount(volume, fmt::format("this virtual node has no volumes of PersistentVolume {}'s kind ({})", name,
                                        qualifier.empty() ? "a node's own disk" : qualifier)));
  }
  Json placed = {{"name", TextAt(volume, "name")}, {kind, At(spec, kind)}};
  if (IsTrue(At(volume, "persistentVolumeClaim", "readOnly"))) placed[kind]["readOnly"] = true;
  return placed;
}

void MountReadOnly(Json& pod, const std::string& volume) {
  for (const char* list : {"containers", "initContainers"}) {
    if (At(pod, "spec", list).is_null()) continue;
    for (Json& container : pod["spec"][list]) {
      if (At(container, "volumeMounts").is_null()) continue;
      for (Json& mount : container["volumeMounts"]) {
        if (TextAt(mount, "name") == volume) mount["readOnly"] = true;
      }
    }
  }
}

}  // namespace spillway::cloud
