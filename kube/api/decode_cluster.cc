#include "kube/api/decode_common.h"

// Nodes and what the storage filters read.
namespace spillway::kube::internal {
namespace {

bool ReadNodeSpec(Value& value, Trail& trail, Node& node) {
  return EachField(value, trail, [&](std::string_view key, Value& field) {
    if (key == "unschedulable") return Read(field, trail, node.unschedulable);
    if (key == "taints") return ReadList(field, trail, node.taints);
    return true;
  });
}

bool ReadNodeCondition(Value& value, Trail& trail, Node& node) {
  std::string_view type, status;
  std::string reason;
  const bool read = EachField(value, trail, [&](std::string_view key, Value& field) {
    if (key == "type") return ReadText(field, trail, type);
    if (key == "status") return ReadText(field, trail, status);
    if (key == "reason") return Read(field, trail, reason);
    return true;
  });
  if (!read) return false;
  if (type == "Ready") {
    node.ready = status == "True";
    node.ready_reason = std::move(reason);
  }
  return true;
}

bool ReadNodeStatus(Value& value, Trail& trail, Node& node) {
  return EachField(value, trail, [&](std::string_view key, Value& field) {
    if (key == "allocatable") return Read(field, trail, node.allocatable);
    if (key == "declaredFeatures") return Read(field, trail, node.declared_features);
    if (key == "conditions")
      return EachItem(field, trail, [&](Value& item) { return ReadNodeCondition(item, trail, node); });
    return true;
  });
}

bool ReadStorage(Value& value, Trail& trail, Quantity& out) {
  return EachField(value, trail,
                   [&](std::string_view key, Value& field) { return key != "storage" || Read(field, trail, out); });
}

bool ReadClaimSpec(Value& value, Trail& trail, PersistentVolumeClaim& claim) {
  return EachField(value, trail, [&](std::string_view key, Value& field) {
    if (key == "volumeName") return Read(field, trail, claim.volume_name);
    if (key == "storageClassName") return Read(field, trail, claim.storage_class);
    if (key == "accessModes") return Read(field, trail, claim.access_modes);
    if (key != "resources") return true;
    return EachField(field, trail, [&](std::string_view inner, Value& resources) {
      return inner != "requests" || ReadStorage(resources, trail, claim.request);
    });
  });
}

bool ReadPhase(Value& value, Trail& trail, std::string& out) {
  return EachField(value, trail,
                   [&](std::string_view key, Value& field) { return key != "phase" || Read(field, trail, out); });
}

bool ReadClaimRef(Value& value, Trail& trail, PersistentVolume& volume) {
  return EachField(value, trail, [&](std::string_view key, Value& field) {
    if (key == "namespace") return Read(field, trail, volume.claim_ns);
    if (key == "name") return Read(field, trail, volume.claim_name);
    if (key == "uid") return Read(field, trail, volume.claim_uid);
    return true;
  });
}

bool ReadCsiSource(Value& value, Trail& trail, PersistentVolume& volume) {
  return EachField(value, trail, [&](std::string_view key, Value& field) {
    if (key == "driver") return Read(field, trail, volume.csi_driver);
    if (key == "volumeHandle") return Read(field, trail, volume.csi_volume_handle);
    return true;
  });
}

bool ReadVolumeAffinity(Value& value, Trail& trail, std::optional<NodeSelector>& out) {
  return EachField(value, trail, [&](std::string_view key, Value& field) {
    if (key != "required" || IsNull(field)) return true;
    return Read(field, trail, out.emplace());
  });
}

bool ReadVolumeSpec(Value& value, Trail& trail, PersistentVolume& volume) {
  return EachField(value, trail, [&](std::string_view key, Value& field) {
    if (key == "nodeAffinity") return ReadVolumeAffinity(field, trail, volume.node_affinity);
    if (key == "storageClassName") return Read(field, trail, volume.storage_class);
    if (key == "csi") return ReadCsiSource(field, trail, volume);
    if (key == "accessModes") return Read(field, trail, volume.access_modes);
    if (key == "capacity") return ReadStorage(field, trail, volume.capacity);
    if (key == "claimRef") return ReadClaimRef(field, trail, volume);
    return true;
  });
}

// A TopologySelectorTerm is a NodeSelectorTerm whose only operator is In.
bool ReadTopologyTerm(Value& value, Trail& trail, NodeSelectorTerm& out) {
  const bool read = EachField(value, trail, [&](std::string_view key, Value& field) {
    return key != "matchLabelExpressions" || ReadList(field, trail, out.match_expressions);
  });
  for (auto& requirement : out.match_expressions) requirement.op = LabelRequirement::Operator::kIn;
  return read;
}

bool ReadDriver(Value& value, Trail& trail, CsiNodeDriver& out) {
  return EachField(value, trail, [&](std::string_view key, Value& field) {
    if (key == "name") return Read(field, trail, out.name);
    if (key == "nodeID") return Read(field, trail, out.node_id);
    if (key == "topologyKeys") return Read(field, trail, out.topology_keys);
    if (key != "allocatable") return true;
    return EachField(field, trail, [&](std::string_view inner, Value& count) {
      return inner != "count" || Read(count, trail, out.allocatable_count);
    });
  });
}

}  // namespace

bool Kind<Node>::ReadField(std::string_view key, Value& value, Trail& trail, Node& node) {
  if (key == "spec") return ReadNodeSpec(value, trail, node);
  if (key == "status") return ReadNodeStatus(value, trail, node);
  return true;
}

bool Kind<PersistentVolumeClaim>::ReadField(std::string_view key, Value& value, Trail& trail,
                                            PersistentVolumeClaim& claim) {
  if (key == "spec") return ReadClaimSpec(value, trail, claim);
  if (key != "status") return true;
  std::string phase;
  if (!ReadPhase(value, trail, phase)) return false;
  claim.bound = phase == "Bound";
  return true;
}

bool Kind<PersistentVolume>::ReadField(std::string_view key, Value& value, Trail& trail, PersistentVolume& volume) {
  if (key == "spec") return ReadVolumeSpec(value, trail, volume);
  if (key == "status") return ReadPhase(value, trail, volume.phase);
  return true;
}

bool Kind<StorageClass>::ReadField(std::string_view key, Value& value, Trail& trail, StorageClass& storage_class) {
  if (key == "provisioner") return Read(value, trail, storage_class.provisioner);
  if (key == "volumeBindingMode") {
    std::string_view text;
    if (!ReadText(value, trail, text)) return false;
    storage_class.wait_for_first_consumer = text == "WaitForFirstConsumer";
    return true;
  }
  if (key != "allowedTopologies") return true;
  storage_class.allowed_topologies.clear();
  return EachItem(value, trail, [&](Value& item) {
    return ReadTopologyTerm(item, trail, storage_class.allowed_topologies.emplace_back());
  });
}

bool Kind<CsiNode>::ReadField(std::string_view key, Value& value, Trail& trail, CsiNode& node) {
  if (key != "spec") return true;
  return EachField(value, trail, [&](std::string_view inner, Value& field) {
    if (inner != "drivers") return true;
    node.drivers.clear();
    return EachItem(field, trail, [&](Value& item) { return ReadDriver(item, trail, node.drivers.emplace_back()); });
  });
}

}  // namespace spillway::kube::internal
