#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "scheduler_sim/model/counter.h"
#include "scheduler_sim/model/node_set.h"
#include "scheduler_sim/model/volume_usage.h"

namespace spillway::sim {

struct ResourceTag;
struct PortTag;
struct VolumeUseTag;
// An interned scalar resource name; an interned (ip, protocol, port).
using ResourceId = StrongId<ResourceTag>;
using PortId = StrongId<PortTag>;
// What a Pod's volumes take.
using VolumeUseId = StrongId<VolumeUseTag>;

// What a Pod takes from its node, and what it makes other Pods avoid. Hash-consed: replicas share one.
struct Footprint {
  std::int64_t milli_cpu = 0, memory = 0, ephemeral_storage = 0;
  std::vector<std::pair<ResourceId, std::int64_t>> scalars;  // none is zero
  std::int64_t scored_milli_cpu = 0, scored_memory = 0;
  std::vector<PortId> ports;
  std::vector<CounterId> carried;  // its own required anti-affinity terms, kCarried
  VolumeUseId volumes;             // invalid: none that filters care about
};

// Sums as Go computes them: wrapping. Only absurd objects get there, and they must not be undefined behaviour here.
constexpr std::int64_t Plus(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}
constexpr std::int64_t Minus(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}

// Everything that changes when a Pod is placed: columns over NodeIndex, counts per topology domain. A value: packing
// works on a copy. Cluster::Model::Place() and Unplace() change it.
class Usage {
 public:
  // Makes room for nodes below `nodes`; new ones have nothing. Columns are as long as bitsets: a multiple of 64.
  void Resize(std::size_t nodes);
  std::size_t size() const { return free_pods.size(); }

  // Resources and ports, not volumes; `sign` is 1 or -1.
  void Take(const Footprint& footprint, NodeIndex node, std::int64_t sign);

  // The column of a scalar resource; nullptr when no node has it and no Pod uses it.
  const std::vector<std::int64_t>* Scalar(ResourceId resource) const {
    return resource.value() < free_scalars_.size() && !free_scalars_[resource.value()].empty()
               ? &free_scalars_[resource.value()]
               : nullptr;
  }
  std::int64_t FreeScalar(ResourceId resource, NodeIndex node) const {
    const std::vector<std::int64_t>* column = Scalar(resource);
    return column == nullptr ? 0 : (*column)[node.value()];
  }
  void AddScalar(ResourceId resource, NodeIndex node, std::int64_t amount);
  // The resource is gone from every node and Pod; its id may come to mean another.
  void ForgetScalar(ResourceId resource);

  // Nodes on which the port is taken; nullptr when none ever was.
  const NodeSet* PortTaken(PortId port) const {
    return ports_ != nullptr && port.value() < ports_->size() ? &(*ports_)[port.value()].taken : nullptr;
  }

  const VolumeUsage& volumes() const;
  // For changing; copies what is shared with another Usage.
  VolumeUsage& ChangeableVolumes();
  // Counts the changes.
  std::uint64_t volume_changes() const { return volume_changes_; }

  const Counts& CountsOf(CounterId counter) const { return *counts_[counter.value()]; }
  // For changing; copies what is shared with another Usage.
  Counts& ChangeableCounts(CounterId counter);
  // Counts::relaxations of all counters ever.
  std::uint64_t relaxations() const { return relaxations_; }
  void NoteRelaxations(std::uint32_t count) { relaxations_ += count; }
  void ResetCounts(CounterId counter);

  // allocatable - requested; negative when overcommitted or when the Node object is not known.
  std::vector<std::int64_t> free_milli_cpu, free_memory, free_ephemeral_storage, free_pods;
  // Requested as scores see it.
  std::vector<std::int64_t> scored_milli_cpu, scored_memory;
  // Bumped by every Place and Unplace on the node: tells whether something computed from its columns is stale.
  std::vector<std::uint32_t> version;

 private:
  struct PortUse {
    NodeSet taken;
    std::unordered_map<std::uint32_t, std::uint32_t> pods;  // per node
  };

  void ChangePort(PortId port, NodeIndex node, std::int64_t sign);

  std::vector<std::vector<std::int64_t>> free_scalars_;  // by ResourceId
  std::shared_ptr<std::vector<PortUse>> ports_;          // by PortId; copied when changed while shared
  std::vector<std::shared_ptr<Counts>> counts_;          // by CounterId; likewise
  std::uint64_t relaxations_ = 0;
  std::shared_ptr<VolumeUsage> volumes_;  // likewise; nullptr: none ever
  std::uint64_t volume_changes_ = 0;
};

}  // namespace spillway::sim
