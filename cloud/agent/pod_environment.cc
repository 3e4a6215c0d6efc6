#include "cloud/agent/pod_environment.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "cloud/agent/base64.h"
#include "cloud/agent/resource_field.h"
#include "cloud/agent/variable_expansion.h"
#include "cloud/provider.h"

namespace spillway::cloud {
namespace {

const char* KindName(InputKey::Kind kind) { return kind == InputKey::Kind::kConfigMap ? "ConfigMap" : "Secret"; }

struct Source {
  InputKey key;
  bool is_optional = false;
};

std::optional<Source> SourceIn(const Json& holder, const char* config_map, const char* secret) {
  for (const auto& [member, kind] :
       {std::pair(config_map, InputKey::Kind::kConfigMap), std::pair(secret, InputKey::Kind::kSecret)}) {
    const Json& ref = At(holder, member);
    if (!ref.is_null()) return Source{{kind, TextAt(ref, "name")}, IsTrue(At(ref, "optional"))};
  }
  return std::nullopt;
}
std::optional<Source> EnvFromSource(const Json& item) { return SourceIn(item, "configMapRef", "secretRef"); }
std::optional<Source> ValueSource(const Json& item) {
  return SourceIn(At(item, "valueFrom"), "configMapKeyRef", "secretKeyRef");
}

// The text under `key`; a Secret's is base64.
std::optional<std::string> DataOf(const Json& object, InputKey::Kind kind, const std::string& key) {
  const Json& value = At(object, "data", key);
  if (!value.is_string()) return std::nullopt;
  return kind == InputKey::Kind::kSecret ? Base64Decode(Text(value)) : Text(value);
}

bool IsVariableName(std::string_view name) {
  // Source: apimachinery validation.IsEnvVarName, relaxed since 1.34: printable ASCII without '='.
  return !name.empty() &&
         std::all_of(name.begin(), name.end(), [](char c) { return c >= 0x20 && c < 0x7f && c != '='; });
}

// One container's variables, in the order defined; a later definition replaces an earlier one in its place.
class Variables {
 public:
  void Set(const std::string& name, std::string value) {
    const auto found = std::find_if(list_.begin(), list_.end(), [&](const auto& v) { return v.first == name; });
    if (found != list_.end()) {
      found->second = std::move(value);
    } else {
      list_.emplace_back(name, std::move(value));
    }
  }
  std::optional<std::string> Get(std::string_view name) const {
    const auto found = std::find_if(list_.begin(), list_.end(), [&](const auto& v) { return v.first == name; });
    if (found == list_.end()) return std::nullopt;
    return found->second;
  }
  std::string Expanded(std::string_view text) const {
    return Expand(text, [this](std::string_view name) { return Get(name); });
  }
  Json ToJson() const {
    Json env = Json::array();
    for (const auto& [name, value] : list_) env.push_back({{"name", name}, {"value", value}});
    return env;
  }

 private:
  std::vector<std::pair<std::string, std::string>> list_;
};

class Resolver {
 public:
  Resolver(const Json& pod, const Inputs& inputs, const std::string& host_ip)
      : pod_(pod), inputs_(inputs), host_ip_(host_ip) {}

  // False after failure() has been set.
  bool Resolve(Json& container) {
    Variables variables;
    for (const Json& item : Items(At(container, "envFrom"))) {
      if (!AddAll(item, variables)) return false;
    }
    for (const Json& item : Items(At(container, "env"))) {
      if (!AddOne(item, container, variables)) return false;
    }
    container.erase("envFrom");
    container["env"] = variables.ToJson();
    for (const char* words : {"command", "args"}) {
      if (!At(container, words).is_array()) continue;
      for (Json& word : container[words]) word = variables.Expanded(Text(word));
    }
    return true;
  }
  const InputNotice& failure() const { return failure_; }
  std::vector<InputNotice> TakeNotices() { return std::move(notices_); }

 private:
  bool Missing(const Source& source, const char* what, std::string message) {
    InputNotice notice{
        fmt::format("{}{}{}", source.is_optional ? "Optional" : "Mandatory", KindName(source.key.kind), what),
        std::move(message)};
    if (source.is_optional) {
      notices_.push_back(std::move(notice));
      return true;
    }
    failure_ = std::move(notice);
    return false;
  }
  bool NoObject(const Source& source) {
    return Missing(source, "NotFound",
                   fmt::format("{} \"{}\" not found",
                               source.key.kind == InputKey::Kind::kSecret ? "secret" : "configmap", source.key.name));
  }

