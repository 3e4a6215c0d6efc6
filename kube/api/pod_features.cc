#include "kube/api/pod_features.h"

#include <algorithm>
#include <map>
#include <utility>

#include "kube/api/decode_common.h"
#include "kube/api/pod_feature_rules.h"

namespace spillway::kube {
namespace {

using internal::FieldRule;
using internal::FieldTable;
using internal::Trail;
using internal::Value;
using When = FieldRule::When;

// The rules of one field; of the nearest table that has any.
std::span<const FieldRule> RulesOf(const FieldTable* table, std::string_view field) {
  for (; table != nullptr; table = table->more) {
    const auto is_of_field = [&](const FieldRule& rule) { return rule.field == field; };
    const auto first = std::find_if(table->rules.begin(), table->rules.end(), is_of_field);
    if (first == table->rules.end()) continue;
    return {first, std::find_if_not(first, table->rules.end(), is_of_field)};
  }
  return {};
}

bool IsOneOf(std::string_view text, std::string_view values) {
  for (;;) {
    const std::size_t bar = values.find('|');
    if (values.substr(0, bar) == text) return true;
    if (bar == std::string_view::npos) return false;
    values.remove_prefix(bar + 1);
  }
}

// Walks a spec along the tables.
class FeatureReader {
 public:
  FeatureReader(Trail& trail, std::vector<PodFeature>& out, std::vector<PodValue>& values)
      : trail_(trail), out_(out), values_(values) {}

  bool ReadSpec(Value& spec) {
    path_ = "spec";
    if (!ReadObject(internal::kSpecFields, spec)) return false;
    const auto by_name = [](const PodFeature& a, const PodFeature& b) { return a.name < b.name; };
    const auto same_name = [](const PodFeature& a, const PodFeature& b) { return a.name == b.name; };
    std::stable_sort(out_.begin(), out_.end(), by_name);
    out_.erase(std::unique(out_.begin(), out_.end(), same_name), out_.end());
    return true;
  }

 private:
  // What is there, as far as rules ask.
  struct Found {
    bool is_set = false, is_false = false;
    std::string text;  // of a scalar
  };

  bool ReadObject(const FieldTable& table, Value& value) {
    std::vector<std::string> set;  // fields that a rule wants to be absent
    const bool read = internal::EachField(value, trail_, [&](std::string_view key, Value& field) {
      const auto rules = RulesOf(&table, key);
      const std::size_t length = path_.size();
      path_.append(".").append(key);
      Found found;
      const bool is_read = ReadField(rules, field, found);
      if (is_read && rules.empty() && found.is_set) Add(std::string(table.place).append(".").append(key));
      for (const FieldRule& rule : rules) {
        if (rule.when == When::kAbsent && found.is_set) set.emplace_back(key);
        if (is_read) Apply(rule, found);
      }
      path_.resize(length);
      return is_read;
    });
    for (const FieldTable* each = &table; read && each != nullptr; each = each->more) {
      for (const FieldRule& rule : each->rules) {
        if (rule.when != When::kAbsent || std::find(set.begin(), set.end(), rule.field) != set.end()) continue;
        out_.push_back({std::string(rule.feature), path_ + "." + std::string(rule.field)});
      }
    }
    return read;
  }

  bool ReadField(std::span<const FieldRule> rules, Value& value, Found& found) {
    const FieldTable* inside = nullptr;
    for (const FieldRule& rule : rules) inside = rule.inside != nullptr ? rule.inside : inside;
    simdjson::ondemand::json_type type;
    if (const auto error = value.type().get(type)) return trail_.Fail(error);
    switch (type) {
      case simdjson::ondemand::json_type::object:
        found.is_set = true;
        return inside == nullptr || ReadObject(*inside, value);
      case simdjson::ondemand::json_type::array:
        return ReadItems(inside, value, found);
      case simdjson::ondemand::json_type::string:
        if (!internal::Read(value, trail_, found.text)) return false;
        found.is_set = !found.text.empty();
        return true;
      default:
        return ReadToken(value, found);
    }
  }

  bool ReadItems(const FieldTable* inside, Value& value, Found& found) {
    std::size_t index = 0;
    return internal::EachItem(value, trail_, [&](Value& item) {
      found.is_set = true;
      const std::size_t length = path_.size();
      path_.append("[").append(std::to_string(index++)).append("]");
      simdjson::ondemand::json_type type;
      if (const auto error = item.type().get(type)) return trail_.Fail(error);
      const bool is_object = type == simdjson::ondemand::json_type::object;  // whatever else it is asks for nothing
      const std::size_t first = out_.size();
      const std::string_view outer = std::exchange(made_, {});
      const bool is_read = inside == nullptr || !is_object || ReadObject(*inside, item);
      for (std::size_t i = first; !made_.empty() && i < out_.size(); ++i) out_[i].name.append("/").append(made_);
      made_ = outer;
      path_.resize(length);
      return is_read;
    });
  }

