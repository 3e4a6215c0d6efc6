#pragma once

#include <string>
#include <string_view>

#include "scheduler_sim/model/model.h"

namespace spillway::sim {

// Changes what Cluster::Model knows of storage: by deltas, everything that follows from them included. Made on the spot
// around a model, keeps nothing itself.
class StorageEdit {
 public:
  explicit StorageEdit(Cluster::Model& model) : model_(model), storage_(model.storage) {}

  void Upsert(const kube::PersistentVolumeClaim& claim);
  void Upsert(const kube::PersistentVolume& volume);
  void Upsert(const kube::StorageClass& storage_class);
  void Upsert(const kube::CsiDriver& driver);
  void Upsert(const kube::CsiNode& node);
  void Upsert(const kube::CsiStorageCapacity& capacity);
  void Upsert(const kube::VolumeAttachment& attachment);
  // Unknown UIDs are ignored.
  void RemoveClaim(std::string_view uid);
  void RemoveVolume(std::string_view uid);
  void RemoveStorageClass(std::string_view uid);
  void RemoveDriver(std::string_view uid);
  void RemoveCsiNode(std::string_view uid);
  void RemoveCapacity(std::string_view uid);
  void RemoveAttachment(std::string_view uid);
  void SetUnknown(std::string why);

  // What a Pod uses; invalid when filters do not care about its volumes. Gives a reference.
  VolumeUseId AcquireUse(const kube::Pod& pod);
  void Release(VolumeUseId id);
  // A Pod of the facts, not of a packing, is placed: its claims know.
  void Place(VolumeUseId use, NodeIndex node);
  void Unplace(VolumeUseId use, NodeIndex node);
  // The node's labels are known, or have changed.
  void JudgeLabels(NodeIndex node);

 private:
  ClaimId AcquireClaim(std::string_view ns, std::string_view name);
  PersistentVolumeId AcquireVolume(std::string_view name);
  StorageClassId AcquireClass(std::string_view name);
  CsiDriverId AcquireDriver(std::string_view name);
  Attachment AcquireAttachment(std::string_view driver, std::string_view handle, bool in_tree);
  LabelRuleId AcquireRule(LabelRule rule);
  DiskId AcquireDisk(const kube::Volume& source);
  void Release(ClaimId id);
  void Release(PersistentVolumeId id);
  void Release(StorageClassId id);
  void Release(CsiDriverId id);
  void Release(AttachableId id);
  void Release(LabelRuleId id);
  void Release(DiskId id);

  ClaimFacts FactsOf(const kube::PersistentVolumeClaim& claim);
  VolumeFacts FactsOf(const kube::PersistentVolume& volume);
  void DropReferences(const ClaimFacts& facts);
  void DropReferences(const VolumeFacts& facts);
  void DropReferences(const VolumeUse& use);
  void Set(ClaimId id, ClaimFacts next);
  void Set(PersistentVolumeId id, VolumeFacts next);
  void Set(StorageClassId id, StorageClassFacts next);
  void Set(NodeIndex node, CsiNodeRecord next);
  void Link(PersistentVolumeId id, bool linked);

  // As kube-scheduler counts it now; with a reference.
  Attachment Resolve(ClaimId id);
  void Reattach(ClaimId id);
  void Reattach(std::uint32_t attachment);
  void CountPlaced(ClaimId id, std::int32_t change);
  void CountAttachment(const VolumeAttachmentRecord& record, std::int32_t change);
  void Changed();

  Cluster::Model& model_;
  Storage& storage_;
};

// A Pod's volumes come to, or leave, a node: disks and what counts against limits. Claims are counted by CountClaims.
void UseVolumes(const Cluster::Model& model, VolumeUsage& usage, VolumeUseId use, NodeIndex node, std::int32_t change);
void CountClaims(const Cluster::Model& model, VolumeUsage& usage, VolumeUseId use, std::int32_t change);
// Whether volumes of in-tree sources that `driver` has taken over count on the node.
bool InTreeCounts(const Cluster::Model& model, CsiDriverId driver, NodeIndex node);

}  // namespace spillway::sim
