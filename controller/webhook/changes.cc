#include "controller/webhook/changes.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "controller/policy/local_replicas.h"
#include "controller/policy/pod_annotations.h"
#include "controller/policy/switches.h"
#include "kube/json.h"

namespace spillway::webhook {
namespace {

using kube::At;

constexpr const char* kRequired = "requiredDuringSchedulingIgnoredDuringExecution";

// The Pod's own switch is against it; what its namespace and the cluster say is the controller's to ask.
bool IsOptedOut(const kube::Pod& pod) {
  return !controller::AskSwitches(pod, controller::NamespaceSwitches(), std::nullopt, controller::Policy()).may;
}

void Annotate(const NewPod& pod, std::string_view key, const std::string& value, Changes& changes) {
  const Json& annotations = At(pod.json, "metadata", "annotations");
  if (annotations.is_object() && annotations.contains(std::string(key))) return;
  const bool is_first =
      !annotations.is_object() &&
      std::none_of(changes.patch.operations().begin(), changes.patch.operations().end(),
                   [](const Json& operation) { return operation["path"] == "/metadata/annotations"; });
  if (is_first) changes.patch.Set("/metadata/annotations", Json::object());
  changes.patch.Set(PointerTo({"metadata", "annotations", key}), value);
}

// ---- tolerations

bool Tolerates(const kube::Pod& pod, const std::string& taint) {
  return std::any_of(pod.tolerations.begin(), pod.tolerations.end(), [&](const kube::Toleration& toleration) {
    using Operator = kube::Toleration::Operator;
    const bool fits = toleration.key.empty() || toleration.key == taint;
    const bool is_for_it =
        toleration.effect == kube::TaintEffect::kNone || toleration.effect == kube::TaintEffect::kNoSchedule;
    return fits && toleration.op == Operator::kExists && is_for_it;
  });
}

void Tolerate(const NewPod& pod, const AdmissionRules& rules, Changes& changes) {
  const Json& tolerations = At(pod.json, "spec", "tolerations");
  bool is_list = tolerations.is_array();
  for (const std::string& taint : rules.overflow_taints) {
    if (Tolerates(pod.pod, taint)) continue;
    changes.patch.Append("/spec/tolerations", is_list ? Json::array() : Json(),
                         {{"key", taint}, {"operator", "Exists"}, {"effect", "NoSchedule"}});
    is_list = true;
  }
}

// ---- affinity

const char* NameOf(kube::LabelRequirement::Operator op) {
  using Operator = kube::LabelRequirement::Operator;
  switch (op) {
    case Operator::kIn:
      return "In";
    case Operator::kNotIn:
      return "NotIn";
    case Operator::kExists:
      return "Exists";
    case Operator::kDoesNotExist:
      return "DoesNotExist";
    case Operator::kGt:
      return "Gt";
    case Operator::kLt:
      return "Lt";
    case Operator::kInvalid:
      break;
  }
  return "In";  // a selector with such a requirement matches nothing, and so does no value
}

std::vector<Json> RequirementsOf(const kube::LabelSelector& selector) {
  std::vector<Json> requirements;
  for (const auto& [key, value] : selector.match_labels) {
    requirements.push_back({{"key", key}, {"operator", "In"}, {"values", Json::array({value})}});
  }
  for (const kube::LabelRequirement& each : selector.match_expressions) {
    Json requirement = {{"key", each.key}, {"operator", NameOf(each.op)}};
    if (!each.values.empty()) requirement["values"] = each.values;
    requirements.push_back(std::move(requirement));
  }
  return requirements;
}

bool Has(const Json& list, const Json& item) {
  return list.is_array() && std::find(list.begin(), list.end(), item) != list.end();
}

// Terms are alternatives, so each of them gets what is required; one without any requirement matches nothing, and would
// match all virtual nodes then.
void RequireInTerms(const Json& terms, const std::vector<Json>& requirements, JsonPatch& patch) {
  for (std::size_t i = 0; i < terms.size(); ++i) {
    const Json& expressions = At(terms[i], "matchExpressions");
    const Json& fields = At(terms[i], "matchFields");
    const bool matches_nothing = kube::Items(expressions).empty() && kube::Items(fields).empty();
    if (matches_nothing) continue;
    const std::string pointer =
        fmt::format("/spec/affinity/nodeAffinity/{}/nodeSelectorTerms/{}/matchExpressions", kRequired, i);
    bool is_list = expressions.is_array();
    for (const Json& requirement : requirements) {
      if (Has(expressions, requirement)) continue;
      patch.Append(pointer, is_list ? Json::array() : Json(), requirement);
      is_list = true;
    }
  }
}

void RequireVirtualNodes(const NewPod& pod, const AdmissionRules& rules, JsonPatch& patch) {
  const std::vector<Json> requirements = RequirementsOf(rules.virtual_nodes);
  if (requirements.empty()) return;
  const Json& affinity = At(pod.json, "spec", "affinity");
  const Json& node_affinity = At(affinity, "nodeAffinity");
  const Json& terms = At(node_affinity, kRequired, "nodeSelectorTerms");
  if (terms.is_array() && !terms.empty()) return RequireInTerms(terms, requirements, patch);
  const Json required = {{"nodeSelectorTerms", Json::array({{{"matchExpressions", requirements}}})}};
  if (!affinity.is_object()) {
    patch.Set("/spec/affinity", {{"nodeAffinity", {{kRequired, required}}}});
  } else if (!node_affinity.is_object()) {
    patch.Set("/spec/affinity/nodeAffinity", {{kRequired, required}});
  } else if (!At(node_affinity, kRequired).is_object()) {
    patch.Set(PointerTo({"spec", "affinity", "nodeAffinity", kRequired}), required);
  }  // an empty list of terms is for kube-apiserver to refuse
}

// A label that virtual nodes have, of which the Pod asks for another value.
const std::pair<std::string, std::string>* AgainstItsSelector(const kube::Pod& pod, const AdmissionRules& rules) {
  for (const auto& label : rules.virtual_nodes.match_labels) {
    const std::string* wanted = kube::Find(pod.node_selector, label.first);
    if (wanted != nullptr && *wanted != label.second) return &label;
  }
  return nullptr;
}

}  // namespace

const char* WhyLeftAlone(const kube::Pod& pod) {
  if (pod.metadata.IsOwnedBy("DaemonSet")) return "it belongs to a DaemonSet, and so to one node";
  if (kube::Find(pod.metadata.annotations, "kubernetes.io/config.mirror") != nullptr) return "it mirrors a static Pod";
  return pod.is_bound() ? "it has a node" : nullptr;
}

void SendToVirtualNodes(const NewPod& pod, const AdmissionRules& rules, Changes& changes) {
  const auto stays = [&](std::string_view why) {
    changes.warnings.push_back(fmt::format("not sent to virtual nodes: {}", why));
  };
  if (IsOptedOut(pod.pod)) return stays("the Pod itself says that it is not to overflow");
  if (const auto why = controller::WhyRestricted(pod.pod, {}, rules.restrictions)) return stays(*why);
  if (const auto* label = AgainstItsSelector(pod.pod, rules)) {
    return stays(fmt::format("its nodeSelector wants {}={}, and virtual nodes have {}", label->first,
                             *kube::Find(pod.pod.node_selector, label->first), label->second));
  }
  RequireVirtualNodes(pod, rules, changes.patch);
  Tolerate(pod, rules, changes);
  if (!rules.pod_deletion_cost.empty()) Annotate(pod, controller::kDeletionCost, rules.pod_deletion_cost, changes);
  Annotate(pod, kInjected, "true", changes);
}

void AdoptScheduler(const NewPod& pod, const AdmissionRules& rules, Changes& changes) {
  const auto& adopted = rules.adopted_schedulers;
  if (std::find(adopted.begin(), adopted.end(), pod.pod.scheduler_name) == adopted.end()) return;
  changes.patch.Set("/spec/schedulerName", "default-scheduler");
}

// Without anybody to lift gates none is set. Nor on Pods that other schedulers place, that were sent to virtual nodes
// already, or that may not overflow anyway.
void GateLocalReplicas(const NewPod& pod, const AdmissionRules& rules, Changes& changes) {
  if (!rules.gates || IsOptedOut(pod.pod) || !controller::AskLocalReplicas(pod.pod).keep) return;
  if (kube::Find(pod.pod.metadata.annotations, kInjected) != nullptr) return;
  const std::string& scheduler = pod.pod.scheduler_name;
  const auto& adopted = rules.adopted_schedulers;
  const bool is_ours = scheduler.empty() || scheduler == "default-scheduler" ||
                       std::find(adopted.begin(), adopted.end(), scheduler) != adopted.end();
  if (!is_ours || controller::WhyRestricted(pod.pod, {}, rules.restrictions)) return;
  const Json& gates = At(pod.json, "spec", "schedulingGates");
  if (!kube::Named(gates, kLocalReplicasGate).is_null()) return;
  changes.patch.Append("/spec/schedulingGates", gates, {{"name", kLocalReplicasGate}});
}

}  // namespace spillway::webhook
