#include "sandbox/standins/node_lifecycle.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <optional>

namespace spillway::sandbox {
namespace {

constexpr Duration kTickPeriod = std::chrono::seconds(5);
constexpr Duration kHeartbeatGrace = std::chrono::seconds(50);
constexpr Duration kOrphanQuarantine = std::chrono::seconds(40);

constexpr const char* kNotReady = "node.kubernetes.io/not-ready";
constexpr const char* kUnreachable = "node.kubernetes.io/unreachable";
constexpr const char* kUnschedulable = "node.kubernetes.io/unschedulable";

bool SetTaint(Json& spec, const char* key, const char* effect, bool wanted, WallTime now) {
  Json taints = At(spec, {"taints"}).is_array() ? spec["taints"] : Json::array();
  const auto found = std::find_if(taints.begin(), taints.end(), [&](const Json& taint) {
    return At(taint, {"key"}) == key && At(taint, {"effect"}) == effect;
  });
  if ((found != taints.end()) == wanted) return false;
  if (wanted) {
    Json taint = {{"key", key}, {"effect", effect}};
    if (std::string_view(effect) == "NoExecute") taint["timeAdded"] = base::FormatRfc3339(now);
    taints.push_back(std::move(taint));
  } else {
    taints.erase(found);
  }
  if (taints.empty()) {
    spec.erase("taints");
  } else {
    spec["taints"] = std::move(taints);
  }
  return true;
}

bool ToleratesTaint(const Json& toleration, const Json& taint) {
  const std::string effect = Text(toleration, {"effect"}), key = Text(toleration, {"key"});
  if (!effect.empty() && effect != Text(taint, {"effect"})) return false;
  if (!key.empty() && key != Text(taint, {"key"})) return false;
  if (Text(toleration, {"operator"}) == "Exists") return true;
  return !key.empty() && Text(toleration, {"value"}) == Text(taint, {"value"});
}

// How long the Pod stays with this taint: 0 without a toleration, nullopt for ever.
std::optional<Duration> Stay(const Json& pod, const Json& taint) {
  std::optional<std::int64_t> shortest;
  bool tolerated = false;
  for (const Json& toleration : At(pod, {"spec", "tolerations"})) {
    if (!ToleratesTaint(toleration, taint)) continue;
    tolerated = true;
    const Json& seconds = At(toleration, {"tolerationSeconds"});
    if (seconds.is_number_integer())
      shortest = std::min(shortest.value_or(seconds.get<std::int64_t>()), seconds.get<std::int64_t>());
  }
  if (!tolerated) return Duration(0);
  if (!shortest) return std::nullopt;
  return std::chrono::seconds(std::max<std::int64_t>(0, *shortest));
}

}  // namespace

NodeLifecycle::NodeLifecycle(StandinContext context)
    : context_(context),
      nodes_(context.caches.Of("nodes")),
      pods_(context.caches.Of("pods")),
      leases_(context.caches.Of("leases.coordination.k8s.io")),
      taints_(context.runtime, context.runtime.random().Fork(), context.delays,
              [this](const std::string& name) { SyncTaints(name); }),
      evictions_(context.runtime, context.runtime.random().Fork(), context.delays,
                 [this](const std::string& key) { CheckEviction(key); }),
      orphans_(context.runtime, context.runtime.random().Fork(), context.delays,
               [this](const std::string& key) { CheckOrphan(key); }) {
  nodes_.Listen([this](const std::string& name, const Json*, const Json* now) {
    if (now == nullptr) heartbeats_.erase(name);
    taints_.Add(name);
  });
  pods_.Listen([this](const std::string& key, const Json* before, const Json* now) {
    if (now == nullptr || NodeOf(*now).empty() || (before != nullptr && !NodeOf(*before).empty())) return;
    evictions_.Add(key);
    orphans_.Add(key);
  });
  Tick();
}

NodeLifecycle::~NodeLifecycle() { context_.runtime.CancelTimer(tick_); }

void NodeLifecycle::Tick() {
  for (const auto& [name, node] : nodes_.all()) CheckHeartbeat(name, node);
  tick_ = context_.runtime.PostAt(context_.runtime.Now() + kTickPeriod, [this] { Tick(); });
}

void NodeLifecycle::CheckHeartbeat(const std::string& name, const Json& node) {
  const Json* lease = leases_.Find("kube-node-lease/" + name);
  const std::string token = (lease == nullptr ? "" : Text(*lease, {"spec", "renewTime"})) +
                            Text(FindCondition(node, "Ready"), {"lastHeartbeatTime"});
  const Instant now = context_.runtime.Now();
  const auto [found, is_new] = heartbeats_.try_emplace(name, Heartbeat{token, now});
  if (found->second.token != token) found->second = Heartbeat{token, now};
  if (now - found->second.seen <= kHeartbeatGrace) return;
  (void)context_.store.Modify("nodes", "", name, Part::kStatus, [&](Json& object) {
    bool changed = false;
    for (const char* type : {"Ready", "MemoryPressure", "DiskPressure", "PIDPressure"})
      changed |= SetConditionTo(object["status"], type, "Unknown", "NodeStatusUnknown",
                                "Kubelet stopped posting node status.", context_.runtime.WallNow());
    return changed;
  });
}

void NodeLifecycle::SyncTaints(const std::string& name) {
  const Json* node = nodes_.Find(name);
  if (node != nullptr) {
    const std::string ready = Text(FindCondition(*node, "Ready"), {"status"});
    const WallTime now = context_.runtime.WallNow();
    (void)context_.store.Modify("nodes", "", name, Part::kObject, [&](Json& object) {
      Json& spec = object["spec"];
      if (!spec.is_object()) spec = Json::object();
      bool changed = false;
      for (const char* effect : {"NoSchedule", "NoExecute"}) {
        changed |= SetTaint(spec, kNotReady, effect, ready == "False" || ready.empty(), now);
        changed |= SetTaint(spec, kUnreachable, effect, ready == "Unknown", now);
      }
      changed |= SetTaint(spec, kUnschedulable, "NoSchedule", At(spec, {"unschedulable"}) == true, now);
      return changed;
    });
  }
  for (const auto& [key, pod] : pods_.all()) {
    if (NodeOf(pod) != name) continue;
    evictions_.Add(key);
    if (node == nullptr) orphans_.Add(key);
  }
}

void NodeLifecycle::CheckEviction(const std::string& pod_key) {
  const Json* pod = pods_.Find(pod_key);
  if (pod == nullptr || !IsPodActive(*pod)) return;
  const Json* node = nodes_.Find(NodeOf(*pod));
  if (node == nullptr) return;
  for (const Json& taint : At(*node, {"spec", "taints"})) {
    if (At(taint, {"effect"}) != "NoExecute") continue;
    const std::optional<Duration> stay = Stay(*pod, taint);
    if (!stay) continue;
    const WallTime now = context_.runtime.WallNow();
    const WallTime deadline = base::ParseRfc3339(Text(taint, {"timeAdded"})).value_or(now) + *stay;
    if (now >= deadline) return DeletePod(*pod, 30);
    evictions_.AddAfter(pod_key, deadline - now);
  }
}

void NodeLifecycle::CheckOrphan(const std::string& pod_key) {
  const Json* pod = pods_.Find(pod_key);
  if (pod == nullptr) return;
  const std::string node = NodeOf(*pod);
  if (node.empty()) return;
  if (nodes_.Find(node) != nullptr) {
    orphaned_since_.erase(node);
    return;
  }
  const Instant now = context_.runtime.Now();
  const Instant since = orphaned_since_.try_emplace(node, now).first->second;
  if (now - since < kOrphanQuarantine) return orphans_.AddAfter(pod_key, since + kOrphanQuarantine - now);
  DeletePod(*pod, 0);
}

void NodeLifecycle::DeletePod(const Json& pod, std::int64_t grace_seconds) {
  DeleteOptions options;
  options.uid = UidOf(pod);
  options.grace_period_seconds = grace_seconds;
  (void)context_.store.Delete("pods", NamespaceOf(pod), ObjectName(pod), options);
}

}  // namespace spillway::sandbox
