#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "kube/api/storage.h"

namespace spillway::sim {

// An in-tree volume as the CSI driver sees it that has taken the in-tree plugin over.
//
// Source: k8s.io/csi-translation-lib plugins, v0.33 to v0.36, which are the same.
struct TranslatedVolume {
  std::string driver, handle;
  std::optional<kube::NodeSelector> node_affinity;
  std::string error;  // not empty: kube-scheduler cannot translate it either, and the rest means nothing
};
TranslatedVolume Translate(const kube::PersistentVolume& volume);
// One named in the Pod itself; it has no node affinity.
TranslatedVolume TranslateInline(const kube::Volume& volume);

// The plugin of an in-tree volume that kube-scheduler counts as CSI's; kNone for everything else.
kube::InTreeSource::Plugin PluginOf(const kube::Volume& volume);
// "ebs.csi.aws.com"
std::string_view CsiDriverOf(kube::InTreeSource::Plugin plugin);
// kNone when no plugin is replaced by this driver.
kube::InTreeSource::Plugin PluginReplacedBy(std::string_view csi_driver);

// What a StorageClass's provisioner is for counting: the name of a CSI driver and whether it stands in for an in-tree
// plugin; empty for in-tree provisioners that kube-scheduler does not count.
struct Provisioner {
  std::string_view driver;
  bool in_tree = false;
};
Provisioner ProvisionerOf(std::string_view name);

// Whether a CSINode's annotation says that the plugin has been taken over there.
bool ListsPlugin(std::string_view migrated_plugins, kube::InTreeSource::Plugin plugin);

}  // namespace spillway::sim
