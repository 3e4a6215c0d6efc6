#include "scheduler_sim/model/volume_usage.h"

#include <algorithm>

namespace spillway::sim {
namespace {

constexpr auto kBefore = [](const NodeVolumes::Entry& entry, AttachableId volume) { return entry.volume < volume; };

void Add(std::uint32_t& count, std::int32_t change) {
  count = static_cast<std::uint32_t>(static_cast<std::int64_t>(count) + change);
}

}  // namespace

const NodeVolumes::Entry* NodeVolumes::Find(AttachableId volume) const {
  const auto found = std::lower_bound(entries.begin(), entries.end(), volume, kBefore);
  return found != entries.end() && found->volume == volume ? &*found : nullptr;
}

std::int32_t& VolumeUsage::CountOf(CsiDriverId driver, NodeIndex node) {
  if (driver.value() >= counts_.size()) counts_.resize(driver.value() + 1);
  std::vector<std::int32_t>& column = counts_[driver.value()];
  if (node.value() >= column.size()) column.resize(node.value() + 1);
  return column[node.value()];
}

NodeVolumes& VolumeUsage::Changeable(NodeIndex node) {
  if (node.value() >= nodes_.size()) nodes_.resize(node.value() + 1);
  std::shared_ptr<NodeVolumes>& volumes = nodes_[node.value()];
  if (volumes == nullptr) {
    volumes = std::make_shared<NodeVolumes>();
  } else if (volumes.use_count() > 1) {
    volumes = std::make_shared<NodeVolumes>(*volumes);
  }
  return *volumes;
}

void VolumeUsage::Change(NodeIndex node, AttachableId volume, CsiDriverId driver, AttachedBy by, bool in_tree_counts,
                         std::int32_t change) {
  std::vector<NodeVolumes::Entry>& entries = Changeable(node).entries;
  auto at = std::lower_bound(entries.begin(), entries.end(), volume, kBefore);
  if (at == entries.end() || at->volume != volume) at = entries.insert(at, {.volume = volume, .driver = driver});
  const bool counted = at->counts(in_tree_counts);
  Add(by == AttachedBy::kPod ? at->pods : by == AttachedBy::kPodInTree ? at->in_tree_pods : at->attachments, change);
  CountOf(driver, node) += static_cast<std::int32_t>(at->counts(in_tree_counts)) - static_cast<std::int32_t>(counted);
  if (at->pods == 0 && at->in_tree_pods == 0 && at->attachments == 0) entries.erase(at);
}

void VolumeUsage::ChangeBroken(NodeIndex node, std::int32_t change) { Add(Changeable(node).broken, change); }

void VolumeUsage::ChangeDisk(DiskId disk, NodeIndex node, std::int32_t change) {
  if (disk.value() >= disks_.size()) disks_.resize(disk.value() + 1);
  DiskUse& use = disks_[disk.value()];
  std::uint32_t& pods = use.pods[node.value()];
  Add(pods, change);
  use.taken.Put(node, pods != 0);
  if (pods == 0) use.pods.erase(node.value());
}

void VolumeUsage::ChangeClaim(ClaimId claim, std::int32_t change) {
  if (claim.value() >= claim_pods_.size()) claim_pods_.resize(claim.value() + 1);
  Add(claim_pods_[claim.value()], change);
}

}  // namespace spillway::sim
