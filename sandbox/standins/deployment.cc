#include "sandbox/standins/deployment.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>

namespace spillway::sandbox {
namespace {

constexpr const char* kRevision = "deployment.kubernetes.io/revision";
constexpr const char* kHashLabel = "pod-template-hash";

// An IntOrString: a number, or a percentage of `total` rounded up or down.
std::int64_t Resolve(const Json& value, std::int64_t total, double rounding, std::int64_t fallback) {
  if (value.is_number_integer()) return value.get<std::int64_t>();
  if (!value.is_string()) return fallback;
  const double percent = std::strtod(value.get<std::string>().c_str(), nullptr);
  return static_cast<std::int64_t>(percent / 100 * static_cast<double>(total) + rounding);
}

std::int64_t Replicas(const Json& object) { return Number(object, {"spec", "replicas"}, 1); }

std::int64_t RevisionOf(const Json& set) {
  return std::strtoll(Text(set, {"metadata", "annotations", kRevision}).c_str(), nullptr, 10);
}

}  // namespace

DeploymentController::DeploymentController(StandinContext context)
    : context_(context),
      deployments_(context.caches.Of("deployments.apps")),
      sets_(context.caches.Of("replicasets.apps")),
      events_(context.store, "deployment-controller", "deployment-controller"),
      queue_(context.runtime, context.runtime.random().Fork(), context.delays,
             [this](const std::string& key) { Sync(key); }) {
  deployments_.ListenForChanged([this](const std::string& key) { queue_.Add(key); });
  sets_.ListenForOwners("Deployment", [this](const std::string& key) { queue_.Add(key); });
}

DeploymentController::Sets DeploymentController::SetsOf(const Json& deployment) const {
  Sets sets;
  const std::string hash = SafeHash(At(deployment, {"spec", "template"}));
  for (const Json* set : sets_.ControlledBy(UidOf(deployment))) {
    if (Text(*set, {"metadata", "labels", kHashLabel}) == hash) {
      sets.current = set;
    } else {
      sets.old.push_back(set);
    }
  }
  return sets;
}

void DeploymentController::Sync(const std::string& key) {
  const Json* deployment = deployments_.Find(key);
  if (deployment == nullptr || IsTerminating(*deployment)) return;
  const Sets sets = SetsOf(*deployment);
  if (At(*deployment, {"spec", "paused"}) != true) {
    if (sets.current == nullptr) {
      CreateCurrent(*deployment, sets);
    } else {
      Roll(*deployment, sets);
    }
  }
  WriteStatus(key, *deployment, sets);
}

void DeploymentController::CreateCurrent(const Json& deployment, const Sets& sets) {
  const std::string hash = SafeHash(At(deployment, {"spec", "template"}));
  std::int64_t revision = 0, old_replicas = 0;
  for (const Json* set : sets.old) {
    revision = std::max(revision, RevisionOf(*set));
    old_replicas += Replicas(*set);
  }
  Json set = ChildOf(deployment, "apps/v1", "ReplicaSet", At(deployment, {"spec", "template"}),
                     ObjectName(deployment) + "-" + hash);
  set["metadata"]["labels"][kHashLabel] = hash;
  set["metadata"]["annotations"] = {{kRevision, fmt::format("{}", revision + 1)}};
  Json pod_template = At(deployment, {"spec", "template"});
  pod_template["metadata"]["labels"][kHashLabel] = hash;
  Json selector = At(deployment, {"spec", "selector"});
  selector["matchLabels"][kHashLabel] = hash;
  const std::int64_t replicas = old_replicas == 0 ? Replicas(deployment) : 0;  // Roll() takes it from there
  set["spec"] = {{"replicas", replicas}, {"selector", selector}, {"template", pod_template}};
  const auto created = context_.store.Create("replicasets.apps", std::move(set));
  if (created) {
    events_.Write(deployment, "Normal", "ScalingReplicaSet", "ScalingReplicaSet",
                  fmt::format("Scaled up replica set {} from 0 to {}", ObjectName(*created), replicas));
    (void)context_.store.Modify("deployments.apps", NamespaceOf(deployment), ObjectName(deployment), Part::kObject,
                                [&](Json& object) {
                                  object["metadata"]["annotations"][kRevision] = fmt::format("{}", revision + 1);
                                  return true;
                                });
  }
}

// One step towards all replicas in the current set and none in the old ones; the sets' changes bring the next step.
void DeploymentController::Roll(const Json& deployment, const Sets& sets) {
  const std::int64_t wanted = Replicas(deployment);
  std::int64_t total = Replicas(*sets.current), available = Number(*sets.current, {"status", "availableReplicas"});
  std::int64_t old_pods = 0;
  for (const Json* set : sets.old) {
    total += Replicas(*set);
    available += Number(*set, {"status", "availableReplicas"});
    old_pods += std::max(Replicas(*set), Number(*set, {"status", "replicas"}));
  }
  if (old_pods == 0) {
    if (Replicas(*sets.current) != wanted) Scale(deployment, *sets.current, wanted);
    return;
  }
  if (Text(deployment, {"spec", "strategy", "type"}) == "Recreate") {
    for (const Json* set : sets.old) Scale(deployment, *set, 0);
    return;
  }
  const Json& limits = At(deployment, {"spec", "strategy", "rollingUpdate"});
  const std::int64_t surge = Resolve(At(limits, {"maxSurge"}), wanted, 0.999999, 1);
  std::int64_t unavailable = Resolve(At(limits, {"maxUnavailable"}), wanted, 0, 0);
  if (surge == 0 && unavailable == 0) unavailable = 1;
  const std::int64_t room = wanted + surge - total;
  if (room > 0 && Replicas(*sets.current) < wanted)
    Scale(deployment, *sets.current, std::min(wanted, Replicas(*sets.current) + room));
  std::int64_t spare = available - (wanted - unavailable);
  for (const Json* set : sets.old) {
    const std::int64_t unready = Replicas(*set) - Number(*set, {"status", "availableReplicas"});
    const std::int64_t give_up = std::min(Replicas(*set), std::max<std::int64_t>(0, spare) + unready);
    if (give_up <= 0) continue;
    spare -= give_up - unready;
    Scale(deployment, *set, Replicas(*set) - give_up);
  }
}

void DeploymentController::Scale(const Json& deployment, const Json& set, std::int64_t replicas) {
  const std::int64_t before = Replicas(set);
  if (before == replicas) return;
  const auto scaled =
      context_.store.Modify("replicasets.apps", NamespaceOf(set), ObjectName(set), Part::kObject, [&](Json& object) {
        object["spec"]["replicas"] = replicas;
        return true;
      });
  if (scaled)
    events_.Write(deployment, "Normal", "ScalingReplicaSet", "ScalingReplicaSet",
                  fmt::format("Scaled {} replica set {} from {} to {}", replicas > before ? "up" : "down",
                              ObjectName(set), before, replicas));
}

void DeploymentController::WriteStatus(const std::string& key, const Json& deployment, const Sets& sets) {
  std::int64_t replicas = 0, ready = 0, available = 0, updated = 0;
  const auto add = [&](const Json& set) {
    replicas += Number(set, {"status", "replicas"});
    ready += Number(set, {"status", "readyReplicas"});
    available += Number(set, {"status", "availableReplicas"});
  };
  for (const Json* set : sets.old) add(*set);
  if (sets.current != nullptr) {
    add(*sets.current);
    updated = Number(*sets.current, {"status", "replicas"});
  }
  const std::int64_t wanted = Replicas(deployment);
  const std::int64_t unavailable_limit =
      Resolve(At(deployment, {"spec", "strategy", "rollingUpdate", "maxUnavailable"}), wanted, 0, 0);
  const auto [ns, name] = SplitKey(key);
  (void)context_.store.Modify("deployments.apps", ns, name, Part::kStatus, [&](Json& object) {
    Json status = At(object, {"status"}).is_object() ? object["status"] : Json::object();
    status["observedGeneration"] = Number(deployment, {"metadata", "generation"});
    status["replicas"] = replicas;
    status["updatedReplicas"] = updated;
    status["readyReplicas"] = ready;
    status["availableReplicas"] = available;
    status["unavailableReplicas"] = std::max<std::int64_t>(0, wanted - available);
    const WallTime now = context_.runtime.WallNow();
    const bool enough = available >= wanted - unavailable_limit;
    SetCondition(status, "Available", enough, enough ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable",
                 fmt::format("Deployment {} minimum availability.", enough ? "has" : "does not have"), now);
    const bool complete = updated == wanted && replicas == wanted && available == wanted;
    SetCondition(status, "Progressing", true, complete ? "NewReplicaSetAvailable" : "ReplicaSetUpdated",
                 sets.current == nullptr ? "Created new replica set"
                                         : fmt::format("ReplicaSet \"{}\" {}.", ObjectName(*sets.current),
                                                       complete ? "has successfully progressed" : "is progressing"),
                 now);
    for (Json& condition : status["conditions"]) {
      condition.erase("lastProbeTime");
      if (!condition.contains("lastUpdateTime")) condition["lastUpdateTime"] = condition["lastTransitionTime"];
    }
    if (status == At(object, {"status"})) return false;
    object["status"] = std::move(status);
    return true;
  });
}

}  // namespace spillway::sandbox
