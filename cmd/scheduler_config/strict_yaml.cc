#include "cmd/scheduler_config/strict_yaml.h"

#include <fmt/core.h>

#include <charconv>

#include "cmd/flags/flags.h"

namespace spillway::cmd {
namespace {

enum class Scalar { kNull, kText, kInt, kFloat, kBool };

// As YAML 1.1 has it, like sigs.k8s.io/yaml: a plain "yes" is a boolean.
Scalar TypeOf(const YAML::Node& node) {
  if (node.IsNull()) return Scalar::kNull;
  if (!node.IsScalar() || node.Tag() == "!" || node.Tag() == "!!str") return Scalar::kText;
  const std::string& text = node.Scalar();
  for (const char* word : {"true", "false", "yes", "no", "on", "off", "True", "False", "Yes", "No", "On", "Off", "TRUE",
                           "FALSE", "YES", "NO", "ON", "OFF"}) {
    if (text == word) return Scalar::kBool;
  }
  const char* const end = text.data() + text.size();
  std::int64_t whole = 0;
  if (const auto parsed = std::from_chars(text.data(), end, whole); parsed.ec == std::errc() && parsed.ptr == end) {
    return Scalar::kInt;
  }
  double number = 0;
  if (text.find_first_not_of("0123456789.eE+-") != std::string::npos) return Scalar::kText;
  const auto parsed = std::from_chars(text.data(), end, number);
  return parsed.ec == std::errc() && parsed.ptr == end ? Scalar::kFloat : Scalar::kText;
}

}  // namespace

void Mistakes::NoteLine(int line, std::string_view what) {
  if (!first_) first_ = Error{Code::kMalformed, fmt::format("{}:{}: {}", file_, line, what)};
}

void Mistakes::Note(const YAML::Node& at, std::string_view what) { NoteLine(at.Mark().line + 1, what); }

Fields::Fields(Mistakes& mistakes, const YAML::Node& node, std::string path)
    : mistakes_(mistakes), node_(node), path_(std::move(path)) {
  if (!node.IsDefined() || node.IsNull()) return;
  if (!node.IsMap()) {
    mistakes_.Note(node, path_.empty() ? "not a mapping of fields" : path_ + ": not a mapping of fields");
    return;
  }
  std::set<std::string> seen;
  for (const auto& entry : node) {
    if (!entry.first.IsScalar()) {
      mistakes_.Note(entry.first, path_ + ": a field's name is not text");
      continue;
    }
    const std::string& name = entry.first.Scalar();
    if (!seen.insert(name).second) mistakes_.Note(entry.first, "field " + PathOf(name) + " appears twice; remove one");
    entries_.push_back({entry.first, name, entry.second});
  }
}

std::string Fields::PathOf(std::string_view key) const {
  return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
}

std::optional<YAML::Node> Fields::Get(std::string_view key) {
  known_.emplace(key);
  if (mistakes_.first()) return std::nullopt;
  for (const Entry& entry : entries_) {
    if (entry.name == key && !entry.value.IsNull()) return entry.value;
  }
  return std::nullopt;
}

void Fields::Complain(std::string_view key, std::string_view what) {
  for (const Entry& entry : entries_) {
    if (entry.name == key) return mistakes_.Note(entry.key, fmt::format("{}: {}", PathOf(key), what));
  }
  mistakes_.NoteLine(node_.IsDefined() ? node_.Mark().line + 1 : 1, fmt::format("{}: {}", PathOf(key), what));
}

std::optional<std::string> Fields::Text(std::string_view key) {
  const auto node = Get(key);
  if (!node) return std::nullopt;
  if (!node->IsScalar()) {
    Complain(key, "not text");
    return std::nullopt;
  }
  if (TypeOf(*node) != Scalar::kText) {
    Complain(key, fmt::format("{} is not text; put it in quotes", node->Scalar()));
    return std::nullopt;
  }
  return node->Scalar();
}

std::optional<std::int64_t> Fields::Int(std::string_view key) {
  const auto node = Get(key);
  if (!node) return std::nullopt;
  if (!node->IsScalar() || TypeOf(*node) != Scalar::kInt) {
    Complain(key, "not a whole number");
    return std::nullopt;
  }
  return node->as<std::int64_t>();
}

std::optional<bool> Fields::Bool(std::string_view key) {
  const auto node = Get(key);
  if (!node) return std::nullopt;
  if (!node->IsScalar() || TypeOf(*node) != Scalar::kBool) {
    Complain(key, "not true or false");
    return std::nullopt;
  }
  return node->as<bool>();
}

std::vector<std::string> Fields::Texts(std::string_view key) {
  std::vector<std::string> texts;
  const auto node = Get(key);
  if (!node) return texts;
  if (!node->IsSequence()) {
    Complain(key, "not a list");
    return texts;
  }
  for (const YAML::Node& item : *node) {
    if (item.IsScalar() && TypeOf(item) == Scalar::kText) {
      texts.push_back(item.Scalar());
    } else {
      mistakes_.Note(item, fmt::format("{}[{}]: not text; put it in quotes", PathOf(key), texts.size()));
      return texts;
    }
  }
  return texts;
}

void Fields::ForEach(std::string_view key, const std::function<void(Fields&)>& each) {
  const auto node = Get(key);
  if (!node) return;
  if (!node->IsSequence()) return Complain(key, "not a list");
  std::size_t index = 0;
  for (const YAML::Node& item : *node) {
    Fields fields(mistakes_, item, fmt::format("{}[{}]", PathOf(key), index++));
    each(fields);
    if (mistakes_.first()) return;
  }
}

Fields Fields::Inside(std::string_view key) {
  return Fields(mistakes_, Get(key).value_or(YAML::Node(YAML::NodeType::Null)), PathOf(key));
}

void Fields::Allow(std::initializer_list<std::string_view> keys) {
  for (const std::string_view key : keys) known_.emplace(key);
}

void Fields::RejectTheRest() {
  if (mistakes_.first()) return;
  for (const Entry& entry : entries_) {
    if (known_.contains(entry.name)) continue;
    const auto meant = DidYouMean(entry.name, {known_.begin(), known_.end()});
    return mistakes_.Note(entry.key, fmt::format("unknown field \"{}\"{}", PathOf(entry.name),
                                                 meant ? "; did you mean " + *meant + "?" : std::string()));
  }
}

std::optional<YAML::Node> OnlyDocument(std::string_view yaml, Mistakes& mistakes) {
  try {
    std::optional<YAML::Node> found;
    for (const YAML::Node& document : YAML::LoadAll(std::string(yaml))) {
      if (document.IsNull()) continue;
      if (found) {
        mistakes.Note(document, "a second document; there may be one");
        return std::nullopt;
      }
      found = document;
    }
    if (!found) mistakes.NoteLine(1, "empty");
    return found;
  } catch (const YAML::Exception& error) {
    mistakes.NoteLine(error.mark.line + 1, "not YAML: " + error.msg);
    return std::nullopt;
  }
}

}  // namespace spillway::cmd
