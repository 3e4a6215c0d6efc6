#include "cloud/agent/pod_environment.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "cloud/agent/variable_expansion.h"
#include "cloud/provider.h"

namespace spillway::cloud {
namespace {

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
  using ServiceList = std::vector<std::pair<std::string, std::string>>;
  Resolver(const Json& pod, const Inputs& inputs, const std::string& host_ip, const ServiceList& services,
           const NodeAmounts& node)
      : pod_(pod), inputs_(inputs), host_ip_(host_ip), services_(services), node_(node) {}

  // False after failure() has been set.
  bool Resolve(Json& container) {
    Variables variables;
    for (const auto& [name, value] : services_) variables.Set(name, value);
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
    return ExpandSubPaths(container, variables);
  }
  const InputNotice& failure() const { return failure_; }
  std::vector<InputNotice> TakeNotices() { return std::move(notices_); }

 private:
  // Source: kubelet container/helpers.go ExpandContainerVolumeMounts.
  bool ExpandSubPaths(Json& container, const Variables& variables) {
    if (!At(container, "volumeMounts").is_array()) return true;
    for (Json& mount : container["volumeMounts"]) {
      const std::string expression = TextAt(mount, "subPathExpr");
      if (expression.empty()) continue;
      std::set<std::string> missing;
      mount["subPath"] = Expand(expression, [&](std::string_view name) {
        auto value = variables.Get(name);
        if (!value || value->empty()) missing.insert(std::string(name));
        return value;
      });
      mount.erase("subPathExpr");
      if (missing.empty()) continue;
      failure_ = {"Failed", fmt::format("Error: missing value for {}", fmt::join(missing, ", "))};
      return false;
    }
    return true;
  }

  bool Missing(const InputRef& source, const char* what, std::string message) {
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
  bool NoObject(const InputRef& source) {
    return Missing(source, "NotFound",
                   fmt::format("{} \"{}\" not found",
                               source.key.kind == InputKey::Kind::kSecret ? "secret" : "configmap", source.key.name));
  }

  bool AddAll(const Json& item, Variables& variables) {
    const auto source = InputRefIn(item, "configMapRef", "secretRef");
    if (!source) return true;
    const auto object = inputs_.find(source->key);
    if (object == inputs_.end()) return NoObject(*source);
    const std::string prefix = TextAt(item, "prefix");
    std::vector<std::string> invalid;
    for (const auto& [key, value] : Members(At(*object->second, "data")).items()) {
      const std::string name = prefix + key;
      const auto text = DataOf(*object->second, source->key.kind, key);
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
    if (const auto source = InputRefIn(from, "configMapKeyRef", "secretKeyRef")) {
      return AddKey(item, name, *source, variables);
    }
    if (!At(from, "fieldRef").is_null()) {
      const std::string path = TextAt(from, "fieldRef", "fieldPath");
      const auto value = Field(path);
      if (!value) return Unsupported(fmt::format("unsupported fieldPath: {}", path));
      variables.Set(name, *value);
    } else if (!At(from, "resourceFieldRef").is_null()) {
      const auto value = ResourceField(pod_, container, At(from, "resourceFieldRef"), node_);
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

  bool AddKey(const Json& item, const std::string& name, const InputRef& source, Variables& variables) {
    const Json& ref =
        At(At(item, "valueFrom"), source.key.kind == InputKey::Kind::kSecret ? "secretKeyRef" : "configMapKeyRef");
    const std::string key = TextAt(ref, "key");
    const auto object = inputs_.find(source.key);
    if (object == inputs_.end()) return NoObject(source);
    const auto value = DataOf(*object->second, source.key.kind, key);
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

  std::optional<std::string> Field(const std::string& path) const {
    if (auto value = MetadataField(pod_, path)) return value;
    if (path == "spec.nodeName") return TextAt(pod_, "spec", "nodeName");
    if (path == "spec.serviceAccountName") return TextAt(pod_, "spec", "serviceAccountName");
    if (path == "status.hostIP" || path == "status.hostIPs") return host_ip_;
    if (path == "status.podIP" || path == "status.podIPs") return std::string(kPodIpPlaceholder);
    return std::nullopt;
  }

  const Json& pod_;
  const Inputs& inputs_;
  const std::string& host_ip_;
  const ServiceList& services_;
  const NodeAmounts& node_;
  InputNotice failure_;
  std::vector<InputNotice> notices_;
};

}  // namespace

InputResult<ResolvedPod> ResolveEnvironment(const Json& pod, const Inputs& inputs, const std::string& host_ip,
                                            const std::vector<std::pair<std::string, std::string>>& services,
                                            const NodeAmounts& node) {
  ResolvedPod resolved{pod, {}};
  Resolver resolver(pod, inputs, host_ip, services, node);
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
