#include "kube/api/selector.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "kube/api/labels.h"

namespace spillway::kube {
namespace {

using Operator = LabelRequirement::Operator;

// strconv.ParseInt(text, 10, 64): an optional sign, then digits only.
std::optional<std::int64_t> ParseInt(std::string_view text) {
  if (!text.empty() && text.front() == '+') {
    text.remove_prefix(1);
    if (!text.empty() && text.front() == '-') return std::nullopt;
  }
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// What labels.NewRequirement accepts. Upstream drops a whole term or selector that holds anything else.
bool IsValid(const LabelRequirement& requirement) {
  if (!IsLabelKey(requirement.key)) return false;
  if (!std::all_of(requirement.values.begin(), requirement.values.end(), IsLabelValue)) return false;
  switch (requirement.op) {
    case Operator::kIn:
    case Operator::kNotIn:
      return !requirement.values.empty();
    case Operator::kExists:
    case Operator::kDoesNotExist:
      return requirement.values.empty();
    case Operator::kGt:
    case Operator::kLt:
      return requirement.values.size() == 1 && ParseInt(requirement.values[0]);
    case Operator::kInvalid:
      return false;
  }
  return false;
}

bool HasValue(const LabelRequirement& requirement, const std::string& value) {
  return std::find(requirement.values.begin(), requirement.values.end(), value) != requirement.values.end();
}

bool Compares(const LabelRequirement& requirement, const std::string& label) {
  const auto have = ParseInt(label);
  const auto want = ParseInt(requirement.values[0]);
  if (!have || !want) return false;
  return requirement.op == Operator::kGt ? *have > *want : *have < *want;
}

// Upstream turns matchFields into field selectors: one value each, In or NotIn; an unknown field reads as "".
bool MatchesField(const LabelRequirement& requirement, std::string_view node_name) {
  if (requirement.values.size() != 1) return false;
  const std::string_view have = requirement.key == "metadata.name" ? node_name : std::string_view();
  if (requirement.op == Operator::kIn) return node_name.empty() || have == requirement.values[0];
  if (requirement.op == Operator::kNotIn) return node_name.empty() || have != requirement.values[0];
  return false;
}

}  // namespace

bool Matches(const LabelRequirement& requirement, const StringMap& labels) {
  if (!IsValid(requirement)) return false;
  const std::string* value = Find(labels, requirement.key);
  switch (requirement.op) {
    case Operator::kIn:
      return value && HasValue(requirement, *value);
    case Operator::kNotIn:
      return !value || !HasValue(requirement, *value);
    case Operator::kExists:
      return value != nullptr;
    case Operator::kDoesNotExist:
      return value == nullptr;
    case Operator::kGt:
    case Operator::kLt:
      return value && Compares(requirement, *value);
    case Operator::kInvalid:
      return false;
  }
  return false;
}

bool Matches(const LabelSelector& selector, const StringMap& labels) {
  const auto equal = [&](const auto& want) {
    const std::string* have = Find(labels, want.first);
    return have && *have == want.second;
  };
  const auto holds = [&](const LabelRequirement& requirement) {
    // metav1.LabelSelector knows neither Gt nor Lt.
    if (requirement.op == Operator::kGt || requirement.op == Operator::kLt) return false;
    return Matches(requirement, labels);
  };
  return std::all_of(selector.match_labels.begin(), selector.match_labels.end(), equal) &&
         std::all_of(selector.match_expressions.begin(), selector.match_expressions.end(), holds);
}

bool Matches(const std::optional<LabelSelector>& selector, const StringMap& labels) {
  return selector && Matches(*selector, labels);
}

bool Matches(const NodeSelectorTerm& term, const StringMap& labels, std::string_view node_name) {
  if (term.match_expressions.empty() && term.match_fields.empty()) return false;
  return std::all_of(term.match_expressions.begin(), term.match_expressions.end(),
                     [&](const auto& requirement) { return Matches(requirement, labels); }) &&
         std::all_of(term.match_fields.begin(), term.match_fields.end(),
                     [&](const auto& requirement) { return MatchesField(requirement, node_name); });
}

bool Matches(const NodeSelector& selector, const StringMap& labels, std::string_view node_name) {
  return std::any_of(selector.terms.begin(), selector.terms.end(),
                     [&](const auto& term) { return Matches(term, labels, node_name); });
}

bool Tolerates(const Toleration& toleration, const Taint& taint) {
  if (toleration.effect != TaintEffect::kNone && toleration.effect != taint.effect) return false;
  if (!toleration.key.empty() && toleration.key != taint.key) return false;
  switch (toleration.op) {
    case Toleration::Operator::kEqual:
      return toleration.value == taint.value;
    case Toleration::Operator::kExists:
      return true;
    case Toleration::Operator::kLt:
    case Toleration::Operator::kGt:
    case Toleration::Operator::kInvalid:
      return false;
  }
  return false;
}

bool ToleratesAny(const std::vector<Toleration>& tolerations, const Taint& taint) {
  return std::any_of(tolerations.begin(), tolerations.end(), [&](const auto& t) { return Tolerates(t, taint); });
}

}  // namespace spillway::kube