  // A number, true, false or null.
  bool ReadToken(Value& value, Found& found) {
    std::string_view token = value.raw_json_token();
    token = token.substr(0, token.find_last_not_of(" \t\r\n") + 1);
    found.is_false = token == "false";
    found.is_set = !found.is_false && token != "null";
    found.text = token;
    return true;
  }

  void Apply(const FieldRule& rule, const Found& found) {
    if (rule.when == When::kValue && found.is_set) values_.push_back({path_, found.text});
    if (rule.feature.empty()) return;
    switch (rule.when) {
      case When::kSet:
        if (found.is_set) Add(std::string(rule.feature));
        break;
      case When::kFalse:
        if (found.is_false) Add(std::string(rule.feature));
        break;
      case When::kIs:
        if (found.is_set && IsOneOf(found.text, rule.values)) Add(std::string(rule.feature));
        break;
      case When::kUnless:
        if (found.is_set && !IsOneOf(found.text, rule.values)) Add(std::string(rule.feature));
        break;
      case When::kNamed:
        if (found.is_set) Add(std::string(rule.feature).append("/").append(found.text));
        break;
      case When::kMade:
        if (found.text.starts_with(rule.values)) made_ = rule.feature;
        break;
      case When::kAbsent:
      case When::kValue:
        break;
    }
  }

  void Add(std::string name) { out_.push_back({std::move(name), path_}); }

  Trail& trail_;
  std::vector<PodFeature>& out_;
  std::vector<PodValue>& values_;
  std::string path_;
  std::string_view made_;  // of the object being read: what its features are qualified by; most often nothing
};

// ---- the vocabulary in words

std::string Condition(const FieldRule& rule) {
  std::string values(rule.values);
  for (std::size_t bar = 0; (bar = values.find('|', bar)) != std::string::npos;) values.replace(bar, 1, " or ");
  switch (rule.when) {
    case When::kFalse:
      return ": false";
    case When::kIs:
      return ": " + values;
    case When::kUnless:
      return " other than " + values;
    case When::kAbsent:
      return " missing";
    default:
      return {};
  }
}

using FieldsByFeature = std::map<std::string, std::vector<std::string>>;

void Describe(const FieldTable& table, const std::string& path, FieldsByFeature& out) {
  for (const FieldTable* each = &table; each != nullptr; each = each->more) {
    for (const FieldRule& rule : each->rules) {
      const std::string field = path + "." + std::string(rule.field);
      if (!rule.feature.empty() && rule.when != When::kMade) {
        out[std::string(rule.feature)].push_back(field + Condition(rule));
      }
      if (rule.inside != nullptr) Describe(*rule.inside, field, out);
    }
  }
}

// What containers of both kinds ask for is said once.
std::string InWords(const std::vector<std::string>& fields) {
  constexpr std::string_view kInit = "spec.initContainers.";
  std::string words;
  for (const std::string& field : fields) {
    const auto twin = field.starts_with(kInit) ? "spec.containers." + field.substr(kInit.size()) : std::string();
    if (std::find(fields.begin(), fields.end(), twin) != fields.end()) continue;
    words += (words.empty() ? "" : "; ") + field;
  }
  return words;
}

}  // namespace

namespace internal {

bool ReadFeatures(Value& spec, Trail& trail, std::vector<PodFeature>& features, std::vector<PodValue>& values) {
  features.clear();
  values.clear();
  return FeatureReader(trail, features, values).ReadSpec(spec);
}

}  // namespace internal

const std::vector<FeatureDescription>& KnownFeatures() {
  static const auto* const kFeatures = [] {
    FieldsByFeature described;
    Describe(internal::kSpecFields, "spec", described);
    auto* features = new std::vector<FeatureDescription>;
    for (const auto& [name, fields] : described) features->push_back({name, InWords(fields)});
    return features;
  }();
  return *kFeatures;
}

bool IsFeatureName(std::string_view name) {
  const std::string_view bare = name.substr(0, name.find('/'));
  if (bare.find('.') != std::string_view::npos) return !bare.starts_with('.') && !bare.ends_with('.');
  const auto& known = KnownFeatures();
  return std::any_of(known.begin(), known.end(), [&](const auto& feature) { return feature.name == bare; });
}

}  // namespace spillway::kube
