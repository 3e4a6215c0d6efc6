#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kube/api/objects.h"

// What kube-scheduler's volume filters read, and no more of it.
//
// Source: k8s.io/api core/v1 and storage/v1, v0.33 to v0.36.
namespace spillway::kube {

struct PersistentVolumeClaim {
  ObjectMeta metadata;
  std::string volume_name;
  std::string storage_class;  // spec's; see ClassOf()
  std::vector<std::string> access_modes;
  std::optional<Quantity> request;  // resources.requests.storage
  std::optional<LabelSelector> selector;
  std::string attributes_class;  // volumeAttributesClassName
  bool block = false;            // volumeMode is Block
  bool lost = false;             // phase Lost
  bool bound = false;            // phase Bound

  // The binder has done its part: pv.kubernetes.io/bind-completed.
  bool bind_completed() const;
  // kube-scheduler's choice for a volume that is being provisioned; nullptr when there is none.
  const std::string* selected_node() const;
};

// An in-tree volume source that a CSI driver has taken over. In-tree sources that kube-scheduler does not translate
// (Azure File, vSphere) count as none.
struct InTreeSource {
  enum class Plugin : std::uint8_t { kNone, kAwsEbs, kGcePd, kAzureDisk, kCinder, kPortworx };
  Plugin plugin = Plugin::kNone;
  std::string id;          // volumeID, pdName or diskURI
  bool unmanaged = false;  // Azure: a kind other than Managed, which has no CSI counterpart
  bool operator==(const InTreeSource&) const = default;
};
// "kubernetes.io/aws-ebs", as provisioners and CSINodes name it; empty for kNone.
std::string_view NameOf(InTreeSource::Plugin plugin);

struct PersistentVolume {
  ObjectMeta metadata;
  std::optional<NodeSelector> node_affinity;
  std::string storage_class;  // spec's; see ClassOf()
  std::string csi_driver, csi_volume_handle;
  bool has_csi = false;
  InTreeSource in_tree;
  std::string source;  // its kind as the API names it: "csi", "nfs", ...
  std::vector<std::string> access_modes;
  Quantity capacity;
  std::string attributes_class;
  bool block = false;
  bool has_claim = false;  // spec.claimRef
  std::string claim_ns, claim_name, claim_uid;
  std::string phase;
};

// The beta annotation where there is one, else the spec's; empty: none.
const std::string& ClassOf(const PersistentVolumeClaim& claim);
const std::string& ClassOf(const PersistentVolume& volume);

struct StorageClass {
  enum class Binding : std::uint8_t { kUnset, kImmediate, kWaitForFirstConsumer };
  ObjectMeta metadata;
  std::string provisioner;
  Binding binding = Binding::kUnset;
  // OR-ed, as in a NodeSelector; none: anywhere.
  std::vector<NodeSelectorTerm> allowed_topologies;
};

struct CsiNodeDriver {
  std::string name, node_id;
  std::vector<std::string> topology_keys;
  std::optional<std::int32_t> allocatable_count;
};
struct CsiNode {
  ObjectMeta metadata;
  std::vector<CsiNodeDriver> drivers;
};

struct CsiDriver {
  ObjectMeta metadata;
  bool storage_capacity = false;  // kube-scheduler is to look at CSIStorageCapacity objects
};

struct CsiStorageCapacity {
  ObjectMeta metadata;
  std::string storage_class;
  std::optional<LabelSelector> node_topology;  // absent: reachable from nowhere
  std::optional<Quantity> capacity, maximum_volume_size;
};

struct VolumeAttachment {
  ObjectMeta metadata;
  std::string attacher, node_name;
  std::optional<std::string> volume_name;  // spec.source.persistentVolumeName
};

}  // namespace spillway::kube
