#include "sandbox/store/selectors.h"

#include <fmt/core.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "kube/api/selector.h"
#include "sandbox/store/json_path.h"

namespace spillway::sandbox {
namespace {

struct RawTerm {
  std::string key, value;
  bool equal = true;
};

// Cuts at commas; a backslash escapes ',', '=' and itself.
std::optional<std::vector<RawTerm>> SplitTerms(std::string_view text) {
  std::vector<RawTerm> terms;
  std::size_t at = 0;
  while (at < text.size()) {
    RawTerm term;
    while (at < text.size() && text[at] != '=' && text[at] != '!' && text[at] != ',') term.key += text[at++];
    if (term.key.empty() && at < text.size() && text[at] == ',') {
      ++at;
      continue;
    }
    const std::string_view rest = text.substr(at);
    if (rest.starts_with("!=")) {
      term.equal = false;
      at += 2;
    } else if (rest.starts_with("==")) {
      at += 2;
    } else if (rest.starts_with("=")) {
      at += 1;
    } else {
      return std::nullopt;
    }
    while (at < text.size() && text[at] != ',') {
      if (text[at] == '\\' && ++at >= text.size()) return std::nullopt;
      term.value += text[at++];
    }
    ++at;
    terms.push_back(std::move(term));
  }
  return terms;
}

std::string CoreName(const std::string& field) {
  if (field.starts_with("regarding.")) return "involvedObject." + field.substr(10);
  if (field == "reportingController") return "reportingComponent";
  return field;
}

}  // namespace

ApiResult<Selector> Selector::Parse(const Kind& kind, std::string_view labels, std::string_view fields) {
  Selector selector;
  if (!labels.empty()) {
    auto parsed = kube::ParseSelector(labels);
    if (!parsed) return Refuse(BadRequest(parsed.error().message));
    selector.has_labels_ = true;
    selector.labels_ = std::move(*parsed);
  }
  const auto raw = SplitTerms(fields);
  if (!raw) return Refuse(BadRequest(fmt::format("invalid selector: '{}'; can't understand '{}'", fields, fields)));
  const std::vector<std::string_view>& known = StorageOf(kind).fields;
  for (const RawTerm& each : *raw) {
    Term term{.equal = each.equal, .value = each.value};
    const std::string key = CoreName(each.key);
    const auto field = std::find(known.begin(), known.end(), key);
    if (key == "metadata.name") {
      term.subject = Term::Subject::kName;
      if (each.equal) selector.name_ = each.value;
    } else if (key == "metadata.namespace" && kind.namespaced) {
      term.subject = Term::Subject::kNamespace;
    } else if (field != known.end()) {
      term.field = static_cast<std::size_t>(field - known.begin());
    } else {
      return Refuse(BadRequest("field label not supported: " + each.key));
    }
    selector.terms_.push_back(std::move(term));
  }
  return selector;
}

bool Selector::Matches(const Stored& object) const {
  for (const Term& term : terms_) {
    const std::string& value = term.subject == Term::Subject::kName        ? object.name
                               : term.subject == Term::Subject::kNamespace ? object.ns
                                                                           : object.fields[term.field];
    if ((value == term.value) != term.equal) return false;
  }
  return !has_labels_ || kube::Matches(labels_, *object.labels);
}

std::vector<std::string> FieldsOf(const Kind& kind, const Json& object) {
  std::vector<std::string> values;
  values.reserve(kind.fields.size());
  for (const std::string_view field : kind.fields) {
    if (field == "spec.unschedulable" || field == "spec.hostNetwork") {
      values.emplace_back(IsTrueAt(object, field) ? "true" : "false");
    } else if (field == "source") {
      std::string component = TextAt(object, "source.component");
      values.push_back(component.empty() ? TextAt(object, "reportingComponent") : std::move(component));
    } else if (field == "status.successful") {
      values.push_back(std::to_string(IntAt(object, "status.succeeded", 0)));
    } else if (field == "status.replicas") {
      values.push_back(std::to_string(IntAt(object, field, 0)));
    } else {
      values.push_back(TextAt(object, field));
    }
  }
  return values;
}

}  // namespace spillway::sandbox
