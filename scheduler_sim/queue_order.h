#pragma once

#include <cstdint>
#include <tuple>

#include "scheduler_sim/model/model.h"

namespace spillway::sim {

// A Pod's place in kube-scheduler's queue, as far as the API shows it: see InQueueOrder().
struct QueueKey {
  std::int32_t priority = 0;
  std::uint32_t created = 0;
  std::uint64_t arrival = 0;
  bool tried = false;

  static QueueKey Of(const PodRecord& pod) { return {pod.priority, pod.created, pod.arrival, pod.tried}; }
  bool operator<(const QueueKey& other) const {
    return std::tie(other.priority, tried, created, arrival) <
           std::tie(priority, other.tried, other.created, other.arrival);
  }
  bool operator==(const QueueKey&) const = default;
};

}  // namespace spillway::sim
