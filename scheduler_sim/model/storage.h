#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "kube/api/storage.h"
#include "scheduler_sim/model/pool.h"
#include "scheduler_sim/model/usage.h"

namespace spillway::sim {

struct LabelRuleTag;
struct StorageClassTag;
using LabelRuleId = StrongId<LabelRuleTag>;
using StorageClassId = StrongId<StorageClassTag>;

// Something that asks for nodes by their labels alone, and the nodes it gets.
struct LabelRule {
  std::optional<kube::NodeSelector> affinity;   // of a volume, or a class's allowed topologies
  std::optional<kube::LabelSelector> selector;  // of a CSIStorageCapacity
  struct Zones {
    std::string key;
    std::vector<std::string> values;
  };
  std::vector<Zones> zones;  // of a volume's labels: nodes without any zone or region label will do
  NodeSet matches;

  bool Matches(const kube::StringMap& labels) const;
};

// How a volume counts against its driver's limit; an invalid id does not.
struct Attachment {
  AttachableId volume;
  bool in_tree = false;
  bool operator==(const Attachment&) const = default;
};

// Access modes as a set of bits.
using AccessModes = std::uint8_t;
AccessModes ModesOf(const std::vector<std::string>& modes);
constexpr AccessModes kReadWriteOncePod = 8;

// Names that are spoken of have records too, `exists` false. Facts are the object; the rest follows from others.
struct ClaimFacts {
  bool exists = false, terminating = false, lost = false, bind_completed = false, block = false, has_request = false;
  AccessModes modes = 0;
  std::string uid, owner_uid;  // the controlling owner's
  kube::Quantity request;
  PersistentVolumeId volume;  // spec.volumeName
  StorageClassId storage_class;
  std::optional<kube::LabelSelector> selector;
  std::string attributes_class;
  std::optional<std::string> selected_node;

  bool bound() const { return volume.valid() && bind_completed; }
  bool operator==(const ClaimFacts&) const = default;
};
struct ClaimRecord : ClaimFacts {
  Attachment attachment;                     // as kube-scheduler counts it
  std::vector<PersistentVolumeId> reserved;  // volumes whose claimRef names this claim, smallest first
  // A placed Pod's use: `use`'s claim number `at`.
  struct Placed {
    NodeIndex node;
    VolumeUseId use;
    std::uint32_t at = 0;
    bool operator==(const Placed&) const = default;
  };
  std::vector<Placed> placed;
};

struct VolumeFacts {
  bool exists = false, terminating = false, available = false, block = false, has_csi = false;
  AccessModes modes = 0;
  kube::Quantity capacity;
  kube::StringMap labels;
  StorageClassId storage_class;
  std::string uid, attributes_class, handle;  // handle: CSI's own
  std::string driver;                         // CSI's, which an in-tree plugin may stand for; else the source's kind
  ClaimId claim;                              // spec.claimRef
  std::string claim_uid;
  kube::InTreeSource::Plugin plugin = kube::InTreeSource::Plugin::kNone;
  std::string untranslatable;          // why an in-tree source has no CSI counterpart
  LabelRuleId affinity, csi_affinity;  // csi_affinity: where the in-tree plugin was taken over; invalid: any node
  LabelRuleId zones;
  Attachment attachment;
  bool operator==(const VolumeFacts&) const = default;
};
struct VolumeRecord : VolumeFacts {
  std::vector<ClaimId> claims;             // whose spec.volumeName is this
  std::vector<std::uint32_t> attachments;  // VolumeAttachments of it
};

struct StorageClassFacts {
  bool exists = false;
  kube::StorageClass::Binding binding = kube::StorageClass::Binding::kUnset;
  std::string uid, provisioner;
  LabelRuleId topologies;  // invalid: any node
  bool operator==(const StorageClassFacts&) const = default;
};
struct StorageClassRecord : StorageClassFacts {
  std::vector<PersistentVolumeId> available;  // of this class, reserved for nobody; smallest first
  std::vector<std::uint32_t> capacities;      // CSIStorageCapacities
};

struct CsiDriverRecord {
  bool exists = false, checks_capacity = false;
  kube::InTreeSource::Plugin plugin = kube::InTreeSource::Plugin::kNone;  // which it has taken over
  std::vector<std::int32_t> limits;                                       // by NodeIndex
  static constexpr std::int32_t kNoLimit = -1;

