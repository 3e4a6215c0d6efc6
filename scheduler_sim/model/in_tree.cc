#include "scheduler_sim/model/in_tree.h"

#include <algorithm>
#include <array>
#include <set>
#include <vector>

namespace spillway::sim {
namespace {

using Plugin = kube::InTreeSource::Plugin;

constexpr std::array kPlugins = {Plugin::kAwsEbs, Plugin::kGcePd, Plugin::kAzureDisk, Plugin::kCinder,
                                 Plugin::kPortworx};
constexpr const char* kZone = "topology.kubernetes.io/zone";
constexpr const char* kRegion = "topology.kubernetes.io/region";
constexpr const char* kBetaZone = "failure-domain.beta.kubernetes.io/zone";
constexpr const char* kBetaRegion = "failure-domain.beta.kubernetes.io/region";

// Empty: its volumes' node affinity is left alone.
std::string_view TopologyKeyOf(Plugin plugin) {
  switch (plugin) {
    case Plugin::kAwsEbs:
      return "topology.ebs.csi.aws.com/zone";
    case Plugin::kGcePd:
      return "topology.gke.io/zone";
    case Plugin::kCinder:
      return "topology.cinder.csi.openstack.org/zone";
    default:
      return {};
  }
}

std::vector<std::string> Split(std::string_view text, std::string_view separator) {
  std::vector<std::string> parts;
  for (;;) {
    const std::size_t at = text.find(separator);
    parts.emplace_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + separator.size());
  }
}

std::string_view Trimmed(std::string_view text, std::string_view what) {
  const std::size_t first = text.find_first_not_of(what);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(what) - first + 1);
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> PercentDecoded(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    if (i + 2 >= text.size() || HexDigit(text[i + 1]) < 0 || HexDigit(text[i + 2]) < 0) return std::nullopt;
    decoded += static_cast<char>(HexDigit(text[i + 1]) * 16 + HexDigit(text[i + 2]));
    i += 2;
  }
  return decoded;
}

// A bare id, or aws://<zone>/<id>.
//
// Source: KubernetesVolumeIDToEBSVolumeID.
std::optional<std::string> EbsVolumeId(std::string_view id) {
  constexpr std::string_view kScheme = "aws://";
  if (!id.starts_with(kScheme)) return std::string(id);
  id.remove_prefix(kScheme.size());
  id = id.substr(0, id.find('#'));
  id = id.substr(0, id.find('?'));
  const std::size_t slash = id.find('/');
  const std::string_view zone = id.substr(0, slash);
  const bool plain_zone = std::all_of(zone.begin(), zone.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  });
  if (!plain_zone || slash == std::string_view::npos) return std::nullopt;
  const std::optional<std::string> path = PercentDecoded(id.substr(slash));
  if (!path) return std::nullopt;
  const std::string_view name = Trimmed(*path, "/");
  if (!name.starts_with("vol-") || name.find('/') != std::string_view::npos) return std::nullopt;
  return std::string(name);
}

// Source: gceGetRegionFromZones: {locale}-{region}-{zone}, all in one region.
std::optional<std::string> GceRegion(const std::vector<std::string>& zones) {
  std::set<std::string> regions;
  for (const std::string& zone : zones) {
    const std::vector<std::string> parts = Split(zone, "-");
    if (parts.size() != 3) return std::nullopt;
    regions.insert(parts[0] + "-" + parts[1]);
  }
  if (regions.size() != 1) return std::nullopt;
  return *regions.begin();
}

std::string GceHandle(std::string_view scope, std::string_view where, const std::string& disk) {
  return "projects/UNSPECIFIED/" + std::string(scope) + "/" + std::string(where) + "/disks/" + disk;
}

std::optional<std::string> GceVolumeHandle(const kube::PersistentVolume& volume) {
  const std::string* label = kube::Find(volume.metadata.labels, kBetaZone);
  if (label == nullptr || label->empty()) label = kube::Find(volume.metadata.labels, kZone);
  const std::vector<std::string> zones = Split(label == nullptr ? "" : *label, "__");
  if (zones.size() == 1) return GceHandle("zones", zones[0].empty() ? "UNSPECIFIED" : zones[0], volume.in_tree.id);
  const std::optional<std::string> region = GceRegion(zones);
  if (!region) return std::nullopt;
  return GceHandle("regions", *region, volume.in_tree.id);
}

// ---- node affinity

template <typename Each>
void EachRequirement(std::optional<kube::NodeSelector>& affinity, std::string_view key, Each&& each) {
  if (!affinity) return;
  for (kube::NodeSelectorTerm& term : affinity->terms) {
    for (kube::LabelRequirement& requirement : term.match_expressions) {
      if (requirement.key == key) each(requirement);
    }
  }
}

bool HasKey(std::optional<kube::NodeSelector>& affinity, std::string_view key) {
  bool found = false;
  EachRequirement(affinity, key, [&](const auto&) { found = true; });
  return found;
}

// False when no requirement about `key` names a value.
bool ReplaceKey(std::optional<kube::NodeSelector>& affinity, std::string_view key, std::string_view next) {
  bool has_values = false;
  EachRequirement(affinity, key, [&](const auto& requirement) { has_values |= !requirement.values.empty(); });
  if (has_values) EachRequirement(affinity, key, [&](auto& requirement) { requirement.key = next; });
  return has_values;
}

