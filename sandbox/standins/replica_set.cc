#include "sandbox/standins/replica_set.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <tuple>

namespace spillway::sandbox {
namespace {

// Pods per look at the set: real controllers start slowly and are limited by their client, so Pods come in batches.
constexpr std::size_t kBatch = 16;

// Anything but a plain int32 counts as 0, "+10" and "008" too.
std::int32_t DeletionCost(const Json& pod) {
  const std::string text = Text(pod, {"metadata", "annotations", "controller.kubernetes.io/pod-deletion-cost"});
  std::int32_t cost = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), cost);
  if (error != std::errc() || end != text.data() + text.size()) return 0;
  return fmt::format("{}", cost) == text ? cost : 0;
}

// Ages are compared by their order of magnitude only, so that near-equal Pods are told apart by UID.
int LogAge(WallTime now, const std::string& since) {
  const auto time = base::ParseRfc3339(since);
  if (!time || *time >= now) return 0;
  return static_cast<int>(std::log2(std::chrono::duration<double>(now - *time).count() + 1));
}

int PhaseRank(const Json& pod) {
  const std::string phase = PhaseOf(pod);
  return phase == "Pending" ? 0 : phase == "Unknown" ? 1 : 2;
}

std::int64_t Restarts(const Json& pod) {
  std::int64_t most = 0;
  for (const Json& status : At(pod, {"status", "containerStatuses"}))
    most = std::max(most, Number(status, {"restartCount"}));
  return most;
}

}  // namespace

std::vector<const Json*> InDeletionOrder(std::vector<const Json*> pods, WallTime now) {
  std::map<std::string, int> on_node;
  for (const Json* pod : pods) ++on_node[NodeOf(*pod)];
  using Rank = std::tuple<bool, int, bool, std::int32_t, int, int, std::int64_t, int, std::string>;
  std::vector<std::pair<Rank, const Json*>> ranked;
  for (const Json* pod : pods) {
    const Json& ready = FindCondition(*pod, "Ready");
    const bool is_ready = IsPodReady(*pod);
    const int crowd = NodeOf(*pod).empty() ? 0 : on_node[NodeOf(*pod)];
    ranked.emplace_back(Rank(!NodeOf(*pod).empty(), PhaseRank(*pod), is_ready, DeletionCost(*pod), -crowd,
                             is_ready ? LogAge(now, Text(ready, {"lastTransitionTime"})) : 0, -Restarts(*pod),
                             LogAge(now, Text(*pod, {"metadata", "creationTimestamp"})), UidOf(*pod)),
                        pod);
  }
  std::sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<const Json*> ordered;
  for (const auto& [rank, pod] : ranked) ordered.push_back(pod);
  return ordered;
}

ReplicaSetController::ReplicaSetController(StandinContext context)
    : context_(context),
      sets_(context.caches.Of("replicasets.apps")),
      pods_(context.caches.Of("pods")),
      events_(context.store, "replicaset-controller", "replicaset-controller"),
      queue_(context.runtime, context.runtime.random().Fork(), context.delays,
             [this](const std::string& key) { Sync(key); }) {
  sets_.ListenForChanged([this](const std::string& key) { queue_.Add(key); });
  pods_.ListenForOwners("ReplicaSet", [this](const std::string& key) { queue_.Add(key); });
}

void ReplicaSetController::Sync(const std::string& key) {
  const Json* owner = sets_.Find(key);
  if (owner == nullptr) return;
  std::vector<const Json*> active;
  for (const Json* pod : pods_.ControlledBy(UidOf(*owner))) {
    if (IsPodActive(*pod)) active.push_back(pod);
  }
  const auto wanted = static_cast<std::size_t>(std::max<std::int64_t>(0, Number(*owner, {"spec", "replicas"}, 1)));
  if (!IsTerminating(*owner)) {
    if (active.size() < wanted) CreatePods(key, *owner, wanted - active.size());
    if (active.size() > wanted) DeletePods(*owner, active, active.size() - wanted);
  }
  WriteStatus(key, *owner, active);
}

void ReplicaSetController::CreatePods(const std::string& key, const Json& owner, std::size_t missing) {
  for (std::size_t i = 0; i < std::min(missing, kBatch); ++i) {
    Json pod = ChildOf(owner, "v1", "Pod", At(owner, {"spec", "template"}), ObjectName(owner) + "-");
    const auto created = context_.store.Create("pods", std::move(pod));
    if (!created) {
      events_.Write(owner, "Warning", "FailedCreate", "Create", "Error creating: " + created.error().message);
      queue_.AddAfter(key, std::chrono::seconds(5));
      return;
    }
    events_.Write(owner, "Normal", "SuccessfulCreate", "Create", "Created pod: " + ObjectName(*created));
  }
  if (missing > kBatch) queue_.Add(key);
}

void ReplicaSetController::DeletePods(const Json& owner, std::vector<const Json*> active, std::size_t surplus) {
  std::vector<const Json*> ordered = InDeletionOrder(std::move(active), context_.runtime.WallNow());
  ordered.resize(surplus);
  for (const Json* pod : ordered) {
    DeleteOptions options;
    options.uid = UidOf(*pod);
    if (!context_.store.Delete("pods", NamespaceOf(*pod), ObjectName(*pod), options)) continue;
    events_.Write(owner, "Normal", "SuccessfulDelete", "Delete", "Deleted pod: " + ObjectName(*pod));
  }
}

void ReplicaSetController::WriteStatus(const std::string& key, const Json& owner,
                                       const std::vector<const Json*>& active) {
  const auto ready = std::count_if(active.begin(), active.end(), [](const Json* pod) { return IsPodReady(*pod); });
  const Json wanted = {{"replicas", active.size()},
                       {"fullyLabeledReplicas", active.size()},
                       {"readyReplicas", ready},
                       {"availableReplicas", ready},
                       {"observedGeneration", Number(owner, {"metadata", "generation"})}};
  const auto [ns, name] = SplitKey(key);
  (void)context_.store.Modify("replicasets.apps", ns, name, Part::kStatus, [&](Json& set) {
    Json& status = set["status"];
    if (!status.is_object()) status = Json::object();
    const Json before = status;
    status.update(wanted);
    return status != before;
  });
}

}  // namespace spillway::sandbox