  std::int32_t LimitOn(NodeIndex node) const { return node.value() < limits.size() ? limits[node.value()] : kNoLimit; }
};

struct StorageCapacityRecord {
  StorageClassId storage_class;
  LabelRuleId topology;               // invalid: reachable from nowhere
  std::optional<std::int64_t> limit;  // bytes
  bool operator==(const StorageCapacityRecord&) const = default;
};

struct VolumeAttachmentRecord {
  NodeIndex node;
  std::string attacher;
  PersistentVolumeId persistent_volume;
  AttachableId volume;  // invalid: does not count
  bool operator==(const VolumeAttachmentRecord&) const = default;
};

// What a CSINode says of its node.
struct CsiNodeRecord {
  bool exists = false;
  std::uint8_t listed_plugins = 0;  // in-tree plugins that it says are taken over: a bit each
  std::vector<std::pair<CsiDriverId, std::int32_t>> limits;

  bool Lists(kube::InTreeSource::Plugin plugin) const { return (listed_plugins >> static_cast<int>(plugin) & 1) != 0; }
};

struct Disk {
  kube::Volume source;
};

// The volumes of a Pod that filters care about. Hash-consed, but most Pods' claims are their own.
struct VolumeUse {
  struct Claim {
    ClaimId claim;
    bool ephemeral = false;
    std::string pod_uid;  // ephemeral: whom the claim must belong to
  };
  struct Inline {
    Attachment attachment;
    std::string untranslatable;
  };
  std::string pod_name;       // where there are ephemeral volumes
  std::vector<Claim> claims;  // in the Pod's order
  std::vector<DiskId> disks;  // those that VolumeRestrictions looks at
  std::vector<Inline> inlines;
};

// All that is known of storage. Kept up to date by Cluster::Model; filters read it.
struct Storage {
  Pool<ClaimRecord> claims;    // by "namespace/name"
  Pool<VolumeRecord> volumes;  // by name, as are the next two
  Pool<StorageClassRecord> classes;
  Pool<CsiDriverRecord> drivers;
  Pool<StorageCapacityRecord> capacities;    // by UID
  Pool<VolumeAttachmentRecord> attachments;  // by UID
  std::vector<CsiNodeRecord> csi_nodes;      // by NodeIndex
  NodeSet limited;                           // nodes whose CSINode gives any limit
  Pool<CsiDriverId> attachables;             // by driver and handle
  Pool<LabelRule> label_rules;
  Pool<Disk> disks;
  std::unordered_map<std::string, std::vector<DiskId>> disks_by_name;
  Pool<VolumeUse> uses;
  // Objects by UID, to remove them by.
  std::unordered_map<std::string, std::uint32_t> claim_uids, volume_uids, class_uids, driver_uids, csi_node_uids;
  std::size_t pending_pods = 0;  // that use any of this
  // Why claims cannot be judged: their objects cannot be listed, say. Empty when all is known.
  std::string unknown;

  const ClaimRecord& claim(ClaimId id) const { return claims[id.value()]; }
  const VolumeRecord& volume(PersistentVolumeId id) const { return volumes[id.value()]; }
  const StorageClassRecord& storage_class(StorageClassId id) const { return classes[id.value()]; }
  std::string_view NameOf(ClaimId id) const;  // without the namespace
  std::string_view NameOf(StorageClassId id) const;
  // nullptr: any node.
  const NodeSet* NodesOf(LabelRuleId id) const { return id.valid() ? &label_rules[id.value()].matches : nullptr; }
  // nullptr: no CSINode.
  const CsiNodeRecord* csi_node(NodeIndex node) const {
    return node.value() < csi_nodes.size() && csi_nodes[node.value()].exists ? &csi_nodes[node.value()] : nullptr;
  }
  // Disks of the same kind and name; those that conflict with `disk` are among them.
  const std::vector<DiskId>& SameName(DiskId disk) const;
  // Makes kube-scheduler fail when it counts a placed Pod's volumes.
  bool IsBroken(const VolumeUse::Claim& use) const;
};

}  // namespace spillway::sim
