#include "scheduler_sim/kept_queue.h"

#include <algorithm>

namespace spillway::sim {
namespace {

bool IsAhead(const KeptQueue::Entry& a, const KeptQueue::Entry& b) { return a.key < b.key; }

}  // namespace

void KeptQueue::CatchUp(const Cluster::Model& model) {
  freed_.clear();
  const std::uint64_t end = model.queue_changes.end();
  if (known_ && read_to_ == end) return;
  slots_.resize(model.pods.size(), kNoSlot);
  if (known_ && model.queue_changes.Remembers(read_to_)) {
    std::vector<PodIndex> touched;
    model.queue_changes.ForEachSince(read_to_, [&](PodIndex pod) { touched.push_back(pod); });
    std::sort(touched.begin(), touched.end());
    touched.erase(std::unique(touched.begin(), touched.end()), touched.end());
    Merge(model, std::move(touched));
  } else {
    std::vector<PodIndex> all = model.pending;
    for (const Entry& entry : entries_) {
      if (!IsStillThere(model, entry)) all.push_back(entry.pod);
    }
    if (!entries_.empty()) {
      std::sort(all.begin(), all.end());
      all.erase(std::unique(all.begin(), all.end()), all.end());
    }
    Merge(model, std::move(all));
  }
  known_ = true;
  read_to_ = end;
}

std::uint32_t KeptQueue::NewSlot() {
  if (free_slots_.empty()) {
    arrivals_.push_back(0);
    leaving_.push_back(false);
    return slot_end_++;
  }
  const std::uint32_t slot = free_slots_.back();
  free_slots_.pop_back();
  return slot;
}

void KeptQueue::Merge(const Cluster::Model& model, std::vector<PodIndex> touched) {
  std::vector<Entry> fresh;
  std::vector<std::uint32_t> left;
  for (const PodIndex pod : touched) {
    std::uint32_t& slot = slots_[pod.value()];
    const PodRecord& record = model.pod(pod);
    if (slot != kNoSlot) leaving_[slot] = true;
    if (slot != kNoSlot && (!record.queued || arrivals_[slot] != record.arrival)) {
      left.push_back(slot);
      slot = kNoSlot;
    }
    if (!record.queued) continue;
    fresh.push_back({QueueKey::Of(record), pod, slot});
  }
  if (!std::is_sorted(fresh.begin(), fresh.end(), IsAhead)) std::sort(fresh.begin(), fresh.end(), IsAhead);

  merged_.clear();
  merged_.reserve(entries_.size() + fresh.size());
  auto next = fresh.begin();
  for (const Entry& entry : entries_) {
    if (leaving_[entry.slot]) continue;
    for (; next != fresh.end() && IsAhead(*next, entry); ++next) merged_.push_back(*next);
    merged_.push_back(entry);
  }
  merged_.insert(merged_.end(), next, fresh.end());
  entries_.swap(merged_);

  std::fill(leaving_.begin(), leaving_.end(), false);
  for (Entry& entry : entries_) {
    if (entry.slot != kNoSlot) continue;
    entry.slot = NewSlot();
    arrivals_[entry.slot] = entry.key.arrival;
    slots_[entry.pod.value()] = entry.slot;
  }
  // Only now: who is new does not get what was just another's.
  free_slots_.insert(free_slots_.end(), left.begin(), left.end());
  freed_ = std::move(left);
}

}  // namespace spillway::sim