  bool AddAll(const Json& item, Variables& variables) {
    const auto source = EnvFromSource(item);
    if (!source) return true;
    const auto object = inputs_.find(source->key);
    if (object == inputs_.end()) return NoObject(*source);
    const std::string prefix = TextAt(item, "prefix");
    std::vector<std::string> invalid;
    for (const auto& [key, value] : Members(At(object->second, "data")).items()) {
      const std::string name = prefix + key;
      const auto text = DataOf(object->second, source->key.kind, key);
      if (!IsVariableName(name) || !text) {
        invalid.push_back(name);
      } else {
        variables.Set(name, *text);
      }
    }
    if (!invalid.empty()) {
      notices_.push_back(
          {"InvalidEnvironmentVariableNames",
           fmt::format("Keys [{}] from the EnvFrom {} {}/{} were skipped since they are considered invalid "
                       "environment variable names.",
                       fmt::join(invalid, ", "), KindName(source->key.kind), TextAt(pod_, "metadata", "namespace"),
                       source->key.name)});
    }
    return true;
  }

  bool AddOne(const Json& item, const Json& container, Variables& variables) {
    const std::string name = TextAt(item, "name");
    const Json& from = At(item, "valueFrom");
    if (const auto source = ValueSource(item)) return AddKey(item, name, *source, variables);
    if (!At(from, "fieldRef").is_null()) {
      const std::string path = TextAt(from, "fieldRef", "fieldPath");
      const auto value = Field(path);
      if (!value) return Unsupported(fmt::format("unsupported fieldPath: {}", path));
      variables.Set(name, *value);
    } else if (!At(from, "resourceFieldRef").is_null()) {
      const auto value = ResourceField(pod_, container, At(from, "resourceFieldRef"));
      if (!value) {
        return Unsupported(
            fmt::format("unsupported container resource: {}", TextAt(from, "resourceFieldRef", "resource")));
      }
      variables.Set(name, *value);
    } else {
      variables.Set(name, variables.Expanded(TextAt(item, "value")));
    }
    return true;
  }

  bool AddKey(const Json& item, const std::string& name, Source source, Variables& variables) {
    const Json& ref =
        At(At(item, "valueFrom"), source.key.kind == InputKey::Kind::kSecret ? "secretKeyRef" : "configMapKeyRef");
    const std::string key = TextAt(ref, "key");
    const auto object = inputs_.find(source.key);
    if (object == inputs_.end()) return NoObject(source);
    const auto value = DataOf(object->second, source.key.kind, key);
    if (!value) {
      return Missing(source, "KeyNotFound",
                     fmt::format("couldn't find key {} in {} {}/{}", key, KindName(source.key.kind),
                                 TextAt(pod_, "metadata", "namespace"), source.key.name));
    }
    variables.Set(name, *value);
    return true;
  }

  bool Unsupported(std::string message) {
    failure_ = {"UnsupportedFieldReference", std::move(message)};
    return false;
  }

  // metadata.labels['app'] and the like.
  std::optional<std::string> Field(const std::string& path) const {
    for (const char* map : {"labels", "annotations"}) {
      const std::string front = fmt::format("metadata.{}['", map);
      if (path.starts_with(front) && path.ends_with("']")) {
        return TextAt(pod_, "metadata", map, path.substr(front.size(), path.size() - front.size() - 2));
      }
    }
    if (path == "metadata.name") return TextAt(pod_, "metadata", "name");
    if (path == "metadata.namespace") return TextAt(pod_, "metadata", "namespace");
    if (path == "metadata.uid") return TextAt(pod_, "metadata", "uid");
    if (path == "spec.nodeName") return TextAt(pod_, "spec", "nodeName");
    if (path == "spec.serviceAccountName") return TextAt(pod_, "spec", "serviceAccountName");
    if (path == "status.hostIP" || path == "status.hostIPs") return host_ip_;
    if (path == "status.podIP" || path == "status.podIPs") return std::string(kPodIpPlaceholder);
    return std::nullopt;
  }

  const Json& pod_;
  const Inputs& inputs_;
  const std::string& host_ip_;
  InputNotice failure_;
  std::vector<InputNotice> notices_;
};

}  // namespace

std::vector<InputKey> InputsOf(const Json& pod) {
  std::set<InputKey> keys;
  for (const char* list : {"initContainers", "containers"}) {
    for (const Json& container : Items(At(pod, "spec", list))) {
      for (const Json& item : Items(At(container, "envFrom"))) {
        if (const auto source = EnvFromSource(item)) keys.insert(source->key);
      }
      for (const Json& item : Items(At(container, "env"))) {
        if (const auto source = ValueSource(item)) keys.insert(source->key);
      }
    }
  }
  return {keys.begin(), keys.end()};
}

tl::expected<ResolvedPod, InputNotice> ResolveEnvironment(const Json& pod, const Inputs& inputs,
                                                          const std::string& host_ip) {
  ResolvedPod resolved{pod, {}};
  Resolver resolver(pod, inputs, host_ip);
  for (const char* list : {"initContainers", "containers"}) {
    if (!At(pod, "spec", list).is_array()) continue;
    for (Json& container : resolved.pod["spec"][list]) {
      if (!resolver.Resolve(container)) return tl::unexpected(resolver.failure());
    }
  }
  resolved.notices = resolver.TakeNotices();
  return resolved;
}

}  // namespace spillway::cloud