void AddZones(std::optional<kube::NodeSelector>& affinity, std::string_view key, const std::string& label) {
  std::set<std::string> zones;
  for (const std::string& zone : Split(label, "__")) {
    if (const std::string_view trimmed = Trimmed(zone, " \t\n\v\f\r"); !trimmed.empty()) zones.emplace(trimmed);
  }
  if (zones.empty()) return;
  if (!affinity) affinity.emplace();
  if (affinity->terms.empty()) affinity->terms.emplace_back();
  for (kube::NodeSelectorTerm& term : affinity->terms) {
    term.match_expressions.push_back(
        {std::string(key), kube::LabelRequirement::Operator::kIn, {zones.begin(), zones.end()}});
  }
}

// Source: translateTopologyFromInTreeToCSI, getTopologyLabel.
void TranslateAffinity(const kube::PersistentVolume& volume, std::string_view key,
                       std::optional<kube::NodeSelector>& affinity) {
  const kube::StringMap& labels = volume.metadata.labels;
  const bool beta =
      !HasKey(affinity, kZone) && (HasKey(affinity, kBetaZone) ||
                                   (kube::Find(labels, kZone) == nullptr && kube::Find(labels, kBetaZone) != nullptr));
  const char* zone = beta ? kBetaZone : kZone;
  if (!ReplaceKey(affinity, zone, key)) {
    if (const std::string* label = kube::Find(labels, zone)) AddZones(affinity, key, *label);
  }
  if (beta) ReplaceKey(affinity, kBetaRegion, kRegion);
}

}  // namespace

TranslatedVolume Translate(const kube::PersistentVolume& volume) {
  const Plugin plugin = volume.in_tree.plugin;
  TranslatedVolume translated{std::string(CsiDriverOf(plugin)), volume.in_tree.id, volume.node_affinity, {}};
  std::optional<std::string> handle = volume.in_tree.id;
  if (plugin == Plugin::kAwsEbs) handle = EbsVolumeId(volume.in_tree.id);
  if (plugin == Plugin::kGcePd) handle = GceVolumeHandle(volume);
  if (volume.in_tree.unmanaged) handle.reset();
  if (!handle) {
    translated.error = "the in-tree source of PersistentVolume " + volume.metadata.name + " has no CSI counterpart";
    return translated;
  }
  translated.handle = std::move(*handle);
  if (const std::string_view key = TopologyKeyOf(plugin); !key.empty()) {
    TranslateAffinity(volume, key, translated.node_affinity);
  }
  return translated;
}

TranslatedVolume TranslateInline(const kube::Volume& volume) {
  const Plugin plugin = PluginOf(volume);
  TranslatedVolume translated{std::string(CsiDriverOf(plugin)), volume.source, std::nullopt, {}};
  std::optional<std::string> handle = volume.source;
  if (plugin == Plugin::kAwsEbs) handle = EbsVolumeId(volume.source);
  if (plugin == Plugin::kGcePd) handle = GceHandle("zones", "UNSPECIFIED", volume.source);
  if (volume.unmanaged) handle.reset();
  if (!handle) translated.error = "the source of volume \"" + volume.name + "\" has no CSI counterpart";
  translated.handle = std::move(handle).value_or(std::string());
  return translated;
}

Plugin PluginOf(const kube::Volume& volume) {
  switch (volume.kind) {
    case kube::Volume::Kind::kAwsEbs:
      return Plugin::kAwsEbs;
    case kube::Volume::Kind::kGcePd:
      return Plugin::kGcePd;
    case kube::Volume::Kind::kAzureDisk:
      return Plugin::kAzureDisk;
    case kube::Volume::Kind::kCinder:
      return Plugin::kCinder;
    case kube::Volume::Kind::kPortworx:
      return Plugin::kPortworx;
    default:
      return Plugin::kNone;
  }
}

std::string_view CsiDriverOf(Plugin plugin) {
  switch (plugin) {
    case Plugin::kAwsEbs:
      return "ebs.csi.aws.com";
    case Plugin::kGcePd:
      return "pd.csi.storage.gke.io";
    case Plugin::kAzureDisk:
      return "disk.csi.azure.com";
    case Plugin::kCinder:
      return "cinder.csi.openstack.org";
    case Plugin::kPortworx:
      return "pxd.portworx.com";
    case Plugin::kNone:
      break;
  }
  return {};
}

Plugin PluginReplacedBy(std::string_view csi_driver) {
  const auto found =
      std::find_if(kPlugins.begin(), kPlugins.end(), [&](Plugin plugin) { return CsiDriverOf(plugin) == csi_driver; });
  return found == kPlugins.end() ? Plugin::kNone : *found;
}

Provisioner ProvisionerOf(std::string_view name) {
  for (const Plugin plugin : kPlugins) {
    if (kube::NameOf(plugin) == name) return {CsiDriverOf(plugin), true};
  }
  if (name == "kubernetes.io/azure-file" || name == "kubernetes.io/vsphere-volume") return {};
  return {name, false};
}

bool ListsPlugin(std::string_view migrated_plugins, Plugin plugin) {
  const std::vector<std::string> listed = Split(migrated_plugins, ",");
  return std::find(listed.begin(), listed.end(), kube::NameOf(plugin)) != listed.end();
}

}  // namespace spillway::sim
