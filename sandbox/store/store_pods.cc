#include <fmt/core.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "kube/api/selector.h"
#include "sandbox/store/json_path.h"
#include "sandbox/store/store.h"

namespace spillway::sandbox {
namespace {

const Kind& Pods() {
  static const Kind& pods = *FindKind("pods");
  return pods;
}

ApiError NotBound(const Stored& pod, std::string_view why) {
  ApiError error = Conflict(Pods(), "pods/binding", pod.name, why);
  error.details["kind"] = "pods/binding";
  return error;
}

ApiStatus CheckBinding(const Stored& stored, const Json& pod, const Json& binding) {
  const std::string uid = TextAt(binding, "metadata.uid");
  if (!uid.empty() && uid != stored.uid) {
    return Refuse(PreconditionFailed(Pods(), stored.ns, stored.name, "UID", uid, stored.uid));
  }
  const std::string version = TextAt(binding, "metadata.resourceVersion");
  const std::string current = std::to_string(stored.revision);
  if (!version.empty() && version != current) {
    return Refuse(PreconditionFailed(Pods(), stored.ns, stored.name, "ResourceVersion", version, current));
  }
  if (Find(pod, "metadata.deletionTimestamp")) {
    return Refuse(NotBound(stored, fmt::format("pod {} is being deleted, cannot be assigned to a host", stored.name)));
  }
  if (const std::string node = TextAt(pod, "spec.nodeName"); !node.empty()) {
    return Refuse(NotBound(stored, fmt::format("pod {} is already assigned to node \"{}\"", stored.name, node)));
  }
  if (!ArrayAt(pod, "spec.schedulingGates").empty()) {
    return Refuse(NotBound(stored, fmt::format("pod {} has non-empty .spec.schedulingGates", stored.name)));
  }
  return {};
}

void MergeTexts(Json& pod, const Json& binding, std::string_view path) {
  const Json* given = Find(binding, path);
  if (!given || !given->is_object()) return;
  Json& into = ObjectAt(pod, path);
  for (const auto& [key, value] : given->items()) {
    if (value.is_string()) into[key] = value;
  }
}

bool IsReady(const Json& pod) {
  for (const Json& condition : ArrayAt(pod, "status.conditions")) {
    if (TextAt(condition, "type") == "Ready") return TextAt(condition, "status") == "True";
  }
  return false;
}

kube::LabelSelector SelectorOf(const Json& selector) {
  kube::LabelSelector parsed;
  if (const Json* labels = Find(selector, "matchLabels"); labels && labels->is_object()) {
    for (const auto& [key, value] : labels->items()) {
      if (value.is_string()) parsed.match_labels.emplace_back(key, value.get<std::string>());
    }
  }
  for (const Json& each : ArrayAt(selector, "matchExpressions")) {
    using Operator = kube::LabelRequirement::Operator;
    const std::string op = TextAt(each, "operator");
    kube::LabelRequirement requirement{.key = TextAt(each, "key"),
                                       .op = op == "In"             ? Operator::kIn
                                             : op == "NotIn"        ? Operator::kNotIn
                                             : op == "Exists"       ? Operator::kExists
                                             : op == "DoesNotExist" ? Operator::kDoesNotExist
                                                                    : Operator::kInvalid};
    for (const Json& value : ArrayAt(each, "values")) {
      if (value.is_string()) requirement.values.push_back(value.get<std::string>());
    }
    parsed.match_expressions.push_back(std::move(requirement));
  }
  return parsed;
}

ApiError BudgetSpent(std::string_view cause, int retry_after) {
  ApiError error = TooManyRequests("Cannot evict pod as it would violate the pod's disruption budget.", retry_after);
  error.details["causes"] = Json::array({{{"reason", "DisruptionBudget"}, {"message", cause}}});
  return error;
}

}  // namespace

// Source: pkg/registry/core/pod/storage/storage.go BindingREST, v1.36.
ApiStatus Store::Bind(std::string_view ns, std::string_view name, const Json& binding, WriteOptions options) {
  const std::string target_kind = TextAt(binding, "target.kind");
  if (!target_kind.empty() && target_kind != "Node") {
    return Refuse(BareError(
        fmt::format("target.kind: Unsupported value: \"{}\": supported values: \"Node\", \"<empty>\"", target_kind)));
  }
  const std::string node = TextAt(binding, "target.name");
  if (node.empty()) return Refuse(BareError("target.name: Required value"));
  const StoredPtr stored = etcd_.Get(Pods(), ns, name);
  if (!stored) return Refuse(NotFound(Pods(), name));
  Json pod = Json::parse(stored->json);
  if (auto checked = CheckBinding(*stored, pod, binding); !checked) return checked;
  if (options.dry_run) return {};

  pod["spec"]["nodeName"] = node;
  if (pod["metadata"].contains("generation")) pod["metadata"]["generation"] = IntAt(pod, "metadata.generation", 0) + 1;
  MergeTexts(pod, binding, "metadata.annotations");
  MergeTexts(pod, binding, "metadata.labels");
  Json& status = ObjectAt(pod, "status");
  status.erase("nominatedNodeName");
  Json& conditions = status["conditions"];
  if (!conditions.is_array()) conditions = Json::array();
  std::erase_if(conditions.get_ref<Json::array_t&>(),
                [](const Json& condition) { return TextAt(condition, "type") == "PodScheduled"; });
  conditions.push_back(
      {{"type", "PodScheduled"}, {"status", "True"}, {"lastProbeTime", nullptr}, {"lastTransitionTime", Timestamp()}});
  Put(Pods(), pod);
  return {};
}

// Takes one disruption from the Pod's budget, if it has one.
// Source: pkg/registry/core/pod/storage/eviction.go checkAndDecrement, v1.36.
ApiStatus Store::ChargeBudget(std::string_view ns, const Json& pod, bool dry_run) {
  static const Kind& kind = *FindKind("poddisruptionbudgets");
  const StoredPtr stored = etcd_.Get(Pods(), ns, TextAt(pod, "metadata.name"));
  std::vector<Json> budgets;
  etcd_.ForEach(kind, ns, "", [&](const StoredPtr& each) {
    Json budget = Json::parse(each->json);
    const Json* selector = Find(budget, "spec.selector");
    if (selector && kube::Matches(SelectorOf(*selector), *stored->labels)) budgets.push_back(std::move(budget));
    return true;
  });
  if (budgets.empty()) return {};
  if (budgets.size() > 1) {
    return Refuse(
        BareError("This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."));
  }
  Json& budget = budgets.front();
  const std::string name = TextAt(budget, "metadata.name");
  const std::int64_t healthy = IntAt(budget, "status.currentHealthy", 0);
  const std::int64_t desired = IntAt(budget, "status.desiredHealthy", 0);
  if (!IsReady(pod)) {
    if (TextAt(budget, "spec.unhealthyPodEvictionPolicy") == "AlwaysAllow") return {};
    if (healthy >= desired && desired > 0) return {};
  }
  if (IntAt(budget, "status.observedGeneration", 0) < IntAt(budget, "metadata.generation", 0)) {
    return Refuse(
        BudgetSpent(fmt::format("The disruption budget {} is still being processed by the server.", name), 10));
  }
  const std::int64_t allowed = IntAt(budget, "status.disruptionsAllowed", 0);
  if (allowed <= 0) {
    return Refuse(BudgetSpent(
        fmt::format("The disruption budget {} needs {} healthy pods and has {} currently", name, desired, healthy), 0));
  }
  if (dry_run) return {};
  budget["status"]["disruptionsAllowed"] = allowed - 1;
  ObjectAt(budget, "status.disruptedPods")[TextAt(pod, "metadata.name")] = Timestamp();
  Put(kind, budget);
  return {};
}

ApiStatus Store::Evict(std::string_view ns, std::string_view name, const Json& eviction, WriteOptions options) {
  auto pod = Get("pods", ns, name);
  if (!pod) return Refuse(pod.error());
  const std::string phase = TextAt(*pod, "status.phase");
  const bool counts =
      phase != "Succeeded" && phase != "Failed" && phase != "Pending" && !Find(*pod, "metadata.deletionTimestamp");
  if (counts) {
    if (auto charged = ChargeBudget(ns, *pod, options.dry_run); !charged) return charged;
  }
  DeleteOptions how{.uid = TextAt(eviction, "deleteOptions.preconditions.uid"),
                    .resource_version = TextAt(eviction, "deleteOptions.preconditions.resourceVersion"),
                    .dry_run = options.dry_run};
  if (Find(eviction, "deleteOptions.gracePeriodSeconds")) {
    how.grace_period_seconds = IntAt(eviction, "deleteOptions.gracePeriodSeconds", 0);
  }
  auto deleted = Delete("pods", ns, name, how);
  if (!deleted) return Refuse(deleted.error());
  return {};
}

ApiResult<Json> Store::GetScale(std::string_view resource, std::string_view ns, std::string_view name) const {
  const Kind* kind = FindKind(resource);
  if (!kind || !kind->has_scale) return Refuse(UnknownPath());
  auto object = Get(resource, ns, name);
  if (!object) return object;
  Json scale = {{"apiVersion", "autoscaling/v1"}, {"kind", "Scale"}};
  for (const char* field : {"name", "namespace", "uid", "resourceVersion", "creationTimestamp"}) {
    scale["metadata"][field] = (*object)["metadata"][field];
  }
  scale["spec"]["replicas"] = IntAt(*object, "spec.replicas", 0);
  scale["status"]["replicas"] = IntAt(*object, "status.replicas", 0);
  std::string selector;
  const Json* labels =
      Find(*object, kind->plural == "replicationcontrollers" ? "spec.selector" : "spec.selector.matchLabels");
  if (labels && labels->is_object()) {
    for (const auto& [key, value] : labels->items()) {
      if (value.is_string()) selector += (selector.empty() ? "" : ",") + key + "=" + value.get<std::string>();
    }
  }
  scale["status"]["selector"] = selector;
  return scale;
}

ApiResult<Json> Store::SetScale(std::string_view resource, const Json& scale, WriteOptions options) {
  const Kind* kind = FindKind(resource);
  if (!kind || !kind->has_scale) return Refuse(UnknownPath());
  const std::string ns = TextAt(scale, "metadata.namespace");
  const std::string name = TextAt(scale, "metadata.name");
  const std::int64_t replicas = IntAt(scale, "spec.replicas", 0);
  if (replicas < 0) {
    static const Kind scale_kind{.group = "autoscaling", .version = "v1", .kind = "Scale", .plural = "scales"};
    return Refuse(
        Invalid(scale_kind, name, {FieldInvalid("spec.replicas", replicas, "must be greater than or equal to 0")}));
  }
  auto written = Transform(*kind, ns, name, Part::kObject, options, [&](const Json& current) -> ApiResult<Json> {
    Json next = current;
    next["spec"]["replicas"] = replicas;
    for (const char* field : {"uid", "resourceVersion"}) {
      if (const std::string given = TextAt(scale, std::string("metadata.") + field); !given.empty()) {
        next["metadata"][field] = given;
      }
    }
    return next;
  });
  if (!written) return written;
  return GetScale(resource, ns, name);
}

}  // namespace spillway::sandbox
