#include "scheduler_sim/model/usage.h"

namespace spillway::sim {

void Usage::Resize(std::size_t nodes) {
  const std::size_t size = (nodes + 63) / 64 * 64;
  if (size == free_pods.size()) return;
  for (auto* column :
       {&free_milli_cpu, &free_memory, &free_ephemeral_storage, &free_pods, &scored_milli_cpu, &scored_memory}) {
    column->resize(size);
  }
  version.resize(size);
  for (auto& column : free_scalars_) {
    if (!column.empty()) column.resize(size);
  }
}

void Usage::Take(const Footprint& footprint, NodeIndex node, std::int64_t sign) {
  const std::size_t i = node.value();
  const auto take = [&](std::vector<std::int64_t>& column, std::int64_t amount) {
    column[i] = sign > 0 ? Minus(column[i], amount) : Plus(column[i], amount);
  };
  take(free_milli_cpu, footprint.milli_cpu);
  take(free_memory, footprint.memory);
  take(free_ephemeral_storage, footprint.ephemeral_storage);
  take(free_pods, 1);
  for (const auto& [resource, amount] : footprint.scalars)
    AddScalar(resource, node, sign > 0 ? Minus(0, amount) : amount);
  scored_milli_cpu[i] = sign > 0 ? Plus(scored_milli_cpu[i], footprint.scored_milli_cpu)
                                 : Minus(scored_milli_cpu[i], footprint.scored_milli_cpu);
  scored_memory[i] =
      sign > 0 ? Plus(scored_memory[i], footprint.scored_memory) : Minus(scored_memory[i], footprint.scored_memory);
  for (const PortId port : footprint.ports) ChangePort(port, node, sign);
  ++version[i];
}

void Usage::AddScalar(ResourceId resource, NodeIndex node, std::int64_t amount) {
  if (resource.value() >= free_scalars_.size()) free_scalars_.resize(resource.value() + 1);
  std::vector<std::int64_t>& column = free_scalars_[resource.value()];
  if (column.empty()) column.resize(size());
  column[node.value()] = Plus(column[node.value()], amount);
}

void Usage::ForgetScalar(ResourceId resource) {
  if (resource.value() < free_scalars_.size()) free_scalars_[resource.value()] = {};
}

Counts& Usage::ChangeableCounts(CounterId counter) {
  std::shared_ptr<Counts>& counts = counts_[counter.value()];
  if (counts.use_count() > 1) counts = std::make_shared<Counts>(*counts);
  return *counts;
}

const VolumeUsage& Usage::volumes() const {
  static const VolumeUsage none;
  return volumes_ == nullptr ? none : *volumes_;
}

VolumeUsage& Usage::ChangeableVolumes() {
  ++volume_changes_;
  if (volumes_ == nullptr) {
    volumes_ = std::make_shared<VolumeUsage>();
  } else if (volumes_.use_count() > 1) {
    volumes_ = std::make_shared<VolumeUsage>(*volumes_);
  }
  return *volumes_;
}

void Usage::ResetCounts(CounterId counter) {
  if (counter.value() >= counts_.size()) counts_.resize(counter.value() + 1);
  counts_[counter.value()] = std::make_shared<Counts>();
}

void Usage::ChangePort(PortId port, NodeIndex node, std::int64_t sign) {
  if (ports_ == nullptr) {
    ports_ = std::make_shared<std::vector<PortUse>>();
  } else if (ports_.use_count() > 1) {
    ports_ = std::make_shared<std::vector<PortUse>>(*ports_);
  }
  if (port.value() >= ports_->size()) ports_->resize(port.value() + 1);
  PortUse& use = (*ports_)[port.value()];
  std::uint32_t& pods = use.pods[node.value()];
  pods = static_cast<std::uint32_t>(pods + sign);
  use.taken.Put(node, pods != 0);
  if (pods == 0) use.pods.erase(node.value());
}

}  // namespace spillway::sim
