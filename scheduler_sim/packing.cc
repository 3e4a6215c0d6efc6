#include "scheduler_sim/packing.h"

#include <algorithm>
#include <utility>

#include "scheduler_sim/packer.h"
#include "scheduler_sim/queue_order.h"

namespace spillway::sim {
namespace {

// DaemonSet Pods in the queue that are not among `packed`, in queue order.
std::vector<PodIndex> OtherDaemons(const Cluster& cluster, std::span<const PodIndex> packed) {
  const Cluster::Model& model = cluster.model();
  std::vector<PodIndex> daemons;
  std::vector<bool> is_packed;
  for (const PodIndex pod : model.pending) {
    if (!model.pod(pod).daemon || !model.pod(pod).queued) continue;
    if (is_packed.empty()) {
      is_packed.resize(model.pods.size());
      for (const PodIndex other : packed) is_packed[other.value()] = true;
    }
    if (!is_packed[pod.value()]) daemons.push_back(pod);
  }
  return InQueueOrder(cluster, std::move(daemons));
}

}  // namespace

std::vector<PodIndex> InQueueOrder(const Cluster& cluster, std::vector<PodIndex> pods) {
  std::vector<std::pair<QueueKey, PodIndex>> keys;
  keys.reserve(pods.size());
  for (const PodIndex pod : pods) keys.emplace_back(QueueKey::Of(cluster.model().pod(pod)), pod);
  std::sort(keys.begin(), keys.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  for (std::size_t i = 0; i < keys.size(); ++i) pods[i] = keys[i].second;
  return pods;
}

Packing Pack(const Cluster& cluster, std::span<const PodIndex> pods, NodeDomain domain) {
  const Cluster::Model& model = cluster.model();
  Packer packer(model, domain, nullptr);
  const std::vector<PodIndex> daemons = OtherDaemons(cluster, pods);
  auto daemon = daemons.begin();
  const auto is_ahead_of = [&](PodIndex a, PodIndex b) {
    return QueueKey::Of(model.pod(a)) < QueueKey::Of(model.pod(b));
  };
  std::vector<Packing::Entry> entries;
  entries.reserve(pods.size());
  for (const PodIndex pod : pods) {
    for (; daemon != daemons.end() && is_ahead_of(*daemon, pod); ++daemon) (void)packer.Pack(*daemon);
    entries.push_back({pod, packer.Pack(pod)});
  }
  return Packing(std::move(entries));
}

}  // namespace spillway::sim
