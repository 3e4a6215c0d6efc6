#pragma once

#include <span>
#include <utility>
#include <vector>

#include "scheduler_sim/cluster.h"
#include "scheduler_sim/verdict.h"

namespace spillway::sim {

// kube-scheduler's queue order, as far as the API shows it: higher priority first; then Pods it has not tried yet (no
// Unschedulable condition: they may be about to be bound) before those it has; then in order of arrival in the model (a
// watch delivers in the order of creation), which for Pods of the first list is creation time, then name.
std::vector<PodIndex> InQueueOrder(const Cluster& cluster, std::vector<PodIndex> pods);

// Verdicts of one packing round.
class Packing {
 public:
  struct Entry {
    PodIndex pod;
    Verdict verdict;
  };
  explicit Packing(std::vector<Entry> entries) : entries_(std::move(entries)) {}
  // In the order packed.
  const std::vector<Entry>& entries() const { return entries_; }

 private:
  std::vector<Entry> entries_;
};

// Packs `pods` one after the other onto the domain's nodes: each that fits takes its place from those behind it, so K
// free slots absorb exactly K of P equal Pods. Places are chosen as kube-scheduler's default scores would (least
// allocated, then by name; of more than 100 nodes, like there, only a part is scored at a time). Of Pods that are not
// in `pods`, nominated ones count as Judge() has it, and DaemonSet Pods in kube-scheduler's queue take their places
// when their turn comes. A single Pod, without such DaemonSet Pods ahead of it, gets Judge()'s verdict. Cost: one scan
// per class plus O(1) per Pod, and a look at each node that Pods are nominated to.
Packing Pack(const Cluster& cluster, std::span<const PodIndex> pods, NodeDomain domain);

}  // namespace spillway::sim
