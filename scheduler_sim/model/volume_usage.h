#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "scheduler_sim/model/node_set.h"

namespace spillway::sim {

struct ClaimTag;
struct PersistentVolumeTag;
struct CsiDriverTag;
struct AttachableTag;
struct DiskTag;
// A claim, known or only spoken of; likewise a PersistentVolume and a CSI driver.
using ClaimId = StrongId<ClaimTag>;
using PersistentVolumeId = StrongId<PersistentVolumeTag>;
using CsiDriverId = StrongId<CsiDriverTag>;
// A driver's volume, as it counts against the driver's limit on a node.
using AttachableId = StrongId<AttachableTag>;
// An interned in-tree disk with its way of being mounted.
using DiskId = StrongId<DiskTag>;

// Who wants a volume on a node: a Pod through CSI, a Pod through an in-tree source that a CSI driver has taken over
// (counts only where the node says so), or a VolumeAttachment.
enum class AttachedBy : std::uint8_t { kPod, kPodInTree, kAttachment };

// The volumes on one node.
struct NodeVolumes {
  struct Entry {
    AttachableId volume;
    CsiDriverId driver;
    std::uint32_t pods = 0, in_tree_pods = 0, attachments = 0;

    bool on_pods(bool in_tree_counts) const { return pods != 0 || (in_tree_counts && in_tree_pods != 0); }
    bool counts(bool in_tree_counts) const { return on_pods(in_tree_counts) || attachments != 0; }
  };
  std::vector<Entry> entries;  // sorted by volume
  // Volumes of Pods that make kube-scheduler fail when it counts: an ephemeral volume whose claim is another Pod's.
  std::uint32_t broken = 0;

  const Entry* Find(AttachableId volume) const;
};

// What Pods' volumes take, as part of Usage: a value that packing works on a copy of.
class VolumeUsage {
 public:
  // A volume comes to (change 1) or leaves (-1) a node. `in_tree_counts`: see NodeVolumes::Entry.
  void Change(NodeIndex node, AttachableId volume, CsiDriverId driver, AttachedBy by, bool in_tree_counts,
              std::int32_t change);
  void ChangeBroken(NodeIndex node, std::int32_t change);
  void ChangeDisk(DiskId disk, NodeIndex node, std::int32_t change);
  void ChangeClaim(ClaimId claim, std::int32_t change);
  // Takes the node's volumes out of the drivers' counts, or puts them back, around a change of what counts there.
  template <typename InTreeCounts>
  void Recount(NodeIndex node, InTreeCounts&& in_tree_counts, std::int32_t change) {
    const NodeVolumes* volumes = On(node);
    if (volumes == nullptr) return;
    for (const NodeVolumes::Entry& entry : volumes->entries) {
      if (entry.counts(in_tree_counts(entry.driver))) CountOf(entry.driver, node) += change;
    }
  }

  // nullptr: none ever.
  const NodeVolumes* On(NodeIndex node) const {
    return node.value() < nodes_.size() ? nodes_[node.value()].get() : nullptr;
  }
  // How many of the driver's volumes are on the node.
  std::int32_t Count(CsiDriverId driver, NodeIndex node) const {
    return driver.value() < counts_.size() && node.value() < counts_[driver.value()].size()
               ? counts_[driver.value()][node.value()]
               : 0;
  }
  const NodeSet* DiskTaken(DiskId disk) const {
    return disk.value() < disks_.size() ? &disks_[disk.value()].taken : nullptr;
  }
  // Placed Pods that use the claim by name, on nodes that exist.
  std::uint32_t PodsUsing(ClaimId claim) const {
    return claim.value() < claim_pods_.size() ? claim_pods_[claim.value()] : 0;
  }

  // What kube-scheduler assumes until the API says so: a volume is bound to a claim, a claim is provisioned for a node.
  std::unordered_map<std::uint32_t, ClaimId> assumed_volumes;  // by PersistentVolumeId
  std::unordered_map<std::uint32_t, NodeIndex> assumed_nodes;  // by ClaimId
  // Nominated Pods that use a claim which the Pod in question wants for itself alone.
  std::int32_t nominated_conflicts = 0;

 private:
  struct DiskUse {
    NodeSet taken;
    std::unordered_map<std::uint32_t, std::uint32_t> pods;  // per node
  };
  std::int32_t& CountOf(CsiDriverId driver, NodeIndex node);
  NodeVolumes& Changeable(NodeIndex node);

  std::vector<std::shared_ptr<NodeVolumes>> nodes_;  // copied when changed while shared
  std::vector<std::vector<std::int32_t>> counts_;    // by CsiDriverId and NodeIndex
  std::vector<DiskUse> disks_;                       // by DiskId
  std::vector<std::uint32_t> claim_pods_;            // by ClaimId
};

}  // namespace spillway::sim
