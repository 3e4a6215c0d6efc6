#include "scheduler_sim/model/storage_edit.h"

#include <algorithm>

#include "scheduler_sim/model/in_tree.h"

// Storage objects: what they say, and what follows from it for others.

namespace spillway::sim {
namespace {

const std::string& UidOf(const kube::ObjectMeta& meta) { return meta.uid.empty() ? meta.name : meta.uid; }
std::string NamespacedUid(const kube::ObjectMeta& meta) { return meta.uid.empty() ? meta.Key() : meta.uid; }

// Source: volumezone getPVTopologies: a label with an empty part is ignored as a whole.
std::vector<LabelRule::Zones> ZonesOf(const kube::StringMap& labels) {
  std::vector<LabelRule::Zones> zones;
  for (const char* key : {"failure-domain.beta.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/region",
                          "topology.kubernetes.io/zone", "topology.kubernetes.io/region"}) {
    const std::string* label = kube::Find(labels, key);
    if (label == nullptr) continue;
    LabelRule::Zones zone{key, {}};
    bool valid = true;
    for (std::size_t at = 0; at <= label->size();) {
      const std::size_t end = std::min(label->find("__", at), label->size());
      std::string value = label->substr(at, end - at);
      value.erase(0, value.find_first_not_of(" \t\n\v\f\r"));
      value.erase(value.find_last_not_of(" \t\n\v\f\r") + 1);
      valid = valid && !value.empty();
      zone.values.push_back(std::move(value));
      at = end + 2;
    }
    if (valid) zones.push_back(std::move(zone));
  }
  return zones;
}

}  // namespace

// ---- claims

ClaimFacts StorageEdit::FactsOf(const kube::PersistentVolumeClaim& claim) {
  ClaimFacts facts{.exists = true,
                   .terminating = claim.metadata.deletion_timestamp.has_value(),
                   .lost = claim.lost,
                   .bind_completed = claim.bind_completed(),
                   .block = claim.block,
                   .has_request = claim.request.has_value(),
                   .modes = ModesOf(claim.access_modes),
                   .uid = NamespacedUid(claim.metadata),
                   .owner_uid = {},
                   .request = claim.request.value_or(kube::Quantity()),
                   .volume = {},
                   .storage_class = {},
                   .selector = claim.selector,
                   .attributes_class = claim.attributes_class,
                   .selected_node = {}};
  if (const kube::OwnerReference* owner = claim.metadata.Controller()) facts.owner_uid = owner->uid;
  if (!claim.volume_name.empty()) facts.volume = AcquireVolume(claim.volume_name);
  if (const std::string& name = kube::ClassOf(claim); !name.empty()) facts.storage_class = AcquireClass(name);
  if (const std::string* node = claim.selected_node()) facts.selected_node = *node;
  return facts;
}

void StorageEdit::DropReferences(const ClaimFacts& facts) {
  if (facts.volume.valid()) Release(facts.volume);
  if (facts.storage_class.valid()) Release(facts.storage_class);
}

void StorageEdit::Set(ClaimId id, ClaimFacts next) {
  if (static_cast<const ClaimFacts&>(storage_.claim(id)) == next) {
    DropReferences(next);
    return;
  }
  CountPlaced(id, -1);
  const ClaimFacts before = storage_.claim(id);
  if (before.volume.valid()) std::erase(storage_.volumes[before.volume.value()].claims, id);
  if (next.volume.valid()) storage_.volumes[next.volume.value()].claims.push_back(id);
  static_cast<ClaimFacts&>(storage_.claims[id.value()]) = std::move(next);
  const Attachment attachment = Resolve(id);
  if (storage_.claim(id).attachment.volume.valid()) Release(storage_.claim(id).attachment.volume);
  storage_.claims[id.value()].attachment = attachment;
  CountPlaced(id, 1);
  DropReferences(before);
  Changed();
}

void StorageEdit::Upsert(const kube::PersistentVolumeClaim& claim) {
  const ClaimId id = AcquireClaim(claim.metadata.ns, claim.metadata.name);
  if (storage_.claim(id).exists) Release(id);  // the object holds one reference already
  storage_.claim_uids[NamespacedUid(claim.metadata)] = id.value();
  Set(id, FactsOf(claim));
}

void StorageEdit::RemoveClaim(std::string_view uid) {
  const auto found = storage_.claim_uids.find(std::string(uid));
  if (found == storage_.claim_uids.end()) return;
  const ClaimId id(found->second);
  storage_.claim_uids.erase(found);
  if (storage_.claim(id).uid != uid) return;  // recreated under its name
  Set(id, {});
  Release(id);
}

// ---- volumes

VolumeFacts StorageEdit::FactsOf(const kube::PersistentVolume& volume) {
  VolumeFacts facts{.exists = true,
                    .terminating = volume.metadata.deletion_timestamp.has_value(),
                    .available = volume.phase == "Available",
                    .block = volume.block,
                    .has_csi = volume.has_csi,
                    .modes = ModesOf(volume.access_modes),
                    .capacity = volume.capacity,
                    .labels = volume.metadata.labels,
                    .storage_class = AcquireClass(kube::ClassOf(volume)),
                    .uid = UidOf(volume.metadata),
                    .attributes_class = volume.attributes_class,
                    .handle = volume.csi_volume_handle,
                    .driver = volume.source,
                    .claim = {},
                    .claim_uid = volume.claim_uid,
                    .plugin = volume.in_tree.plugin,
                    .untranslatable = {},
                    .affinity = {},
                    .csi_affinity = {},
                    .zones = {},
                    .attachment = {}};
  if (volume.has_csi) facts.driver = volume.csi_driver;
  if (volume.in_tree.plugin != kube::InTreeSource::Plugin::kNone) facts.driver = CsiDriverOf(volume.in_tree.plugin);
  const auto rule_of = [&](const std::optional<kube::NodeSelector>& affinity) {
    return affinity ? AcquireRule({.affinity = affinity, .selector = {}, .zones = {}, .matches = {}}) : LabelRuleId();
  };
  if (volume.has_claim) facts.claim = AcquireClaim(volume.claim_ns, volume.claim_name);
  facts.affinity = rule_of(volume.node_affinity);
  if (std::vector<LabelRule::Zones> zones = ZonesOf(volume.metadata.labels); !zones.empty()) {
    facts.zones = AcquireRule({.affinity = {}, .selector = {}, .zones = std::move(zones), .matches = {}});
  }
  if (volume.has_csi) {
    facts.attachment = AcquireAttachment(volume.csi_driver, volume.csi_volume_handle, false);
  } else if (facts.plugin != kube::InTreeSource::Plugin::kNone) {
    TranslatedVolume translated = Translate(volume);
    facts.csi_affinity = rule_of(translated.node_affinity);
    facts.untranslatable = std::move(translated.error);
    if (facts.untranslatable.empty()) {
      facts.attachment = AcquireAttachment(translated.driver, translated.handle, true);
    }
  }
  return facts;
}

void StorageEdit::DropReferences(const VolumeFacts& facts) {
  if (facts.storage_class.valid()) Release(facts.storage_class);
  if (facts.claim.valid()) Release(facts.claim);
  for (const LabelRuleId rule : {facts.affinity, facts.csi_affinity, facts.zones}) {
    if (rule.valid()) Release(rule);
  }
  if (facts.attachment.volume.valid()) Release(facts.attachment.volume);
}

void StorageEdit::Link(PersistentVolumeId id, bool linked) {
  const VolumeRecord& volume = storage_.volume(id);
  if (!volume.exists) return;
  if (!volume.claim.valid() && (!volume.available || volume.terminating)) return;
  auto& list = volume.claim.valid() ? storage_.claims[volume.claim.value()].reserved
                                    : storage_.classes[volume.storage_class.value()].available;
  const auto smaller = [&](PersistentVolumeId a, PersistentVolumeId b) {
    const kube::Quantity of_a = storage_.volume(a).capacity, of_b = storage_.volume(b).capacity;
    return of_a != of_b ? of_a < of_b : a < b;
  };
  const auto at = std::lower_bound(list.begin(), list.end(), id, smaller);
  if (linked) {
    list.insert(at, id);
  } else {
    list.erase(at);
  }
}

void StorageEdit::Set(PersistentVolumeId id, VolumeFacts next) {
  if (static_cast<const VolumeFacts&>(storage_.volume(id)) == next) {
    DropReferences(next);
    return;
  }
  Link(id, false);
  const VolumeFacts before = storage_.volume(id);
  static_cast<VolumeFacts&>(storage_.volumes[id.value()]) = std::move(next);
  Link(id, true);
  for (const ClaimId claim : std::vector(storage_.volume(id).claims)) Reattach(claim);
  for (const std::uint32_t attachment : std::vector(storage_.volume(id).attachments)) Reattach(attachment);
  DropReferences(before);
  Changed();
}

void StorageEdit::Upsert(const kube::PersistentVolume& volume) {
  const PersistentVolumeId id = AcquireVolume(volume.metadata.name);
  if (storage_.volume(id).exists) Release(id);
  storage_.volume_uids[UidOf(volume.metadata)] = id.value();
  Set(id, FactsOf(volume));
}

void StorageEdit::RemoveVolume(std::string_view uid) {
  const auto found = storage_.volume_uids.find(std::string(uid));
  if (found == storage_.volume_uids.end()) return;
  const PersistentVolumeId id(found->second);
  storage_.volume_uids.erase(found);
  if (storage_.volume(id).uid != uid) return;  // recreated under its name
  Set(id, {});
  Release(id);
}

// ---- classes

void StorageEdit::Set(StorageClassId id, StorageClassFacts next) {
  StorageClassRecord& record = storage_.classes[id.value()];
  if (static_cast<const StorageClassFacts&>(record) == next) {
    if (next.topologies.valid()) Release(next.topologies);
    return;
  }
  const LabelRuleId before = record.topologies;
  static_cast<StorageClassFacts&>(record) = std::move(next);
  if (before.valid()) Release(before);
  for (std::uint32_t claim = 0; claim < storage_.claims.end(); ++claim) {
    if (storage_.claims.live(claim) && storage_.claims[claim].storage_class == id) Reattach(ClaimId(claim));
  }
  Changed();
}

void StorageEdit::Upsert(const kube::StorageClass& storage_class) {
  const StorageClassId id = AcquireClass(storage_class.metadata.name);
  if (storage_.storage_class(id).exists) Release(id);
  storage_.class_uids[UidOf(storage_class.metadata)] = id.value();
  StorageClassFacts facts{true, storage_class.binding, UidOf(storage_class.metadata), storage_class.provisioner, {}};
  if (!storage_class.allowed_topologies.empty()) {
    facts.topologies = AcquireRule(
        {.affinity = kube::NodeSelector{storage_class.allowed_topologies}, .selector = {}, .zones = {}, .matches = {}});
  }
  Set(id, std::move(facts));
}

void StorageEdit::RemoveStorageClass(std::string_view uid) {
  const auto found = storage_.class_uids.find(std::string(uid));
  if (found == storage_.class_uids.end()) return;
  const StorageClassId id(found->second);
  storage_.class_uids.erase(found);
  if (storage_.storage_class(id).uid != uid) return;
  Set(id, {});
  Release(id);
}

// ---- drivers and their capacity

void StorageEdit::Upsert(const kube::CsiDriver& driver) {
  const CsiDriverId id = AcquireDriver(driver.metadata.name);
  CsiDriverRecord& record = storage_.drivers[id.value()];
  const bool existed = record.exists;
  const bool changed = !existed || record.checks_capacity != driver.storage_capacity;
  record.exists = true;
  record.checks_capacity = driver.storage_capacity;
  storage_.driver_uids[UidOf(driver.metadata)] = id.value();
  if (existed) Release(id);
  if (changed) Changed();
}

void StorageEdit::RemoveDriver(std::string_view uid) {
  const auto found = storage_.driver_uids.find(std::string(uid));
  if (found == storage_.driver_uids.end()) return;
  const CsiDriverId id(found->second);
  storage_.driver_uids.erase(found);
  const auto same = [&](const auto& entry) { return entry.second == id.value(); };
  if (std::any_of(storage_.driver_uids.begin(), storage_.driver_uids.end(), same)) return;
  storage_.drivers[id.value()].exists = storage_.drivers[id.value()].checks_capacity = false;
  Release(id);
  Changed();
}

void StorageEdit::Upsert(const kube::CsiStorageCapacity& capacity) {
  StorageCapacityRecord next{AcquireClass(capacity.storage_class), {}, {}};
  if (capacity.node_topology) {
    next.topology = AcquireRule({.affinity = {}, .selector = capacity.node_topology, .zones = {}, .matches = {}});
  }
  const auto& limit = capacity.maximum_volume_size ? capacity.maximum_volume_size : capacity.capacity;
  if (limit) next.limit = limit->Value();
  const std::string uid = NamespacedUid(capacity.metadata);
  if (const std::uint32_t known = storage_.capacities.Find(uid); known != IdTable::kNone) {
    if (storage_.capacities[known] == next) {
      Release(next.storage_class);
      if (next.topology.valid()) Release(next.topology);
      return;
    }
    RemoveCapacity(uid);
  }
  const std::uint32_t id = storage_.capacities.Acquire(uid).first;
  storage_.classes[next.storage_class.value()].capacities.push_back(id);
  storage_.capacities[id] = next;
  Changed();
}

void StorageEdit::RemoveCapacity(std::string_view uid) {
  const std::uint32_t id = storage_.capacities.Find(uid);
  if (id == IdTable::kNone || !storage_.capacities.Release(id)) return;
  const StorageCapacityRecord gone = storage_.capacities[id];
  storage_.capacities.Erase(id);
  std::erase(storage_.classes[gone.storage_class.value()].capacities, id);
  Release(gone.storage_class);
  if (gone.topology.valid()) Release(gone.topology);
  Changed();
}

void StorageEdit::SetUnknown(std::string why) {
  if (why == storage_.unknown) return;
  storage_.unknown = std::move(why);
  Changed();
}

void StorageEdit::Changed() {
  ++model_.generation;
  if (storage_.pending_pods != 0) ++model_.relaxations;
}

}  // namespace spillway::sim
