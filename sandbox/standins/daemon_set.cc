#include "sandbox/standins/daemon_set.h"

#include <map>

namespace spillway::sandbox {
namespace {

// What every daemon Pod tolerates, besides what its template says.
const std::vector<std::pair<const char*, const char*>> kDaemonTolerations = {
    {"node.kubernetes.io/not-ready", "NoExecute"},      {"node.kubernetes.io/unreachable", "NoExecute"},
    {"node.kubernetes.io/disk-pressure", "NoSchedule"}, {"node.kubernetes.io/memory-pressure", "NoSchedule"},
    {"node.kubernetes.io/pid-pressure", "NoSchedule"},  {"node.kubernetes.io/unschedulable", "NoSchedule"}};

bool Tolerates(const Json& tolerations, const Json& taint) {
  for (const Json& toleration : tolerations) {
    const std::string effect = Text(toleration, {"effect"}), key = Text(toleration, {"key"});
    if (!effect.empty() && effect != Text(taint, {"effect"})) continue;
    if (!key.empty() && key != Text(taint, {"key"})) continue;
    if (Text(toleration, {"operator"}) == "Exists") return true;
    if (!key.empty() && Text(toleration, {"value"}) == Text(taint, {"value"})) return true;
  }
  return false;
}

bool Admits(const Json& node, const Json& pod_template) {
  for (const auto& [key, value] : At(pod_template, {"spec", "nodeSelector"}).items()) {
    if (At(node, {"metadata", "labels", key.c_str()}) != value) return false;
  }
  for (const Json& taint : At(node, {"spec", "taints"})) {
    if (At(taint, {"effect"}) == "PreferNoSchedule") continue;
    bool tolerated = Tolerates(At(pod_template, {"spec", "tolerations"}), taint);
    for (const auto& [key, effect] : kDaemonTolerations)
      tolerated |= At(taint, {"key"}) == key && At(taint, {"effect"}) == effect;
    if (!tolerated) return false;
  }
  return true;
}

std::string PinnedTo(const Json& pod) {
  for (const Json& term : At(pod, {"spec", "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution",
                                   "nodeSelectorTerms"})) {
    for (const Json& field : At(term, {"matchFields"})) {
      const Json& values = At(field, {"values"});
      if (values.is_array() && !values.empty() && values.front().is_string()) return values.front();
    }
  }
  return NodeOf(pod);
}

}  // namespace

DaemonSetController::DaemonSetController(StandinContext context)
    : context_(context),
      sets_(context.caches.Of("daemonsets.apps")),
      nodes_(context.caches.Of("nodes")),
      pods_(context.caches.Of("pods")),
      queue_(context.runtime, context.runtime.random().Fork(), context.delays,
             [this](const std::string& key) { Sync(key); }) {
  sets_.ListenForChanged([this](const std::string& key) { queue_.Add(key); });
  nodes_.Listen([this](const std::string&, const Json* before, const Json* now) {
    if (before == nullptr || now == nullptr || At(*before, {"spec"}) != At(*now, {"spec"}) ||
        At(*before, {"metadata", "labels"}) != At(*now, {"metadata", "labels"}))
      SyncAll();
  });
  pods_.ListenForOwners("DaemonSet", [this](const std::string& key) { queue_.Add(key); });
}

void DaemonSetController::SyncAll() {
  for (const auto& [key, set] : sets_.all()) queue_.Add(key);
}

void DaemonSetController::Sync(const std::string& key) {
  const Json* set = sets_.Find(key);
  if (set == nullptr || IsTerminating(*set)) return;
  std::map<std::string, const Json*> by_node;
  std::int64_t ready = 0, desired = 0, scheduled = 0;
  for (const Json* pod : pods_.ControlledBy(UidOf(*set))) {
    if (!IsPodActive(*pod)) continue;
    by_node[PinnedTo(*pod)] = pod;
    ready += IsPodReady(*pod) ? 1 : 0;
    scheduled += NodeOf(*pod).empty() ? 0 : 1;
  }
  for (const auto& [name, node] : nodes_.all()) {
    const bool wanted = Admits(node, At(*set, {"spec", "template"}));
    desired += wanted ? 1 : 0;
    if (wanted && !by_node.contains(name)) CreatePod(*set, name);
    if (!wanted && by_node.contains(name)) {
      DeleteOptions options;
      options.uid = UidOf(*by_node[name]);
      (void)context_.store.Delete("pods", NamespaceOf(*set), ObjectName(*by_node[name]), options);
    }
  }
  const Json status = {{"currentNumberScheduled", scheduled},
                       {"desiredNumberScheduled", desired},
                       {"numberReady", ready},
                       {"numberAvailable", ready},
                       {"numberUnavailable", desired - ready},
                       {"numberMisscheduled", 0},
                       {"updatedNumberScheduled", scheduled},
                       {"observedGeneration", Number(*set, {"metadata", "generation"})}};
  const NamespacedName name = SplitKey(key);
  (void)context_.store.Modify("daemonsets.apps", name.ns, name.name, Part::kStatus, [&](Json& object) {
    if (At(object, {"status"}) == status) return false;
    object["status"] = status;
    return true;
  });
}

void DaemonSetController::CreatePod(const Json& set, const std::string& node) {
  Json pod = ChildOf(set, "v1", "Pod", At(set, {"spec", "template"}), ObjectName(set) + "-");
  const Json field = {{"key", "metadata.name"}, {"operator", "In"}, {"values", Json::array({node})}};
  Json& affinity = pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
  affinity = {{"nodeSelectorTerms", Json::array({Json{{"matchFields", Json::array({field})}}})}};
  Json& tolerations = pod["spec"]["tolerations"];
  if (!tolerations.is_array()) tolerations = Json::array();
  for (const auto& [key, effect] : kDaemonTolerations)
    tolerations.push_back({{"key", key}, {"operator", "Exists"}, {"effect", effect}});
  (void)context_.store.Create("pods", std::move(pod));
}

}  // namespace spillway::sandbox
