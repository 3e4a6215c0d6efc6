#include "sandbox/store/validation.h"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <string>

#include "kube/api/quantity.h"
#include "sandbox/store/json_path.h"

namespace spillway::sandbox {
namespace {

using Errors = std::vector<FieldError>;

constexpr std::string_view kSubdomainRule =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end "
    "with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
constexpr std::string_view kLabelRule =
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    "an "
    "alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')";

bool IsLowerAlnum(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

bool IsLabel(std::string_view text) {
  return !text.empty() && text.size() <= 63 && IsLowerAlnum(text.front()) && IsLowerAlnum(text.back()) &&
         std::all_of(text.begin(), text.end(), [](char c) { return IsLowerAlnum(c) || c == '-'; });
}

bool IsSubdomain(std::string_view text) {
  if (text.empty() || text.size() > 253) return false;
  while (true) {
    const std::size_t dot = text.find('.');
    const std::string_view part = text.substr(0, dot);
    if (part.empty() || !IsLowerAlnum(part.front()) || !IsLowerAlnum(part.back()) ||
        !std::all_of(part.begin(), part.end(), [](char c) { return IsLowerAlnum(c) || c == '-'; })) {
      return false;
    }
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

void CheckMetadata(const Kind& kind, const Json& object, Errors& errors) {
  const std::string name = TextAt(object, "metadata.name");
  if (name.empty()) {
    errors.push_back(FieldRequired("metadata.name", "name or generateName is required"));
  } else if (kind.plural == "namespaces" || kind.plural == "services") {
    if (!IsLabel(name)) errors.push_back(FieldInvalid("metadata.name", name, kLabelRule));
  } else if (kind.group == "rbac.authorization.k8s.io") {
    if (name.find_first_of("/%") != std::string::npos) {
      errors.push_back(FieldInvalid("metadata.name", name, "may not contain '/' or '%'"));
    }
  } else if (!IsSubdomain(name)) {
    errors.push_back(FieldInvalid("metadata.name", name, kSubdomainRule));
  }
}

void CheckResources(const Json& container, const std::string& path, Errors& errors) {
  const Json* limits = Find(container, "resources.limits");
  const Json* requests = Find(container, "resources.requests");
  if (!limits || !requests || !limits->is_object() || !requests->is_object()) return;
  for (const auto& [name, amount] : requests->items()) {
    const auto limit = limits->find(name);
    if (limit == limits->end() || !amount.is_string() || !limit->is_string()) continue;
    if (*kube::Quantity::Parse(amount.get<std::string>()) > *kube::Quantity::Parse(limit->get<std::string>())) {
      errors.push_back(
          FieldInvalid(path + ".resources.requests", amount,
                       fmt::format("must be less than or equal to {} limit of {}", name, limit->get<std::string>())));
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
      } else if (!IsLabel(name)) {
        errors.push_back(FieldInvalid(at + ".name", name, kLabelRule));
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

}  // namespace

Errors ValidateCreate(const Kind& kind, const Json& object) {
  Errors errors;
  CheckMetadata(kind, object, errors);
  if (kind.plural == "pods") CheckPodSpec(object, "spec", errors);
  if (kind.plural == "events") {
    for (FieldError& error : ValidateEvent(object)) errors.push_back(std::move(error));
  }
  if (IsWorkload(kind)) CheckWorkload(kind, object, errors);
  return errors;
}

Errors ValidateUpdate(const Kind& kind, const Json& old, const Json& next) {
  Errors errors;
  if (kind.plural == "pods") CheckPodUpdate(old, next, errors);
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

}  // namespace spillway::sandbox
