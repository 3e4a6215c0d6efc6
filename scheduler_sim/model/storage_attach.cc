#include <algorithm>

#include "scheduler_sim/model/in_tree.h"
#include "scheduler_sim/model/storage_edit.h"

// Which volumes are on which node, and how many of them a node takes.

namespace spillway::sim {

bool InTreeCounts(const Cluster::Model& model, CsiDriverId driver, NodeIndex node) {
  const CsiNodeRecord* csi_node = model.storage.csi_node(node);
  if (csi_node == nullptr) return false;
  const kube::InTreeSource::Plugin plugin = model.storage.drivers[driver.value()].plugin;
  if (plugin != kube::InTreeSource::Plugin::kPortworx) return true;
  return model.semantics.portworx_is_csi && (!model.semantics.portworx_must_be_listed || csi_node->Lists(plugin));
}

void UseVolumes(const Cluster::Model& model, VolumeUsage& usage, VolumeUseId id, NodeIndex node, std::int32_t change) {
  const Storage& storage = model.storage;
  const VolumeUse& use = storage.uses[id.value()];
  const auto attach = [&](const Attachment& attachment) {
    if (!attachment.volume.valid()) return;
    const CsiDriverId driver = storage.attachables[attachment.volume.value()];
    usage.Change(node, attachment.volume, driver, attachment.in_tree ? AttachedBy::kPodInTree : AttachedBy::kPod,
                 InTreeCounts(model, driver, node), change);
  };
  for (const DiskId disk : use.disks) usage.ChangeDisk(disk, node, change);
  for (const VolumeUse::Inline& volume : use.inlines) {
    attach(volume.attachment);
    if (!volume.untranslatable.empty()) usage.ChangeBroken(node, change);
  }
  for (const VolumeUse::Claim& claim : use.claims) {
    attach(storage.claim(claim.claim).attachment);
    if (storage.IsBroken(claim)) usage.ChangeBroken(node, change);
  }
}

void CountClaims(const Cluster::Model& model, VolumeUsage& usage, VolumeUseId id, std::int32_t change) {
  for (const VolumeUse::Claim& claim : model.storage.uses[id.value()].claims) {
    if (!claim.ephemeral) usage.ChangeClaim(claim.claim, change);
  }
}

void StorageEdit::Place(VolumeUseId id, NodeIndex node) {
  const VolumeUse& use = storage_.uses[id.value()];
  for (std::uint32_t at = 0; at < use.claims.size(); ++at) {
    storage_.claims[use.claims[at].claim.value()].placed.push_back({node, id, at});
  }
}

void StorageEdit::Unplace(VolumeUseId id, NodeIndex node) {
  const VolumeUse& use = storage_.uses[id.value()];
  for (std::uint32_t at = 0; at < use.claims.size(); ++at) {
    auto& placed = storage_.claims[use.claims[at].claim.value()].placed;
    placed.erase(std::find(placed.begin(), placed.end(), ClaimRecord::Placed{node, id, at}));
  }
}

// What placed Pods take through this claim leaves their nodes, or comes back.
void StorageEdit::CountPlaced(ClaimId id, std::int32_t change) {
  const ClaimRecord& claim = storage_.claim(id);
  if (claim.placed.empty()) return;
  VolumeUsage& usage = model_.usage.ChangeableVolumes();
  for (const ClaimRecord::Placed& placed : claim.placed) {
    if (storage_.IsBroken(storage_.uses[placed.use.value()].claims[placed.at])) usage.ChangeBroken(placed.node, change);
    if (!claim.attachment.volume.valid()) continue;
    const CsiDriverId driver = storage_.attachables[claim.attachment.volume.value()];
    usage.Change(placed.node, claim.attachment.volume, driver,
                 claim.attachment.in_tree ? AttachedBy::kPodInTree : AttachedBy::kPod,
                 InTreeCounts(model_, driver, placed.node), change);
  }
}

// Source: nodevolumelimits getCSIDriverInfo: a claim without a volume counts as one of its class's provisioner.
Attachment StorageEdit::Resolve(ClaimId id) {
  const ClaimRecord& claim = storage_.claim(id);
  if (!claim.exists) return {};
  if (claim.volume.valid() && storage_.volume(claim.volume).exists) {
    const Attachment attachment = storage_.volume(claim.volume).attachment;
    if (attachment.volume.valid()) storage_.attachables.AddReference(attachment.volume.value());
    return attachment;
  }
  if (!claim.storage_class.valid() || !storage_.storage_class(claim.storage_class).exists) return {};
  const Provisioner provisioner = ProvisionerOf(storage_.storage_class(claim.storage_class).provisioner);
  const std::string own_handle = std::string(1, '\0') + std::string(storage_.claims.key(id.value()));
  return AcquireAttachment(provisioner.driver, own_handle, provisioner.in_tree);
}

void StorageEdit::Reattach(ClaimId id) {
  const Attachment next = Resolve(id);
  const Attachment before = storage_.claim(id).attachment;
  if (next != before) {
    CountPlaced(id, -1);
    storage_.claims[id.value()].attachment = next;
    CountPlaced(id, 1);
  }
  const AttachableId gone = next != before ? before.volume : next.volume;
  if (gone.valid()) Release(gone);
}

// ---- VolumeAttachments

void StorageEdit::CountAttachment(const VolumeAttachmentRecord& record, std::int32_t change) {
  if (!record.volume.valid()) return;
  const CsiDriverId driver = storage_.attachables[record.volume.value()];
  model_.usage.ChangeableVolumes().Change(record.node, record.volume, driver, AttachedBy::kAttachment,
                                          InTreeCounts(model_, driver, record.node), change);
}

void StorageEdit::Reattach(std::uint32_t id) {
  const VolumeAttachmentRecord before = storage_.attachments[id];
  AttachableId next;
  const VolumeRecord& volume = storage_.volume(before.persistent_volume);
  if (volume.exists && volume.has_csi) next = AcquireAttachment(before.attacher, volume.handle, false).volume;
  CountAttachment(before, -1);
  storage_.attachments[id].volume = next;
  CountAttachment(storage_.attachments[id], 1);
  if (before.volume.valid()) Release(before.volume);
}

void StorageEdit::Upsert(const kube::VolumeAttachment& attachment) {
  const std::string& uid = attachment.metadata.uid.empty() ? attachment.metadata.name : attachment.metadata.uid;
  if (const std::uint32_t known = storage_.attachments.Find(uid); known != IdTable::kNone) {
    const VolumeAttachmentRecord& record = storage_.attachments[known];
    if (attachment.volume_name && record.attacher == attachment.attacher &&
        model_.node(record.node).name == attachment.node_name &&
        storage_.volumes.key(record.persistent_volume.value()) == *attachment.volume_name) {
      return;
    }
    RemoveAttachment(uid);
  }
  if (!model_.semantics.attachments_count) return;
  if (!attachment.volume_name || attachment.attacher.empty()) return;  // counts for nobody
  const std::uint32_t id = storage_.attachments.Acquire(uid).first;
  const PersistentVolumeId volume = AcquireVolume(*attachment.volume_name);
  storage_.attachments[id] = {model_.AcquireNodeName(attachment.node_name), attachment.attacher, volume, {}};
  storage_.volumes[volume.value()].attachments.push_back(id);
  Reattach(id);
  Changed();
}

void StorageEdit::RemoveAttachment(std::string_view uid) {
  const std::uint32_t id = storage_.attachments.Find(uid);
  if (id == IdTable::kNone || !storage_.attachments.Release(id)) return;
  const VolumeAttachmentRecord gone = storage_.attachments[id];
  CountAttachment(gone, -1);
  std::erase(storage_.volumes[gone.persistent_volume.value()].attachments, id);
  storage_.attachments.Erase(id);
  if (gone.volume.valid()) Release(gone.volume);
  Release(gone.persistent_volume);
  model_.ReleaseNodeName(gone.node);
  Changed();
}

// ---- CSINodes

void StorageEdit::Set(NodeIndex node, CsiNodeRecord next) {
  const auto in_tree_counts = [&](CsiDriverId driver) { return InTreeCounts(model_, driver, node); };
  if (node.value() >= storage_.csi_nodes.size()) storage_.csi_nodes.resize(node.value() + 1);
  model_.usage.ChangeableVolumes().Recount(node, in_tree_counts, -1);
  CsiNodeRecord& record = storage_.csi_nodes[node.value()];
  const auto put_limits = [&](const CsiNodeRecord& of, bool there) {
    for (const auto& [driver, limit] : of.limits) {
      std::vector<std::int32_t>& limits = storage_.drivers[driver.value()].limits;
      if (node.value() >= limits.size()) limits.resize(node.value() + 1, CsiDriverRecord::kNoLimit);
      limits[node.value()] = there ? limit : CsiDriverRecord::kNoLimit;
    }
  };
  put_limits(record, false);
  const std::vector<std::pair<CsiDriverId, std::int32_t>> before = std::move(record.limits);
  record = std::move(next);
  put_limits(record, true);
  storage_.limited.Put(node, !record.limits.empty());
  model_.usage.ChangeableVolumes().Recount(node, in_tree_counts, 1);
  for (const auto& [driver, unused] : before) Release(driver);
  Changed();
}

void StorageEdit::Upsert(const kube::CsiNode& given) {
  const NodeIndex node = model_.AcquireNodeName(given.metadata.name);
  CsiNodeRecord next{.exists = true, .listed_plugins = 0, .limits = {}};
  if (const std::string* listed =
          kube::Find(given.metadata.annotations, "storage.alpha.kubernetes.io/migrated-plugins")) {
    for (int plugin = 1; plugin <= static_cast<int>(kube::InTreeSource::Plugin::kPortworx); ++plugin) {
      if (!ListsPlugin(*listed, static_cast<kube::InTreeSource::Plugin>(plugin))) continue;
      next.listed_plugins = static_cast<std::uint8_t>(next.listed_plugins | 1 << plugin);
    }
  }
  for (const kube::CsiNodeDriver& driver : given.drivers) {
    // A negative count is no less than none: nothing fits either way.
    if (driver.allocatable_count) {
      next.limits.emplace_back(AcquireDriver(driver.name), std::max(*driver.allocatable_count, 0));
    }
  }
  const CsiNodeRecord* before = storage_.csi_node(node);
  const bool same = before != nullptr && before->listed_plugins == next.listed_plugins && before->limits == next.limits;
  if (before != nullptr) model_.ReleaseNodeName(node);  // the object holds one reference already
  const std::string& uid = given.metadata.uid.empty() ? given.metadata.name : given.metadata.uid;
  storage_.csi_node_uids[uid] = node.value();
  if (!same) {
    Set(node, std::move(next));
    return;
  }
  for (const auto& [driver, unused] : next.limits) Release(driver);
}

void StorageEdit::RemoveCsiNode(std::string_view uid) {
  const auto found = storage_.csi_node_uids.find(std::string(uid));
  if (found == storage_.csi_node_uids.end()) return;
  const NodeIndex node(found->second);
  storage_.csi_node_uids.erase(found);
  const auto same = [&](const auto& entry) { return entry.second == node.value(); };
  if (std::any_of(storage_.csi_node_uids.begin(), storage_.csi_node_uids.end(), same)) return;  // recreated
  Set(node, {});
  model_.ReleaseNodeName(node);
}

}  // namespace spillway::sim
