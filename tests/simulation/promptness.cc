#include "tests/simulation/promptness.h"

#include <fmt/core.h>

#include <algorithm>

namespace spillway::simulation {
namespace {

// Of equal Pods that real nodes have room for, alone in the queue; nullopt: all of them, or the first without room has
// a reason to stay.
std::optional<std::size_t> RoomFor(Objects objects, const std::vector<const kube::Pod*>& pods) {
  for (std::size_t placed = 0; placed < pods.size(); ++placed) {
    const kube::Pod& pod = *pods[placed];
    const std::vector<std::string> nodes = RealNodesFor(objects, pod);
    if (nodes.empty()) return OughtToMove(objects, pod) ? std::optional(placed) : std::nullopt;
    const auto same = std::find_if(objects.pods.begin(), objects.pods.end(),
                                   [&](const kube::Pod& other) { return other.metadata.uid == pod.metadata.uid; });
    same->node_name = nodes.front();
  }
  return std::nullopt;
}

// Room depends on more than how many there are, or kube-scheduler might make some for them.
bool IsPlain(const kube::Pod& pod) {
  return pod.required_pod_affinity.empty() && pod.required_pod_anti_affinity.empty() && pod.topology_spread.empty() &&
         pod.priority == 0 && pod.nominated_node_name.empty() &&
         kube::Find(pod.metadata.annotations, "spillway.io/group") == nullptr;
}

}  // namespace

void Promptness::Look(const Objects& objects, Instant now, const std::function<bool(const std::string&)>& is_tried) {
  std::map<std::string, std::vector<const kube::Pod*>> waiting;
  for (const kube::Pod& pod : objects.pods) {
    if (IsWaiting(pod) && IsPlain(pod) && !WhyIneligible(objects, pod) && !is_tried(pod.metadata.uid))
      waiting[LikenessOf(pod)].push_back(&pod);
  }
  std::erase_if(classes_, [&](const auto& known) { return !waiting.contains(known.first); });
  for (const auto& [likeness, pods] : waiting) LookAt(objects, now, pods, classes_[likeness]);
}

void Promptness::LookAt(const Objects& objects, Instant now, const std::vector<const kube::Pod*>& pods, Class& known) {
  const std::optional<std::size_t> room = RoomFor(objects, pods);
  if (!room) {
    known = Class();
    return;
  }
  std::map<std::string, Instant> since;
  std::vector<const kube::Pod*> patient;
  for (const kube::Pod* pod : pods) {
    const auto before = known.since.find(pod->metadata.uid);
    since[pod->metadata.uid] = before == known.since.end() ? now : before->second;
    if (since[pod->metadata.uid] + limit_ < now) patient.push_back(pod);
  }
  known.since = std::move(since);
  known.room.emplace_back(now, *room);
  while (known.room.front().first + limit_ < now) known.room.pop_front();
  std::size_t most = 0;
  for (const auto& [when, count] : known.room) most = std::max(most, count);
  if (patient.size() <= most) return;
  const kube::Pod& one = *patient.back();
  if (!told_.insert(LikenessOf(one)).second) return;
  late_.push_back(fmt::format("{} of {} Pods like {} have no room on real nodes for {} until {}, and no bind was sent",
                              patient.size() - most, pods.size(), one.metadata.Key(), base::FormatDuration(limit_),
                              base::FormatDuration(now.time_since_epoch())));
}

}  // namespace spillway::simulation
