#include "cloud/agent/pod_inputs.h"

#include <fmt/core.h>

#include <set>

#include "base/base64.h"

namespace spillway::cloud {
namespace {

void CollectVolume(const Json& volume, std::set<InputKey>& keys) {
  if (const auto ref = InputRefIn(volume, "configMap", "secret", "secretName")) keys.insert(ref->key);
  for (const Json& source : Items(At(volume, "projected", "sources"))) {
    if (const auto ref = InputRefIn(source, "configMap", "secret")) keys.insert(ref->key);
  }
}

}  // namespace

const char* KindName(InputKey::Kind kind) { return kind == InputKey::Kind::kConfigMap ? "ConfigMap" : "Secret"; }

std::optional<InputRef> InputRefIn(const Json& holder, const char* config_map, const char* secret,
                                   const char* secret_name) {
  if (const Json& ref = At(holder, config_map); !ref.is_null()) {
    return InputRef{{InputKey::Kind::kConfigMap, TextAt(ref, "name")}, IsTrue(At(ref, "optional"))};
  }
  if (const Json& ref = At(holder, secret); !ref.is_null()) {
    return InputRef{{InputKey::Kind::kSecret, TextAt(ref, secret_name)}, IsTrue(At(ref, "optional"))};
  }
  return std::nullopt;
}

std::vector<InputKey> InputsOf(const Json& pod) {
  std::set<InputKey> keys;
  for (const char* list : {"initContainers", "containers"}) {
    for (const Json& container : Items(At(pod, "spec", list))) {
      for (const Json& item : Items(At(container, "envFrom"))) {
        if (const auto ref = InputRefIn(item, "configMapRef", "secretRef")) keys.insert(ref->key);
      }
      for (const Json& item : Items(At(container, "env"))) {
        const auto ref = InputRefIn(At(item, "valueFrom"), "configMapKeyRef", "secretKeyRef");
        if (ref) keys.insert(ref->key);
      }
    }
  }
  for (const Json& volume : Items(At(pod, "spec", "volumes"))) CollectVolume(volume, keys);
  return {keys.begin(), keys.end()};
}

std::optional<std::string> DataOf(const Json& object, InputKey::Kind kind, const std::string& key) {
  const Json& value = At(object, "data", key);
  if (!value.is_string()) return std::nullopt;
  return kind == InputKey::Kind::kSecret ? DecodeBase64(Text(value)) : Text(value);
}

std::map<std::string, std::string> AllDataOf(const Json& object, InputKey::Kind kind) {
  std::map<std::string, std::string> all;
  for (const auto& [key, value] : Members(At(object, "data")).items()) {
    if (auto bytes = DataOf(object, kind, key)) all[key] = *std::move(bytes);
  }
  if (kind == InputKey::Kind::kSecret) return all;
  for (const auto& [key, value] : Members(At(object, "binaryData")).items()) {
    if (auto bytes = DecodeBase64(Text(value))) all[key] = *std::move(bytes);
  }
  return all;
}

std::optional<std::string> MetadataField(const Json& pod, const std::string& path) {
  for (const char* map : {"labels", "annotations"}) {
    const std::string front = fmt::format("metadata.{}['", map);
    if (path.starts_with(front) && path.ends_with("']")) {
      return TextAt(pod, "metadata", map, path.substr(front.size(), path.size() - front.size() - 2));
    }
  }
  for (const char* name : {"name", "namespace", "uid"}) {
    if (path == fmt::format("metadata.{}", name)) return TextAt(pod, "metadata", name);
  }
  return std::nullopt;
}

}  // namespace spillway::cloud
