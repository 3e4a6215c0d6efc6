#include "scheduler_sim/wording.h"

#include <fmt/core.h>
#include <fmt/format.h>

#include <array>

namespace spillway::sim {
namespace {

bool IsBytes(std::string_view resource) {
  return resource == "memory" || resource == "ephemeral-storage" || resource.starts_with("hugepages-");
}

// `rounding`: what is added, in tenths of the unit, before all but one decimal is cut off.
std::string BytesText(std::int64_t amount, double rounding) {
  struct Unit {
    const char* suffix;
    int bits;
  };
  static constexpr std::array<Unit, 6> kUnits = {
      {{"Ei", 60}, {"Pi", 50}, {"Ti", 40}, {"Gi", 30}, {"Mi", 20}, {"Ki", 10}}};
  if (amount < 0) return amount == INT64_MIN ? "-8Ei" : "-" + BytesText(-amount, rounding);
  for (const Unit& unit : kUnits) {
    const std::int64_t size = std::int64_t{1} << unit.bits;
    if (amount < size) continue;
    const std::int64_t whole = amount / size, rest = amount % size;
    if (rest == 0) return fmt::format("{}{}", whole, unit.suffix);
    if (amount % (size >> 10) == 0 && amount / (size >> 10) < 10 * 1024) continue;  // exact in the next smaller unit
    const double share = static_cast<double>(rest) / static_cast<double>(size);
    const auto tenths = static_cast<std::int64_t>(share * 10 + rounding);
    return fmt::format("{}.{}{}", whole + tenths / 10, tenths % 10, unit.suffix);
  }
  return fmt::format("{}", amount);
}

std::string Text(std::string_view resource, std::int64_t amount, double rounding) {
  if (resource == "cpu") return amount % 1000 == 0 ? fmt::format("{}", amount / 1000) : fmt::format("{}m", amount);
  return IsBytes(resource) ? BytesText(amount, rounding) : fmt::format("{}", amount);
}

std::string_view EffectText(kube::TaintEffect effect) {
  switch (effect) {
    case kube::TaintEffect::kNoSchedule:
      return "NoSchedule";
    case kube::TaintEffect::kPreferNoSchedule:
      return "PreferNoSchedule";
    case kube::TaintEffect::kNoExecute:
      return "NoExecute";
    case kube::TaintEffect::kNone:
      return "";
  }
  return "";
}

}  // namespace

std::string AmountText(std::string_view resource, std::int64_t amount) { return Text(resource, amount, 0.5); }
std::string AtLeastText(std::string_view resource, std::int64_t amount) { return Text(resource, amount, 0.999); }

std::string TaintText(const kube::Taint& taint) {
  return fmt::format("{}{}{}:{}", taint.key, taint.value.empty() ? "" : "=", taint.value, EffectText(taint.effect));
}

std::string RequirementText(const kube::LabelRequirement& wanted) {
  using Operator = kube::LabelRequirement::Operator;
  const std::string values = fmt::format("{}", fmt::join(wanted.values, ","));
  switch (wanted.op) {
    case Operator::kIn:
      return wanted.values.size() == 1 ? fmt::format("{}={}", wanted.key, values)
                                       : fmt::format("{} in ({})", wanted.key, values);
    case Operator::kNotIn:
      return fmt::format("{} not in ({})", wanted.key, values);
    case Operator::kExists:
      return wanted.key;
    case Operator::kDoesNotExist:
      return "!" + wanted.key;
    case Operator::kGt:
      return fmt::format("{} > {}", wanted.key, values);
    case Operator::kLt:
      return fmt::format("{} < {}", wanted.key, values);
    case Operator::kInvalid:
      return fmt::format("{} (an unknown operator)", wanted.key);
  }
  return wanted.key;
}

std::string SelectorText(const kube::LabelSelector& selector) {
  std::string text;
  for (const auto& [key, value] : selector.match_labels) {
    text += fmt::format("{}{}={}", text.empty() ? "" : ",", key, value);
  }
  for (const kube::LabelRequirement& wanted : selector.match_expressions) {
    text += (text.empty() ? "" : ",") + RequirementText(wanted);
  }
  return text.empty() ? "any Pod" : text;
}

std::string TermText(const PodTerm& term) {
  std::string text = term.selector ? SelectorText(*term.selector) : "no Pod (it has no selector)";
  if (!term.namespaces.empty()) {
    text += fmt::format(" in namespace {}", fmt::join(term.namespaces, ","));
  }
  if (term.namespace_selector) {
    const bool all =
        term.namespace_selector->match_labels.empty() && term.namespace_selector->match_expressions.empty();
    text += all ? std::string(" in any namespace")
                : fmt::format("{} in namespaces with {}", term.namespaces.empty() ? "" : " and",
                              SelectorText(*term.namespace_selector));
  }
  return text;
}

std::string PodsText(std::int64_t count) { return fmt::format("{} Pod{}", count, count == 1 ? "" : "s"); }

}  // namespace spillway::sim
