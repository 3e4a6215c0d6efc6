#include "scheduler_sim/cluster.h"

#include <algorithm>

#include "scheduler_sim/model/model.h"
#include "scheduler_sim/model/storage_edit.h"

namespace spillway::sim {

Cluster::Cluster(ClusterOptions options) : model_(std::make_unique<Model>(std::move(options))) {}
Cluster::~Cluster() = default;
Cluster::Cluster(Cluster&&) noexcept = default;
Cluster& Cluster::operator=(Cluster&&) noexcept = default;

Cluster Cluster::Clone() const {
  Cluster copy{ClusterOptions()};
  *copy.model_ = *model_;
  return copy;
}

void Cluster::Upsert(const kube::Node& node) { model_->UpsertNode(node); }
void Cluster::Upsert(const kube::Pod& pod) { model_->UpsertPod(pod); }

void Cluster::Upsert(const kube::Namespace& ns) {
  const std::string& name = ns.metadata.name;
  std::string& known = model_->namespace_names[ns.metadata.uid.empty() ? name : ns.metadata.uid];
  const auto before = model_->namespaces.find(name);
  const bool changed = before == model_->namespaces.end() || before->second != ns.metadata.labels;
  known = name;
  if (!changed) return;
  model_->SetNamespace(name, &ns.metadata.labels);
  ++model_->generation;
  ++model_->relaxations;
}

void Cluster::RemoveNode(std::string_view uid) { model_->RemoveNode(uid); }

void Cluster::RemovePod(std::string_view uid) {
  if (const PodIndex pod = model_->FindPod(uid); pod.valid()) model_->RemovePod(pod);
}

void Cluster::RemoveNamespace(std::string_view uid) {
  const auto known = model_->namespace_names.find(std::string(uid));
  if (known == model_->namespace_names.end()) return;
  const std::string name = std::move(known->second);
  model_->namespace_names.erase(known);
  const bool has_successor = std::any_of(model_->namespace_names.begin(), model_->namespace_names.end(),
                                         [&](const auto& other) { return other.second == name; });
  if (has_successor) return;  // made again under this name, and known already
  model_->SetNamespace(name, nullptr);
  ++model_->generation;
  ++model_->relaxations;
}

void Cluster::Upsert(SelectingKind kind, const kube::SelectingObject& object) {
  if (const auto change = model_->selectors.Put(kind, object.metadata, object.selector))
    model_->Respread(kind, *change);
}

void Cluster::RemoveSelecting(SelectingKind kind, std::string_view uid) {
  if (const auto change = model_->selectors.Remove(kind, uid)) model_->Respread(kind, *change);
}

void Cluster::MarkListed(SelectingKind kind) {
  if (model_->selectors.MarkListed(kind)) model_->RespreadAll();
}

void Cluster::Upsert(const kube::DeviceClass& device_class) {
  if (model_->devices.Put(device_class)) model_->LoosenedEverywhere();
}

void Cluster::RemoveDeviceClass(std::string_view uid) {
  if (model_->devices.Remove(uid)) model_->LoosenedEverywhere();
}

void Cluster::Upsert(const kube::PersistentVolumeClaim& claim) { StorageEdit(*model_).Upsert(claim); }
void Cluster::Upsert(const kube::PersistentVolume& volume) { StorageEdit(*model_).Upsert(volume); }
void Cluster::Upsert(const kube::StorageClass& storage_class) { StorageEdit(*model_).Upsert(storage_class); }
void Cluster::Upsert(const kube::CsiNode& node) { StorageEdit(*model_).Upsert(node); }
void Cluster::Upsert(const kube::CsiDriver& driver) { StorageEdit(*model_).Upsert(driver); }
void Cluster::Upsert(const kube::CsiStorageCapacity& capacity) { StorageEdit(*model_).Upsert(capacity); }
void Cluster::Upsert(const kube::VolumeAttachment& attachment) { StorageEdit(*model_).Upsert(attachment); }
void Cluster::RemoveClaim(std::string_view uid) { StorageEdit(*model_).RemoveClaim(uid); }
void Cluster::RemoveVolume(std::string_view uid) { StorageEdit(*model_).RemoveVolume(uid); }
void Cluster::RemoveStorageClass(std::string_view uid) { StorageEdit(*model_).RemoveStorageClass(uid); }
void Cluster::RemoveCsiNode(std::string_view uid) { StorageEdit(*model_).RemoveCsiNode(uid); }
void Cluster::RemoveCsiDriver(std::string_view uid) { StorageEdit(*model_).RemoveDriver(uid); }
void Cluster::RemoveStorageCapacity(std::string_view uid) { StorageEdit(*model_).RemoveCapacity(uid); }
void Cluster::RemoveVolumeAttachment(std::string_view uid) { StorageEdit(*model_).RemoveAttachment(uid); }
void Cluster::SetStorageUnknown(std::string why) { StorageEdit(*model_).SetUnknown(std::move(why)); }

std::uint64_t Cluster::generation() const { return model_->generation; }
std::uint64_t Cluster::relaxations() const { return model_->relaxations; }

std::size_t Cluster::node_count(NodeDomain domain) const {
  return static_cast<std::size_t>(model_->domain(domain).Count());
}

std::size_t Cluster::pod_count() const { return model_->pods_by_uid.size(); }

std::optional<PodIndex> Cluster::FindPod(std::string_view uid) const {
  const PodIndex pod = model_->FindPod(uid);
  return pod.valid() ? std::optional(pod) : std::nullopt;
}

std::optional<NodeIndex> Cluster::FindNode(std::string_view name) const {
  const std::optional<NodeIndex> node = model_->names.Find(name);
  return node && model_->node(*node).exists ? node : std::nullopt;
}

NodeView Cluster::node(NodeIndex index) const {
  const NodeRecord& node = model_->node(index);
  const Usage& usage = model_->usage;
  const std::size_t i = index.value();
  return {.name = node.name,
          .role = node.role,
          .ready = node.ready,
          .unschedulable = node.unschedulable,
          .cloud_unreachable = node.cloud_unreachable,
          .allocatable_milli_cpu = node.milli_cpu,
          .allocatable_memory = node.memory,
          .allocatable_pods = node.pods,
          .requested_milli_cpu = Minus(node.milli_cpu, usage.free_milli_cpu[i]),
          .requested_memory = Minus(node.memory, usage.free_memory[i]),
          .pods = Minus(node.pods, usage.free_pods[i])};
}

std::vector<NodeIndex> Cluster::nodes(NodeRole role) const {
  NodeSet wanted = model_->real;
  if (role == NodeRole::kVirtual) {  // a few among many: not by walking over all names
    wanted = model_->all;
    wanted.Subtract(model_->real);
  }
  std::vector<NodeIndex> found;
  wanted.ForEach([&](NodeIndex index) { found.push_back(index); });
  std::sort(found.begin(), found.end(),
            [this](NodeIndex a, NodeIndex b) { return model_->node(a).rank < model_->node(b).rank; });
  return found;
}

ClassIndex Cluster::class_of(PodIndex pod) const { return model_->pod(pod).pod_class; }

Cluster::Requests Cluster::requests_of(PodIndex pod) const {
  const Footprint& footprint = model_->footprint(model_->pod(pod).footprint);
  return {footprint.milli_cpu, footprint.memory};
}

std::vector<ClaimedVolume> Cluster::ClaimedVolumesOf(PodIndex pod) const {
  std::vector<ClaimedVolume> volumes;
  const PodRecord& record = model_->pod(pod);
  if (record.bound) return volumes;
  const VolumeUse* use = model_->volumes_of(model_->pod_class(record.pod_class));
  if (use == nullptr) return volumes;
  for (const VolumeUse::Claim& claimed : use->claims) {
    const PersistentVolumeId volume = model_->storage.claim(claimed.claim).volume;
    volumes.push_back({std::string(model_->storage.NameOf(claimed.claim)),
                       volume.valid() ? model_->storage.volume(volume).driver : std::string()});
  }
  return volumes;
}

std::vector<PodIndex> Cluster::pending() const { return model_->pending; }

bool Cluster::IsQueued(PodIndex pod) const { return model_->pod(pod).queued; }

bool Cluster::PreemptionMightHelp(PodIndex pod) const {
  const PodRecord& record = model_->pod(pod);
  return record.preempts && !model_->real_priorities.empty() &&
         model_->real_priorities.begin()->first < record.priority;
}

bool Cluster::NominationMayHold(PodIndex pod) const {
  const PodRecord& record = model_->pod(pod);
  if (record.bound || !record.node.valid()) return false;
  const NodeRecord& node = model_->node(record.node);
  if (!node.exists || node.role != NodeRole::kReal) return false;
  std::int64_t milli_cpu = node.milli_cpu, memory = node.memory, pods = node.pods;
  bool may_anybody_go = false;
  for (PodIndex at = node.first_pod; at.valid(); at = model_->pod(at).next_on_node) {
    const PodRecord& there = model_->pod(at);
    if (there.terminating || (record.preempts && there.priority < record.priority)) {
      may_anybody_go = true;
      continue;
    }
    const Footprint& taken = model_->footprint(there.footprint);
    milli_cpu = Minus(milli_cpu, taken.milli_cpu);
    memory = Minus(memory, taken.memory);
    --pods;
  }
  const Footprint& wanted = model_->footprint(record.footprint);
  const auto has = [](std::int64_t room, std::int64_t amount) { return amount == 0 || amount <= room; };
  return may_anybody_go && pods > 0 && has(milli_cpu, wanted.milli_cpu) && has(memory, wanted.memory);
}

}  // namespace spillway::sim
