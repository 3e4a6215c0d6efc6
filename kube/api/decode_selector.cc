#include "kube/api/decode_common.h"

namespace spillway::kube::internal {
namespace {

LabelRequirement::Operator ToOperator(std::string_view text) {
  using Operator = LabelRequirement::Operator;
  if (text == "In") return Operator::kIn;
  if (text == "NotIn") return Operator::kNotIn;
  if (text == "Exists") return Operator::kExists;
  if (text == "DoesNotExist") return Operator::kDoesNotExist;
  if (text == "Gt") return Operator::kGt;
  if (text == "Lt") return Operator::kLt;
  return Operator::kInvalid;
}

Toleration::Operator ToTolerationOperator(std::string_view text) {
  using Operator = Toleration::Operator;
  if (text.empty() || text == "Equal") return Operator::kEqual;
  if (text == "Exists") return Operator::kExists;
  if (text == "Lt") return Operator::kLt;
  if (text == "Gt") return Operator::kGt;
  return Operator::kInvalid;
}

// nullopt for an effect that no Kubernetes knows.
std::optional<TaintEffect> ToEffect(std::string_view text) {
  if (text.empty()) return TaintEffect::kNone;
  if (text == "NoSchedule") return TaintEffect::kNoSchedule;
  if (text == "PreferNoSchedule") return TaintEffect::kPreferNoSchedule;
  if (text == "NoExecute") return TaintEffect::kNoExecute;
  return std::nullopt;
}

}  // namespace

bool Read(Value& value, Trail& trail, LabelRequirement& out) {
  return EachField(value, trail, [&](std::string_view key, Value& field) {
    if (key == "key") return Read(field, trail, out.key);
    if (key == "values") return Read(field, trail, out.values);
    if (key != "operator") return true;
    std::string_view text;
    if (!ReadText(field, trail, text)) return false;
    out.op = ToOperator(text);
    return true;
  });
}

bool Read(Value& value, Trail& trail, std::optional<LabelSelector>& out) {
  if (IsNull(value)) return true;
  out.emplace();
  return EachField(value, trail, [&](std::string_view key, Value& field) {
    if (key == "matchLabels") return Read(field, trail, out->match_labels);
    if (key == "matchExpressions") return ReadList(field, trail, out->match_expressions);
    return true;
  });
}

bool Read(Value& value, Trail& trail, NodeSelectorTerm& out) {
  return EachField(value, trail, [&](std::string_view key, Value& field) {
    if (key == "matchExpressions") return ReadList(field, trail, out.match_expressions);
    if (key == "matchFields") return ReadList(field, trail, out.match_fields);
    return true;
  });
}

bool Read(Value& value, Trail& trail, NodeSelector& out) {
  return EachField(value, trail, [&](std::string_view key, Value& field) {
    return key != "nodeSelectorTerms" || ReadList(field, trail, out.terms);
  });
}

// A taint of an unknown effect keeps nobody out: no filter looks at it.
bool Read(Value& value, Trail& trail, Taint& out) {
  return EachField(value, trail, [&](std::string_view key, Value& field) {
    if (key == "key") return Read(field, trail, out.key);
    if (key == "value") return Read(field, trail, out.value);
    if (key != "effect") return true;
    std::string_view text;
    if (!ReadText(field, trail, text)) return false;
    out.effect = ToEffect(text).value_or(TaintEffect::kNone);
    return true;
  });
}

// A toleration of an unknown effect equals no taint's effect, so it tolerates nothing: kInvalid.
bool Read(Value& value, Trail& trail, Toleration& out) {
  bool known_effect = true;
  const bool read = EachField(value, trail, [&](std::string_view key, Value& field) {
    if (key == "key") return Read(field, trail, out.key);
    if (key == "value") return Read(field, trail, out.value);
    std::string_view text;
    if (key == "operator") {
      if (!ReadText(field, trail, text)) return false;
      out.op = ToTolerationOperator(text);
    } else if (key == "effect") {
      if (!ReadText(field, trail, text)) return false;
      const auto effect = ToEffect(text);
      known_effect = effect.has_value();
      out.effect = effect.value_or(TaintEffect::kNone);
    }
    return true;
  });
  if (!known_effect) out.op = Toleration::Operator::kInvalid;
  return read;
}

}  // namespace spillway::kube::internal
