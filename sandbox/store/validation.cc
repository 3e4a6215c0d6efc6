#include "sandbox/store/validation.h"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <string>

#include "kube/api/quantity.h"
#include "sandbox/store/json_path.h"
#include "sandbox/store/validation_names.h"
#include "sandbox/store/wire_form.h"

namespace spillway::sandbox {
namespace {

using Errors = std::vector<FieldError>;

// Labels and annotations.
void CheckMaps(const Json& object, Errors& errors) {
  if (const Json* labels = Find(object, "metadata.labels"); labels && labels->is_object()) {
    for (const auto& [key, value] : labels->items()) {
      for (const std::string& why : WhyNoLabelKey(key)) errors.push_back(FieldInvalid("metadata.labels", key, why));
      for (const std::string& why : WhyNoLabelValue(value.is_string() ? value.get<std::string>() : ""))
        errors.push_back(FieldInvalid("metadata.labels", value, why));
    }
  }
  if (const Json* annotations = Find(object, "metadata.annotations"); annotations && annotations->is_object()) {
    for (const auto& [key, value] : annotations->items()) {
      std::string lower = key;
      std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
      for (const std::string& why : WhyNoLabelKey(lower))
        errors.push_back(FieldInvalid("metadata.annotations", key, why));
    }
  }
}

void CheckMetadata(const Kind& kind, const Json& object, Errors& errors) {
  const std::string name = TextAt(object, "metadata.name");
  if (name.empty()) {
    errors.push_back(FieldRequired("metadata.name", "name or generateName is required"));
  } else if (kind.plural == "namespaces" || kind.plural == "services") {
    for (const std::string& why : WhyNoLabel(name)) errors.push_back(FieldInvalid("metadata.name", name, why));
  } else if (kind.group == "rbac.authorization.k8s.io") {
    if (name.find_first_of("/%") != std::string::npos) {
      errors.push_back(FieldInvalid("metadata.name", name, "may not contain '/' or '%'"));
    }
  } else {
    for (const std::string& why : WhyNoSubdomain(name)) errors.push_back(FieldInvalid("metadata.name", name, why));
  }
  CheckMaps(object, errors);
}

// Devices and the like: what is asked for is what there is, no more and no less.
bool IsOvercommitAllowed(const std::string& resource) {
  const bool is_native =
      resource.find('/') == std::string::npos || resource.find("kubernetes.io/") != std::string::npos;
  return is_native && !resource.starts_with("hugepages-");
}

void CheckResources(const Json& container, const std::string& path, Errors& errors) {
  const Json* limits = Find(container, "resources.limits");
  const Json* requests = Find(container, "resources.requests");
  if (!requests || !requests->is_object()) return;
  for (const auto& [name, amount] : requests->items()) {
    const bool has_limit = limits && limits->is_object() && limits->contains(name);
    if (!has_limit && !IsOvercommitAllowed(name)) {
      errors.push_back(FieldRequired(path + ".resources.limits", "Limit must be set for non overcommitable resources"));
    }
    if (!has_limit || !amount.is_string() || !(*limits)[name].is_string()) continue;
    const std::string most = (*limits)[name].get<std::string>();
    const auto asked = *kube::Quantity::Parse(amount.get<std::string>()), limit = *kube::Quantity::Parse(most);
    if (asked != limit && !IsOvercommitAllowed(name)) {
      errors.push_back(FieldInvalid(path + ".resources.requests", amount,
                                    fmt::format("must be equal to {} limit of {}", name, most)));
    } else if (asked > limit) {
      errors.push_back(FieldInvalid(path + ".resources.requests", amount,
                                    fmt::format("must be less than or equal to {} limit of {}", name, most)));
    }
  }
}

void CheckPodSpec(const Json& owner, const std::string& path, Errors& errors) {
  const Json& containers = ArrayAt(owner, path + ".containers");
  if (containers.empty()) errors.push_back(FieldRequired(path + ".containers"));
  for (const char* list : {"initContainers", "containers"}) {
    const Json& each = ArrayAt(owner, path + "." + list);
    for (std::size_t i = 0; i < each.size(); ++i) {
      const std::string at = fmt::format("{}.{}[{}]", path, list, i);
      const std::string name = TextAt(each[i], "name");
      if (name.empty()) {
        errors.push_back(FieldRequired(at + ".name"));
      } else {
        for (const std::string& why : WhyNoLabel(name)) errors.push_back(FieldInvalid(at + ".name", name, why));
      }
      if (TextAt(each[i], "image").empty()) errors.push_back(FieldRequired(at + ".image"));
      CheckResources(each[i], at, errors);
    }
  }
}

bool SelectorPicks(const Json& selector, const Json& labels) {
  const Json* wanted = Find(selector, "matchLabels");
  if (!wanted || !wanted->is_object()) return true;
  for (const auto& [key, value] : wanted->items()) {
    const auto found = labels.find(key);
    if (found == labels.end() || *found != value) return false;
  }
  return true;
}

void CheckWorkload(const Kind& kind, const Json& object, Errors& errors) {
  const Json* selector = Find(object, "spec.selector");
  const Json* labels = Find(object, "spec.template.metadata.labels");
  const Json none = Json::object();
  if (kind.group == "apps") {
    if (!selector) {
      errors.push_back(FieldRequired("spec.selector"));
    }
    if (!selector || !SelectorPicks(*selector, labels ? *labels : none)) {
      errors.push_back(FieldInvalid("spec.template.metadata.labels", labels ? *labels : none,
                                    "`selector` does not match template `labels`"));
    }
    const std::string policy = TextAt(object, "spec.template.spec.restartPolicy");
    if (!policy.empty() && policy != "Always") {
      errors.push_back({"FieldValueNotSupported", "spec.template.spec.restartPolicy",
                        fmt::format("Unsupported value: \"{}\": supported values: \"Always\"", policy)});
    }
  } else {
    const std::string policy = TextAt(object, "spec.template.spec.restartPolicy");
    if (policy.empty() || policy == "Always") {
      errors.push_back(FieldRequired("spec.template.spec.restartPolicy", "valid values: \"OnFailure\", \"Never\""));
    } else if (policy != "OnFailure" && policy != "Never") {
      errors.push_back({"FieldValueNotSupported", "spec.template.spec.restartPolicy",
                        fmt::format("Unsupported value: \"{}\": supported values: \"OnFailure\", \"Never\"", policy)});
    }
  }
  if (const Json* replicas = Find(object, "spec.replicas"); replicas && IntAt(object, "spec.replicas", -1) < 0) {
    errors.push_back(FieldInvalid("spec.replicas", *replicas, "must be greater than or equal to 0"));
  }
  CheckPodSpec(object, "spec.template.spec", errors);
}

bool IsWorkload(const Kind& kind) {
  return (kind.group == "apps" && kind.plural != "controllerrevisions") || kind.plural == "jobs";
}

// What a user may change of a running Pod is copied from `next`, so that whatever still differs is not allowed.
Json WithMutableParts(const Json& old_spec, const Json& next_spec) {
  Json merged = old_spec;
  for (const char* list : {"containers", "initContainers"}) {
    Json* before = Find(merged, list);
    const Json* after = Find(next_spec, list);
    if (!before || !after || before->size() != after->size()) continue;
    for (std::size_t i = 0; i < before->size(); ++i) {
      if ((*after)[i].is_object() && (*after)[i].contains("image")) (*before)[i]["image"] = (*after)[i]["image"];
    }
  }
  for (const char* field :
       {"activeDeadlineSeconds", "terminationGracePeriodSeconds", "tolerations", "schedulingGates"}) {
    if (const Json* value = Find(next_spec, field)) {
      merged[field] = *value;
    } else {
      merged.erase(field);
    }
  }
  // A gated Pod may still be narrowed down.
  if (!ArrayAt(old_spec, "schedulingGates").empty()) {
    for (const char* field : {"nodeSelector", "affinity"}) {
      if (const Json* value = Find(next_spec, field)) merged[field] = *value;
    }
  }
  return merged;
}

void CheckTolerations(const Json& old_spec, const Json& next_spec, Errors& errors) {
  const Json& next = ArrayAt(next_spec, "tolerations");
  for (Json before : ArrayAt(old_spec, "tolerations")) {
    if (before.is_object()) before.erase("tolerationSeconds");
    const bool kept = std::any_of(next.begin(), next.end(), [&](Json after) {
      if (after.is_object()) after.erase("tolerationSeconds");
      return after == before;
    });
    if (!kept) {
      errors.push_back(
          FieldForbidden("spec.tolerations", "existing toleration can not be modified except its tolerationSeconds"));
      return;
    }
  }
}

void CheckPodUpdate(const Json& old, const Json& next, Errors& errors) {
  const Json* before = Find(old, "spec");
  const Json* after = Find(next, "spec");
  if (!before || !after) return;
  CheckTolerations(*before, *after, errors);
  const Json& gates = ArrayAt(*before, "schedulingGates");
  for (const Json& gate : ArrayAt(*after, "schedulingGates")) {
    if (std::find(gates.begin(), gates.end(), gate) == gates.end()) {
      errors.push_back(FieldForbidden("spec.schedulingGates", "only deletion is allowed"));
      break;
    }
  }
  if (WithMutableParts(*before, *after) != *after) {
    errors.push_back(FieldForbidden(
        "spec",
        "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
        "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
        "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"));
  }
}

ApiError Unreadable(const Kind& kind, std::string_view why) {
  return BadRequest(
      fmt::format("{} in version \"{}\" cannot be handled as a {}: {}", kind.kind, kind.version, kind.kind, why));
}

bool IsTextMap(const Json* map) {
  return !map ||
         (map->is_object() && std::all_of(map->begin(), map->end(), [](const Json& v) { return v.is_string(); }));
}

void CheckLease(const Json& lease, Errors& errors) {
  const Json* seconds = Find(lease, "spec.leaseDurationSeconds");
  if (seconds && IntAt(lease, "spec.leaseDurationSeconds", 0) <= 0) {
    errors.push_back(FieldInvalid("spec.leaseDurationSeconds", *seconds, "must be greater than 0"));
  }
  const Json* transitions = Find(lease, "spec.leaseTransitions");
  if (transitions && IntAt(lease, "spec.leaseTransitions", 0) < 0) {
    errors.push_back(FieldInvalid("spec.leaseTransitions", *transitions, "must be greater than or equal to 0"));
  }
}

}  // namespace

Errors ValidateMetadataUpdate(const Json& old, const Json& next) {
  Errors errors;
  const std::string uid = TextAt(next, "metadata.uid");
  if (!uid.empty() && uid != TextAt(old, "metadata.uid")) {
    errors.push_back(FieldInvalid("metadata.uid", uid, "field is immutable"));
  }
  CheckMaps(next, errors);
  return errors;
}

Errors ValidateCreate(const Kind& kind, const Json& object) {
  Errors errors;
  CheckMetadata(kind, object, errors);
  if (kind.plural == "pods") CheckPodSpec(object, "spec", errors);
  if (kind.plural == "nodes") CheckNode(object, errors);
  if (kind.plural == "leases") CheckLease(object, errors);
  if (kind.plural == "events") {
    for (FieldError& error : ValidateEvent(object, EventApi::kCore)) errors.push_back(std::move(error));
  }
  if (IsWorkload(kind)) CheckWorkload(kind, object, errors);
  return errors;
}

Errors ValidateUpdate(const Kind& kind, const Json& old, const Json& next) {
  Errors errors;
  if (kind.plural == "pods") CheckPodUpdate(old, next, errors);
  if (kind.plural == "nodes") CheckNode(next, errors);
  if (kind.plural == "leases") CheckLease(next, errors);
  if (kind.plural == "events") {
    for (FieldError& error : ValidateEvent(next, EventApi::kCore)) errors.push_back(std::move(error));
  }
  if (IsWorkload(kind)) {
    CheckWorkload(kind, next, errors);
    const Json* before = Find(old, "spec.selector");
    const Json* after = Find(next, "spec.selector");
    if (before && after && *before != *after) {
      errors.push_back(FieldInvalid("spec.selector", *after, "field is immutable"));
    }
  }
  return errors;
}

namespace {

ApiStatus CheckQuantities(const Kind& kind, const Json* amounts) {
  if (!amounts) return {};
  if (!amounts->is_object()) return Refuse(Unreadable(kind, "a ResourceList must be an object"));
  for (const auto& [name, amount] : amounts->items()) {
    const bool is_number = amount.is_number();
    if (!is_number && (!amount.is_string() || !kube::Quantity::Parse(amount.get<std::string>()))) {
      return Refuse(Unreadable(kind,
                               "quantities must match the regular expression "
                               "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"));
    }
  }
  return {};
}

ApiStatus CheckContainerShapes(const Kind& kind, const Json& spec) {
  for (const char* list : {"initContainers", "containers", "volumes", "tolerations", "schedulingGates"}) {
    const Json* found = Find(spec, list);
    if (!found) continue;
    const auto is_object = [](const Json& each) { return each.is_object(); };
    if (!found->is_array() || !std::all_of(found->begin(), found->end(), is_object)) {
      return Refuse(Unreadable(kind, fmt::format("{} must be an array of objects", list)));
    }
  }
  for (const char* list : {"initContainers", "containers"}) {
    for (const Json& container : ArrayAt(spec, list)) {
      for (const char* part : {"resources.requests", "resources.limits"}) {
        if (auto checked = CheckQuantities(kind, Find(container, part)); !checked) return checked;
      }
    }
  }
  return {};
}

}  // namespace

ApiStatus ValidateShape(const Kind& kind, const Json& object) {
  if (!object.is_object())
    return Refuse(Unreadable(kind, "json: cannot unmarshal into Go value of type " + std::string(kind.kind)));
  for (const char* part : {"metadata", "spec", "status"}) {
    const Json* found = Find(object, part);
    if (found && !found->is_object()) return Refuse(Unreadable(kind, fmt::format("{} must be an object", part)));
  }
  for (const char* part : {"metadata.labels", "metadata.annotations"}) {
    if (!IsTextMap(Find(object, part))) {
      return Refuse(Unreadable(kind, fmt::format("{} must map strings to strings", part)));
    }
  }
  for (const char* part : {"metadata.ownerReferences", "metadata.finalizers"}) {
    const Json* found = Find(object, part);
    if (found && !found->is_array()) return Refuse(Unreadable(kind, fmt::format("{} must be an array", part)));
  }
  if (kind.plural == "nodes") {
    for (const char* part : {"status.capacity", "status.allocatable"}) {
      if (auto checked = CheckQuantities(kind, Find(object, part)); !checked) return checked;
    }
  }
  if (kind.plural == "pods") {
    if (const Json* spec = Find(object, "spec")) return CheckContainerShapes(kind, *spec);
  }
  if (const Json* spec = Find(object, "spec.template.spec")) {
    if (!spec->is_object()) return Refuse(Unreadable(kind, "spec.template.spec must be an object"));
    return CheckContainerShapes(kind, *spec);
  }
  return {};
}

ApiStatus Decode(const Kind& kind, Json& object) {
  if (auto shape = ValidateShape(kind, object); !shape) return shape;
  if (const auto why = ToWireForm(kind, object)) return Refuse(Unreadable(kind, *why));
  return {};
}

}  // namespace spillway::sandbox
