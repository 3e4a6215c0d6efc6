#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cloud/json.h"

// What a Pod refers to in its own namespace, and what is told when it is not there.
namespace spillway::cloud {

struct InputKey {
  enum class Kind : std::uint8_t { kConfigMap, kSecret };
  Kind kind = Kind::kConfigMap;
  std::string name;
  auto operator<=>(const InputKey&) const = default;
};
// "ConfigMap", "Secret".
const char* KindName(InputKey::Kind kind);

// The objects that were found; an absent one does not exist.
using Inputs = std::map<InputKey, std::shared_ptr<const Json>>;

// What a Pod's environment and volumes need, each once, in a fixed order.
std::vector<InputKey> InputsOf(const Json& pod);

// A reference to an input as env, envFrom, volumes and projections have it: the first of the two members that is there.
struct InputRef {
  InputKey key;
  bool is_optional = false;
};
std::optional<InputRef> InputRefIn(const Json& holder, const char* config_map, const char* secret,
                                   const char* secret_name = "name");

// The bytes under `key` of its data: a Secret's are base64. nullopt: there is no such key.
std::optional<std::string> DataOf(const Json& object, InputKey::Kind kind, const std::string& key);
// All of it by key, a ConfigMap's binaryData included.
std::map<std::string, std::string> AllDataOf(const Json& object, InputKey::Kind kind);

// A field of the Pod that is known without its instance: metadata.name, .namespace, .uid, .labels['x'],
// .annotations['x']. nullopt: none of those.
std::optional<std::string> MetadataField(const Json& pod, const std::string& path);

// What kubelet says of volumes.
inline constexpr const char* kFailedMount = "FailedMount";
inline constexpr const char* kFailedSandbox = "FailedCreatePodSandBox";

// Something to tell the user, with an event reason of its own.
struct InputNotice {
  std::string reason, message;  // "OptionalSecretNotFound", "FailedMount"
};
template <class T>
using InputResult = tl::expected<T, InputNotice>;

}  // namespace spillway::cloud
