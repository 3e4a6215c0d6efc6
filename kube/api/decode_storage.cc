#include "kube/api/decode_common.h"

// Claims, volumes and what decides where a volume can be had.
namespace spillway::kube::internal {
namespace {

bool ReadStorage(Value& value, Trail& trail, std::optional<Quantity>& out) {
  return EachField(value, trail, [&](std::string_view key, Value& field) {
    return key != "storage" || IsNull(field) || Read(field, trail, out.emplace());
  });
}

bool ReadOptional(Value& value, Trail& trail, std::optional<Quantity>& out) {
  return IsNull(value) || Read(value, trail, out.emplace());
}

bool ReadClaimSpec(Value& value, Trail& trail, PersistentVolumeClaim& claim) {
  return EachField(value, trail, [&](std::string_view key, Value& field) {
    if (key == "volumeName") return Read(field, trail, claim.volume_name);
    if (key == "storageClassName") return Read(field, trail, claim.storage_class);
    if (key == "accessModes") return Read(field, trail, claim.access_modes);
    if (key == "selector") return Read(field, trail, claim.selector);
    if (key == "volumeAttributesClassName") return Read(field, trail, claim.attributes_class);
    if (key == "volumeMode") return ReadIs(field, trail, "Block", claim.block);
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
  if (IsNull(value)) return true;
  volume.has_claim = true;
  return EachField(value, trail, [&](std::string_view key, Value& field) {
    if (key == "namespace") return Read(field, trail, volume.claim_ns);
    if (key == "name") return Read(field, trail, volume.claim_name);
    if (key == "uid") return Read(field, trail, volume.claim_uid);
    return true;
  });
}

bool ReadCsiSource(Value& value, Trail& trail, PersistentVolume& volume) {
  if (IsNull(value)) return true;
  volume.has_csi = true;
  return EachField(value, trail, [&](std::string_view key, Value& field) {
    if (key == "driver") return Read(field, trail, volume.csi_driver);
    if (key == "volumeHandle") return Read(field, trail, volume.csi_volume_handle);
    return true;
  });
}

InTreeSource::Plugin ToPlugin(std::string_view source) {
  if (source == "awsElasticBlockStore") return InTreeSource::Plugin::kAwsEbs;
  if (source == "gcePersistentDisk") return InTreeSource::Plugin::kGcePd;
  if (source == "azureDisk") return InTreeSource::Plugin::kAzureDisk;
  if (source == "cinder") return InTreeSource::Plugin::kCinder;
  if (source == "portworxVolume") return InTreeSource::Plugin::kPortworx;
  return InTreeSource::Plugin::kNone;
}

bool ReadInTreeSource(InTreeSource::Plugin plugin, Value& value, Trail& trail, InTreeSource& out) {
  if (IsNull(value)) return true;
  out.plugin = plugin;
  const std::string_view id = plugin == InTreeSource::Plugin::kGcePd       ? "pdName"
                              : plugin == InTreeSource::Plugin::kAzureDisk ? "diskURI"
                                                                           : "volumeID";
  return EachField(value, trail, [&](std::string_view key, Value& field) {
    if (key == id) return Read(field, trail, out.id);
    if (key != "kind" || plugin != InTreeSource::Plugin::kAzureDisk || IsNull(field)) return true;
    std::string_view kind;
    if (!ReadText(field, trail, kind)) return false;
    out.unmanaged = !IsManagedAzureDisk(kind);
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
    if (key == "claimRef") return ReadClaimRef(field, trail, volume);
    if (key == "volumeAttributesClassName") return Read(field, trail, volume.attributes_class);
    if (key == "volumeMode") return ReadIs(field, trail, "Block", volume.block);
    if (key == "capacity") {
      std::optional<Quantity> capacity;
      if (!ReadStorage(field, trail, capacity)) return false;
      volume.capacity = capacity.value_or(Quantity());
      return true;
    }
    if (key == "persistentVolumeReclaimPolicy" || key == "mountOptions" || IsNull(field)) return true;
    volume.source = key;
    const InTreeSource::Plugin plugin = ToPlugin(key);
    return plugin == InTreeSource::Plugin::kNone || ReadInTreeSource(plugin, field, trail, volume.in_tree);
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

bool ReadAttachmentSource(Value& value, Trail& trail, std::optional<std::string>& out) {
  return EachField(value, trail, [&](std::string_view key, Value& field) {
    return key != "persistentVolumeName" || IsNull(field) || Read(field, trail, out.emplace());
  });
}

}  // namespace

bool IsManagedAzureDisk(std::string_view kind) {
  constexpr std::string_view kManaged = "managed";
  return std::equal(kind.begin(), kind.end(), kManaged.begin(), kManaged.end(),
                    [](char a, char b) { return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b; });
}

bool Kind<PersistentVolumeClaim>::ReadField(std::string_view key, Value& value, Trail& trail,
                                            PersistentVolumeClaim& claim) {
  if (key == "spec") return ReadClaimSpec(value, trail, claim);
  if (key != "status") return true;
  std::string phase;
  if (!ReadPhase(value, trail, phase)) return false;
  claim.bound = phase == "Bound";
  claim.lost = phase == "Lost";
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
    if (IsNull(value)) return true;
    bool waits = false;
    if (!ReadIs(value, trail, "WaitForFirstConsumer", waits)) return false;
    storage_class.binding = waits ? StorageClass::Binding::kWaitForFirstConsumer : StorageClass::Binding::kImmediate;
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

bool Kind<CsiDriver>::ReadField(std::string_view key, Value& value, Trail& trail, CsiDriver& driver) {
  if (key != "spec") return true;
  return EachField(value, trail, [&](std::string_view inner, Value& field) {
    return inner != "storageCapacity" || Read(field, trail, driver.storage_capacity);
  });
}

bool Kind<CsiStorageCapacity>::ReadField(std::string_view key, Value& value, Trail& trail,
                                         CsiStorageCapacity& capacity) {
  if (key == "storageClassName") return Read(value, trail, capacity.storage_class);
  if (key == "nodeTopology") return Read(value, trail, capacity.node_topology);
  if (key == "capacity") return ReadOptional(value, trail, capacity.capacity);
  if (key == "maximumVolumeSize") return ReadOptional(value, trail, capacity.maximum_volume_size);
  return true;
}

bool Kind<VolumeAttachment>::ReadField(std::string_view key, Value& value, Trail& trail, VolumeAttachment& attachment) {
  if (key != "spec") return true;
  return EachField(value, trail, [&](std::string_view inner, Value& field) {
    if (inner == "attacher") return Read(field, trail, attachment.attacher);
    if (inner == "nodeName") return Read(field, trail, attachment.node_name);
    return inner != "source" || ReadAttachmentSource(field, trail, attachment.volume_name);
  });
}

}  // namespace spillway::kube::internal
