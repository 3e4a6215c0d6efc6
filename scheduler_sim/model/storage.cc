#include "scheduler_sim/model/storage.h"

#include <algorithm>

#include "kube/api/selector.h"
#include "scheduler_sim/model/in_tree.h"
#include "scheduler_sim/model/key.h"
#include "scheduler_sim/model/storage_edit.h"

// Names, rules and what Pods use: each hash-consed.

namespace spillway::sim {
namespace {

std::string_view WithoutBeta(std::string_view key) {
  if (key == "failure-domain.beta.kubernetes.io/zone") return "topology.kubernetes.io/zone";
  if (key == "failure-domain.beta.kubernetes.io/region") return "topology.kubernetes.io/region";
  return key;
}

// Source: volumezone Filter.
bool InZones(const std::vector<LabelRule::Zones>& zones, const kube::StringMap& labels) {
  const auto has = [&](std::string_view key) { return kube::Find(labels, key) != nullptr; };
  if (!has("failure-domain.beta.kubernetes.io/zone") && !has("failure-domain.beta.kubernetes.io/region") &&
      !has("topology.kubernetes.io/zone") && !has("topology.kubernetes.io/region")) {
    return true;
  }
  return std::all_of(zones.begin(), zones.end(), [&](const LabelRule::Zones& zone) {
    const std::string* label = kube::Find(labels, zone.key);
    if (label == nullptr) label = kube::Find(labels, WithoutBeta(zone.key));
    return label != nullptr && std::find(zone.values.begin(), zone.values.end(), *label) != zone.values.end();
  });
}

std::string KeyOf(const LabelRule& rule) {
  std::string bytes;
  KeyWriter key(bytes);
  key.Nodes(rule.affinity).Selector(rule.selector).Size(rule.zones.size());
  for (const LabelRule::Zones& zone : rule.zones) {
    key.Text(zone.key).Size(zone.values.size());
    for (const std::string& value : zone.values) key.Text(value);
  }
  return bytes;
}

std::string KeyOf(const VolumeUse& use) {
  std::string bytes;
  KeyWriter key(bytes);
  key.Text(use.pod_name).Size(use.claims.size());
  for (const VolumeUse::Claim& claim : use.claims) {
    key.Size(claim.claim.value()).Size(claim.ephemeral ? 1 : 0).Text(claim.pod_uid);
  }
  key.Size(use.disks.size());
  for (const DiskId disk : use.disks) key.Size(disk.value());
  for (const VolumeUse::Inline& volume : use.inlines) {
    key.Size(volume.attachment.volume.value()).Text(volume.untranslatable);
  }
  return bytes;
}

std::string NameKey(const kube::Volume& disk) {
  return std::to_string(static_cast<int>(disk.kind)) + "/" + disk.pool + "/" + disk.source;
}

bool IsRestricted(const kube::Volume& volume) {
  return volume.kind == kube::Volume::Kind::kGcePd || volume.kind == kube::Volume::Kind::kAwsEbs ||
         volume.kind == kube::Volume::Kind::kRbd || volume.kind == kube::Volume::Kind::kIscsi;
}

}  // namespace

bool LabelRule::Matches(const kube::StringMap& labels) const {
  if (affinity) return kube::Matches(*affinity, labels, "");
  if (selector) return kube::Matches(*selector, labels);
  return InZones(zones, labels);
}

AccessModes ModesOf(const std::vector<std::string>& modes) {
  AccessModes bits = 0;
  for (const std::string& mode : modes) {
    bits = static_cast<AccessModes>(bits | (mode == "ReadWriteOnce"      ? 1
                                            : mode == "ReadOnlyMany"     ? 2
                                            : mode == "ReadWriteMany"    ? 4
                                            : mode == "ReadWriteOncePod" ? kReadWriteOncePod
                                                                         : 16));
  }
  return bits;
}

std::string_view Storage::NameOf(ClaimId id) const {
  const std::string_view key = claims.key(id.value());
  return key.substr(key.find('/') + 1);
}

std::string_view Storage::NameOf(StorageClassId id) const { return classes.key(id.value()); }

const std::vector<DiskId>& Storage::SameName(DiskId disk) const {
  return disks_by_name.at(NameKey(disks[disk.value()].source));
}

bool Storage::IsBroken(const VolumeUse::Claim& use) const {
  if (NameOf(use.claim).empty()) return true;
  return use.ephemeral && claim(use.claim).exists && claim(use.claim).owner_uid != use.pod_uid;
}

ClaimId StorageEdit::AcquireClaim(std::string_view ns, std::string_view name) {
  return ClaimId(storage_.claims.Acquire(std::string(ns) + "/" + std::string(name)).first);
}

void StorageEdit::Release(ClaimId id) {
  if (!storage_.claims.Release(id.value())) return;
  const AttachableId attached = storage_.claim(id).attachment.volume;
  storage_.claims.Erase(id.value());
  if (attached.valid()) Release(attached);
}

PersistentVolumeId StorageEdit::AcquireVolume(std::string_view name) {
  return PersistentVolumeId(storage_.volumes.Acquire(name).first);
}

void StorageEdit::Release(PersistentVolumeId id) {
  if (storage_.volumes.Release(id.value())) storage_.volumes.Erase(id.value());
}

StorageClassId StorageEdit::AcquireClass(std::string_view name) {
  return StorageClassId(storage_.classes.Acquire(name).first);
}

void StorageEdit::Release(StorageClassId id) {
  if (storage_.classes.Release(id.value())) storage_.classes.Erase(id.value());
}

CsiDriverId StorageEdit::AcquireDriver(std::string_view name) {
  const auto [id, is_new] = storage_.drivers.Acquire(name);
  if (is_new) storage_.drivers[id].plugin = PluginReplacedBy(name);
  return CsiDriverId(id);
}

void StorageEdit::Release(CsiDriverId id) {
  if (storage_.drivers.Release(id.value())) storage_.drivers.Erase(id.value());
}

Attachment StorageEdit::AcquireAttachment(std::string_view driver, std::string_view handle, bool in_tree) {
  if (driver.empty() || handle.empty()) return {};
  std::string key;
  KeyWriter(key).Text(driver).Text(handle);
  const auto [id, is_new] = storage_.attachables.Acquire(key);
  if (is_new) storage_.attachables[id] = AcquireDriver(driver);
  return {AttachableId(id), in_tree};
}

void StorageEdit::Release(AttachableId id) {
  if (!storage_.attachables.Release(id.value())) return;
  const CsiDriverId driver = storage_.attachables[id.value()];
  storage_.attachables.Erase(id.value());
  Release(driver);
}

LabelRuleId StorageEdit::AcquireRule(LabelRule rule) {
  const auto [id, is_new] = storage_.label_rules.Acquire(KeyOf(rule));
  if (is_new) {
    storage_.label_rules[id] = std::move(rule);
    LabelRule& made = storage_.label_rules[id];
    model_.all.ForEach([&](NodeIndex node) { made.matches.Put(node, made.Matches(model_.node(node).labels)); });
  }
  return LabelRuleId(id);
}

void StorageEdit::Release(LabelRuleId id) {
  if (storage_.label_rules.Release(id.value())) storage_.label_rules.Erase(id.value());
}

void StorageEdit::JudgeLabels(NodeIndex node) {
  const kube::StringMap& labels = model_.node(node).labels;
  for (std::uint32_t id = 0; id < storage_.label_rules.end(); ++id) {
    if (!storage_.label_rules.live(id)) continue;
    LabelRule& rule = storage_.label_rules[id];
    rule.matches.Put(node, rule.Matches(labels));
  }
}

DiskId StorageEdit::AcquireDisk(const kube::Volume& source) {
  std::string bytes;
  KeyWriter key(bytes);
  key.Text(NameKey(source)).Size(source.read_only ? 1 : 0).Size(source.monitors.size());
  for (const std::string& monitor : source.monitors) key.Text(monitor);
  const auto [id, is_new] = storage_.disks.Acquire(bytes);
  if (is_new) {
    storage_.disks[id].source = source;
    storage_.disks_by_name[NameKey(source)].push_back(DiskId(id));
  }
  return DiskId(id);
}

void StorageEdit::Release(DiskId id) {
  if (!storage_.disks.Release(id.value())) return;
  const auto group = storage_.disks_by_name.find(NameKey(storage_.disks[id.value()].source));
  std::erase(group->second, id);
  if (group->second.empty()) storage_.disks_by_name.erase(group);
  storage_.disks.Erase(id.value());
}

VolumeUseId StorageEdit::AcquireUse(const kube::Pod& pod) {
  VolumeUse use;
  for (const kube::Volume& volume : pod.volumes) {
    if (volume.kind == kube::Volume::Kind::kPersistentVolumeClaim) {
      use.claims.push_back({AcquireClaim(pod.metadata.ns, volume.source), false, {}});
    } else if (volume.kind == kube::Volume::Kind::kEphemeral) {
      const std::string name = pod.metadata.name + "-" + volume.name;
      use.claims.push_back({AcquireClaim(pod.metadata.ns, name), true, pod.metadata.uid});
      use.pod_name = pod.metadata.name;
    }
    if (IsRestricted(volume)) use.disks.push_back(AcquireDisk(volume));
    if (PluginOf(volume) == kube::InTreeSource::Plugin::kNone) continue;
    TranslatedVolume translated = TranslateInline(volume);
    VolumeUse::Inline made{{}, std::move(translated.error)};
    if (made.untranslatable.empty()) made.attachment = AcquireAttachment(translated.driver, translated.handle, true);
    use.inlines.push_back(std::move(made));
  }
  if (use.claims.empty() && use.disks.empty() && use.inlines.empty()) return {};
  const auto [id, is_new] = storage_.uses.Acquire(KeyOf(use));
  if (is_new) {
    storage_.uses[id] = std::move(use);
  } else {
    DropReferences(use);
  }
  return VolumeUseId(id);
}

void StorageEdit::DropReferences(const VolumeUse& use) {
  for (const VolumeUse::Claim& claim : use.claims) Release(claim.claim);
  for (const DiskId disk : use.disks) Release(disk);
  for (const VolumeUse::Inline& volume : use.inlines) {
    if (volume.attachment.volume.valid()) Release(volume.attachment.volume);
  }
}

void StorageEdit::Release(VolumeUseId id) {
  if (!storage_.uses.Release(id.value())) return;
  const VolumeUse gone = std::move(storage_.uses[id.value()]);
  storage_.uses.Erase(id.value());
  DropReferences(gone);
}

}  // namespace spillway::sim
