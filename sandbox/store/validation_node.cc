#include <fmt/core.h>

#include <set>
#include <string>
#include <utility>

#include "kube/api/quantity.h"
#include "sandbox/store/json_path.h"
#include "sandbox/store/validation.h"
#include "sandbox/store/validation_names.h"

// Source: pkg/apis/core/validation/validation.go ValidateNode and ValidateNodeUpdate, v1.36.

namespace spillway::sandbox {
namespace {

using Errors = std::vector<FieldError>;

void CheckTaints(const Json& node, Errors& errors) {
  static const std::set<std::string> effects = {"NoSchedule", "PreferNoSchedule", "NoExecute"};
  std::set<std::pair<std::string, std::string>> seen;
  const Json& taints = ArrayAt(node, "spec.taints");
  for (std::size_t i = 0; i < taints.size(); ++i) {
    const std::string at = fmt::format("metadata.taints[{}]", i);  // upstream's own slip
    const std::string key = TextAt(taints[i], "key"), value = TextAt(taints[i], "value");
    const std::string effect = TextAt(taints[i], "effect");
    for (const std::string& why : WhyNoLabelKey(key)) errors.push_back(FieldInvalid(at + ".key", key, why));
    for (const std::string& why : WhyNoLabelValue(value)) errors.push_back(FieldInvalid(at + ".value", value, why));
    if (effect.empty()) {
      errors.push_back(FieldRequired(at + ".effect"));
    } else if (!effects.contains(effect)) {
      errors.push_back({"FieldValueNotSupported", at + ".effect",
                        fmt::format("Unsupported value: \"{}\": supported values: \"NoSchedule\", "
                                    "\"PreferNoSchedule\", \"NoExecute\"",
                                    effect)});
    }
    if (!seen.emplace(key, effect).second) {
      errors.push_back({"FieldValueDuplicate", at,
                        fmt::format("Duplicate value: {{\"Key\":{},\"Value\":{},\"Effect\":{},\"TimeAdded\":null}}: "
                                    "taints must be unique by key and effect pair",
                                    Json(key).dump(), Json(value).dump(), Json(effect).dump())});
    }
  }
}

// Resources that are counted, not measured.
bool IsWhole(const std::string& resource) {
  static const std::set<std::string> known = {"pods", "services", "replicationcontrollers", "resourcequotas"};
  const std::size_t slash = resource.find('/');
  const bool is_extended = slash != std::string::npos && resource.find("kubernetes.io/") == std::string::npos;
  return known.contains(resource) || is_extended;
}

void CheckAmounts(const Json& node, const std::string& list, Errors& errors) {
  const Json* amounts = Find(node, list);
  if (!amounts || !amounts->is_object()) return;
  for (const auto& [name, amount] : amounts->items()) {
    const std::string text = amount.is_string() ? amount.get<std::string>() : amount.dump();
    const auto quantity = kube::Quantity::Parse(text);
    if (!quantity) continue;
    if (*quantity < kube::Quantity()) {
      errors.push_back(FieldInvalid(list + "." + name, text, "must be greater than or equal to 0"));
    }
    if (IsWhole(name) && quantity->MilliValue() % 1000 != 0) {
      errors.push_back(FieldInvalid(list + "." + name, text, "must be an integer"));
    }
  }
}

void CheckNodeAddresses(const Json& node, Errors& errors) {
  std::set<std::string> seen;
  const Json& addresses = ArrayAt(node, "status.addresses");
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const std::string shown = fmt::format("{{\"Type\":{},\"Address\":{}}}", Json(TextAt(addresses[i], "type")).dump(),
                                          Json(TextAt(addresses[i], "address")).dump());
    if (seen.insert(shown).second) continue;
    errors.push_back(
        {"FieldValueDuplicate", fmt::format("status.addresses[{}]", i), fmt::format("Duplicate value: {}", shown)});
  }
}

void CheckFeatures(const Json& node, Errors& errors) {
  const Json& features = ArrayAt(node, "status.declaredFeatures");
  for (std::size_t i = 1; i < features.size(); ++i) {
    const std::string at = fmt::format("status.declaredFeatures[{}]", i);
    if (features[i] == features[i - 1]) {
      errors.push_back({"FieldValueDuplicate", at, fmt::format("Duplicate value: {}", features[i].dump())});
    } else if (features[i] < features[i - 1]) {
      errors.push_back(FieldInvalid(at, features[i], "list must be sorted alphabetically"));
    }
  }
}

}  // namespace

void CheckNode(const Json& node, Errors& errors) {
  CheckTaints(node, errors);
  CheckAmounts(node, "status.capacity", errors);
  CheckAmounts(node, "status.allocatable", errors);
  CheckFeatures(node, errors);
  CheckNodeAddresses(node, errors);
}

}  // namespace spillway::sandbox
