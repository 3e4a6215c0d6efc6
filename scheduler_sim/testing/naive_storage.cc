#include "scheduler_sim/testing/naive_storage.h"

#include <algorithm>
#include <map>
#include <set>

#include "kube/api/selector.h"
#include "scheduler_sim/model/in_tree.h"
#include "scheduler_sim/testing/naive_lookup.h"

namespace spillway::sim::testing {
namespace {

using namespace naive;

// ---- VolumeRestrictions

std::set<std::string> OnlyForOnePod(const NaiveStorage& storage) {
  std::set<std::string> names;
  for (const kube::Volume& volume : storage.pod.volumes) {
    if (volume.kind != Kind::kPersistentVolumeClaim) continue;
    const auto* claim = FindClaim(storage.objects, storage.pod.metadata.ns, volume.source);
    if (claim != nullptr && Has(claim->access_modes, "ReadWriteOncePod")) names.insert(volume.source);
  }
  return names;
}

bool Uses(const kube::Pod& pod, const std::string& claim) {
  return std::any_of(pod.volumes.begin(), pod.volumes.end(), [&](const kube::Volume& volume) {
    return volume.kind == Kind::kPersistentVolumeClaim && volume.source == claim;
  });
}

bool Conflict(const kube::Volume& a, const kube::Volume& b) {
  if (a.kind != b.kind || a.source != b.source) return false;
  const bool both_read = a.read_only && b.read_only;
  switch (a.kind) {
    case Kind::kAwsEbs:
      return true;
    case Kind::kGcePd:
    case Kind::kIscsi:
      return !both_read;
    case Kind::kRbd:
      return !both_read && a.pool == b.pool &&
             std::any_of(a.monitors.begin(), a.monitors.end(), [&](const auto& m) { return Has(b.monitors, m); });
    default:
      return false;
  }
}

// ---- NodeVolumeLimits

struct Attachable {
  std::string driver, handle;
};

bool MigrationIsOn(const NaiveStorage& storage, const kube::CsiNode* node, kube::InTreeSource::Plugin plugin) {
  if (node == nullptr || plugin == kube::InTreeSource::Plugin::kNone) return false;
  if (!storage.semantics.portworx_must_be_listed || plugin != kube::InTreeSource::Plugin::kPortworx) return true;
  const std::string* listed = kube::Find(node->metadata.annotations, "storage.alpha.kubernetes.io/migrated-plugins");
  return listed != nullptr && ListsPlugin(*listed, plugin);
}

Attachable OfClass(const NaiveStorage& storage, const kube::CsiNode* node, const kube::PersistentVolumeClaim& claim) {
  const kube::StorageClass* storage_class = Named(storage.objects.storage_classes, kube::ClassOf(claim));
  if (kube::ClassOf(claim).empty() || storage_class == nullptr) return {};
  const Provisioner provisioner = ProvisionerOf(storage_class->provisioner);
  if (provisioner.in_tree && !MigrationIsOn(storage, node, PluginReplacedBy(provisioner.driver))) return {};
  return {std::string(provisioner.driver), "unbound " + claim.metadata.Key()};
}

Attachable OfClaim(const NaiveStorage& storage, const kube::CsiNode* node, const kube::PersistentVolumeClaim& claim) {
  const kube::PersistentVolume* volume =
      claim.volume_name.empty() ? nullptr : Named(storage.objects.volumes, claim.volume_name);
  if (volume == nullptr) return OfClass(storage, node, claim);
  if (volume->has_csi) return {volume->csi_driver, volume->csi_volume_handle};
  if (!MigrationIsOn(storage, node, volume->in_tree.plugin)) return {};
  const TranslatedVolume translated = Translate(*volume);
  if (!translated.error.empty()) return {};
  return {translated.driver, translated.handle};
}

using Attached = std::map<std::pair<std::string, std::string>, std::string>;  // driver by driver and handle

// Adds the Pod's volumes; the result is a rejection or an error.
NaiveResult AddAttachable(const NaiveStorage& storage, const kube::Pod& pod, const kube::CsiNode* node, Attached& to) {
  for (const kube::Volume& volume : pod.volumes) {
    const std::optional<std::string> name = ClaimName(pod, volume);
    if (!name) {
      if (!MigrationIsOn(storage, node, PluginOf(volume))) continue;
      const TranslatedVolume translated = TranslateInline(volume);
      if (!translated.error.empty()) return {{}, translated.error};
      to[{translated.driver, translated.handle}] = translated.driver;
      continue;
    }
    if (name->empty()) return {{}, "no name"};
    const auto* claim = FindClaim(storage.objects, pod.metadata.ns, *name);
    if (claim == nullptr) continue;  // of a new Pod found by PreFilter
    if (volume.kind == Kind::kEphemeral && !IsOwnedBy(*claim, pod)) return {{}, "not its owner"};
    const Attachable attachable = OfClaim(storage, node, *claim);
    if (attachable.driver.empty() || attachable.handle.empty()) continue;
    to[{attachable.driver, attachable.handle}] = attachable.driver;
  }
  return {};
}

}  // namespace

NaiveResult NaiveStorage::VolumeRestrictions(const NaivePods& pods, const NaivePods& added) const {
  const std::set<std::string> alone = OnlyForOnePod(*this);
  int conflicts = 0;
  for (const std::string& name : alone) {
    for (const kube::Pod* other : placed) conflicts += other->metadata.ns == pod.metadata.ns && Uses(*other, name);
  }
  const bool disks = std::any_of(pod.volumes.begin(), pod.volumes.end(), [](const kube::Volume& v) {
    return v.kind == Kind::kGcePd || v.kind == Kind::kAwsEbs || v.kind == Kind::kRbd || v.kind == Kind::kIscsi;
  });
  if (!disks && conflicts == 0) return {};
  for (const kube::Volume& volume : pod.volumes) {
    for (const kube::Pod* other : pods) {
      for (const kube::Volume& used : other->volumes) {
        if (Conflict(volume, used)) return {{"node(s) had no available disk"}, {}};
      }
    }
  }
  for (const kube::Pod* other : added) {  // AddPod, which does not look at namespaces
    for (const std::string& name : alone) conflicts += Uses(*other, name);
  }
  if (conflicts == 0) return {};
  return {{"node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by "
           "another pod"},
          {}};
}

NaiveResult NaiveStorage::NodeVolumeLimits(const kube::Node& node, const NaivePods& pods) const {
  const kube::CsiNode* csi_node = Named(objects.csi_nodes, node.metadata.name);
  Attached wanted, attached;
  if (NaiveResult result = AddAttachable(*this, pod, csi_node, wanted); !result.error.empty()) return result;
  std::map<std::string, int> limits;
  for (const auto& driver : csi_node == nullptr ? std::vector<kube::CsiNodeDriver>() : csi_node->drivers) {
    if (driver.allocatable_count) limits[driver.name] = *driver.allocatable_count;
  }
  if (wanted.empty() || limits.empty()) return {};
  for (const kube::Pod* other : pods) {
    if (NaiveResult result = AddAttachable(*this, *other, csi_node, attached); !result.error.empty()) return result;
  }
  std::map<std::string, int> count, more;
  for (const auto& [volume, driver] : attached) {
    wanted.erase(volume);
    ++count[driver];
  }
  std::set<std::pair<std::string, std::string>> by_attachment;
  for (const kube::VolumeAttachment& attachment : objects.attachments) {
    if (attachment.node_name != node.metadata.name || attachment.attacher.empty() || !attachment.volume_name) continue;
    const kube::PersistentVolume* volume = Named(objects.volumes, *attachment.volume_name);
    if (volume == nullptr || !volume->has_csi) continue;
    by_attachment.emplace(attachment.attacher, volume->csi_volume_handle);
  }
  for (const auto& volume : by_attachment) {
    if (attached.count(volume) == 0) ++count[volume.first];
  }
  for (const auto& [volume, driver] : wanted) ++more[driver];
  for (const auto& [driver, volumes] : more) {
    if (limits.count(driver) != 0 && count[driver] + volumes > limits[driver]) {
      return {{"node(s) exceed max volume count"}, {}};
    }
  }
  return {};
}

}  // namespace spillway::sim::testing
