#pragma once

#include <cstdint>
#include <vector>

#include "scheduler_sim/queue_order.h"

namespace spillway::sim {

// kube-scheduler's queue in its order, kept up to date. A Pod has a slot of its own as long as it is in the queue.
class KeptQueue {
 public:
  static constexpr std::uint32_t kNoSlot = UINT32_MAX;
  struct Entry {
    QueueKey key;
    PodIndex pod;
    std::uint32_t slot = kNoSlot;
  };

  // Cost: nothing when no unbound Pod has changed, else one pass over the queue.
  void CatchUp(const Cluster::Model& model);

  // As of the last CatchUp(); some may have left since.
  const std::vector<Entry>& entries() const { return entries_; }
  static bool IsStillThere(const Cluster::Model& model, const Entry& entry) {
    const PodRecord& record = model.pod(entry.pod);
    return record.queued && record.arrival == entry.key.arrival;
  }
  // kNoSlot: not in the queue as of the last CatchUp().
  std::uint32_t SlotOf(PodIndex pod) const { return pod.value() < slots_.size() ? slots_[pod.value()] : kNoSlot; }
  // All slots are below.
  std::uint32_t slot_end() const { return slot_end_; }
  // Given to other Pods, or free, since the CatchUp() before.
  const std::vector<std::uint32_t>& freed() const { return freed_; }

 private:
  void Merge(const Cluster::Model& model, std::vector<PodIndex> touched);
  std::uint32_t NewSlot();

  bool known_ = false;
  std::uint64_t read_to_ = 0;  // of Model::queue_changes
  std::vector<Entry> entries_, merged_;
  std::vector<std::uint32_t> slots_;     // by PodIndex
  std::vector<std::uint64_t> arrivals_;  // by slot: whose it is
  std::vector<bool> leaving_;            // by slot: not where it was
  std::vector<std::uint32_t> free_slots_, freed_;
  std::uint32_t slot_end_ = 0;
};

}  // namespace spillway::sim
