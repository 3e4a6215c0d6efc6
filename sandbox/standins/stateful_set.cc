#include "sandbox/standins/stateful_set.h"

#include <fmt/core.h>

#include <charconv>
#include <map>

namespace spillway::sandbox {
namespace {

constexpr const char* kRevisionLabel = "controller-revision-hash";

std::int64_t OrdinalOf(const Json& pod) {
  const std::string name = ObjectName(pod);
  std::int64_t ordinal = -1;
  const std::size_t dash = name.rfind('-');
  std::from_chars(name.data() + (dash == std::string::npos ? 0 : dash + 1), name.data() + name.size(), ordinal);
  return ordinal;
}

}  // namespace

StatefulSetController::StatefulSetController(StandinContext context)
    : context_(context),
      sets_(context.caches.Of("statefulsets.apps")),
      pods_(context.caches.Of("pods")),
      events_(context.store, "statefulset-controller", "statefulset-controller"),
      queue_(context.runtime, context.runtime.random().Fork(), context.delays,
             [this](const std::string& key) { Sync(key); }) {
  sets_.ListenForChanged([this](const std::string& key) { queue_.Add(key); });
  pods_.ListenForOwners("StatefulSet", [this](const std::string& key) { queue_.Add(key); });
}

void StatefulSetController::Sync(const std::string& key) {
  const Json* set = sets_.Find(key);
  if (set == nullptr || IsTerminating(*set)) return;
  const std::string revision = ObjectName(*set) + "-" + SafeHash(At(*set, {"spec", "template"}));
  Step(*set, revision);
  WriteStatus(key, *set, revision);
}

bool StatefulSetController::Step(const Json& set, const std::string& revision) {
  std::map<std::int64_t, const Json*> pods;
  for (const Json* pod : pods_.ControlledBy(UidOf(set))) pods[OrdinalOf(*pod)] = pod;
  const bool parallel = Text(set, {"spec", "podManagementPolicy"}) == "Parallel";
  const std::int64_t start = Number(set, {"spec", "ordinals", "start"});
  const std::int64_t end = start + Number(set, {"spec", "replicas"}, 1);
  bool changed = false;
  for (std::int64_t ordinal = start; ordinal < end; ++ordinal) {
    const auto found = pods.find(ordinal);
    if (found == pods.end()) {
      CreatePod(set, ordinal, revision);
      changed = true;
    } else if (IsPodTerminal(*found->second) && !IsTerminating(*found->second)) {
      DeletePod(set, *found->second);
      changed = true;
    } else if (IsPodReady(*found->second) && !IsTerminating(*found->second)) {
      continue;
    }
    if (!parallel) return true;  // the next ordinal waits until this one is ready
  }
  for (auto pod = pods.rbegin(); pod != pods.rend() && pod->first >= end; ++pod) {
    if (!IsTerminating(*pod->second)) DeletePod(set, *pod->second);
    changed = true;
    if (!parallel) return true;
  }
  if (changed || Text(set, {"spec", "updateStrategy", "type"}) == "OnDelete") return changed;
  const std::int64_t partition = Number(set, {"spec", "updateStrategy", "rollingUpdate", "partition"});
  for (auto pod = pods.rbegin(); pod != pods.rend() && pod->first >= partition; ++pod) {
    if (Text(*pod->second, {"metadata", "labels", kRevisionLabel}) == revision) continue;
    DeletePod(set, *pod->second);
    return true;
  }
  return false;
}

void StatefulSetController::CreatePod(const Json& set, std::int64_t ordinal, const std::string& revision) {
  const std::string name = fmt::format("{}-{}", ObjectName(set), ordinal);
  Json pod = ChildOf(set, "v1", "Pod", At(set, {"spec", "template"}), name);
  Json& labels = pod["metadata"]["labels"];
  labels["statefulset.kubernetes.io/pod-name"] = name;
  labels["apps.kubernetes.io/pod-index"] = fmt::format("{}", ordinal);
  labels[kRevisionLabel] = revision;
  pod["spec"]["hostname"] = name;
  if (const std::string service = Text(set, {"spec", "serviceName"}); !service.empty())
    pod["spec"]["subdomain"] = service;
  const auto created = context_.store.Create("pods", std::move(pod));
  events_.Write(set, created ? "Normal" : "Warning", created ? "SuccessfulCreate" : "FailedCreate", "Create",
                created ? fmt::format("create Pod {} in StatefulSet {} successful", name, ObjectName(set))
                        : fmt::format("create Pod {} in StatefulSet {} failed error: {}", name, ObjectName(set),
                                      created.error().message));
  if (!created) queue_.AddAfter(KeyOf(set), std::chrono::seconds(5));
}

void StatefulSetController::DeletePod(const Json& set, const Json& pod) {
  if (IsTerminating(pod)) return;
  DeleteOptions options;
  options.uid = UidOf(pod);
  if (context_.store.Delete("pods", NamespaceOf(pod), ObjectName(pod), options))
    events_.Write(set, "Normal", "SuccessfulDelete", "Delete",
                  fmt::format("delete Pod {} in StatefulSet {} successful", ObjectName(pod), ObjectName(set)));
}

void StatefulSetController::WriteStatus(const std::string& key, const Json& set, const std::string& revision) {
  std::int64_t replicas = 0, ready = 0, updated = 0;
  for (const Json* pod : pods_.ControlledBy(UidOf(set))) {
    if (!IsPodActive(*pod)) continue;
    ++replicas;
    if (IsPodReady(*pod)) ++ready;
    if (Text(*pod, {"metadata", "labels", kRevisionLabel}) == revision) ++updated;
  }
  const std::int64_t wanted = Number(set, {"spec", "replicas"}, 1);
  const bool complete = updated == wanted && ready == wanted && replicas == wanted;
  const auto [ns, name] = SplitKey(key);
  (void)context_.store.Modify("statefulsets.apps", ns, name, Part::kStatus, [&](Json& object) {
    Json status = At(object, {"status"}).is_object() ? object["status"] : Json::object();
    status["observedGeneration"] = Number(set, {"metadata", "generation"});
    status["collisionCount"] = 0;
    status["replicas"] = replicas;
    status["readyReplicas"] = ready;
    status["availableReplicas"] = ready;
    status["updatedReplicas"] = updated;
    status["updateRevision"] = revision;
    if (complete || !status.contains("currentRevision")) status["currentRevision"] = revision;
    status["currentReplicas"] = complete || status["currentRevision"] == revision ? updated : replicas - updated;
    if (status == At(object, {"status"})) return false;
    object["status"] = std::move(status);
    return true;
  });
}

}  // namespace spillway::sandbox
