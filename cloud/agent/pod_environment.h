#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "cloud/json.h"

// The environment of a Pod's containers, as kubelet makes it; pure.
//
// Source: kubelet kubelet_pods.go makeEnvironmentVariables, v1.33 to v1.36. Service links are not made.
namespace spillway::cloud {

// A ConfigMap or Secret in the Pod's own namespace.
struct InputKey {
  enum class Kind : std::uint8_t { kConfigMap, kSecret };
  Kind kind = Kind::kConfigMap;
  std::string name;
  auto operator<=>(const InputKey&) const = default;
};
// What its environment needs, each once, in a fixed order.
std::vector<InputKey> InputsOf(const Json& pod);

// The objects that were found; an absent one does not exist.
using Inputs = std::map<InputKey, Json>;

// Something to tell the user, with an event reason of its own.
struct InputNotice {
  std::string reason, message;  // "OptionalSecretNotFound"
};

struct ResolvedPod {
  Json pod;  // env of literal values only, command and args expanded; see CreateRequest::pod
  std::vector<InputNotice> notices;
};
// Why it cannot be: a mandatory reference that leads nowhere.
tl::expected<ResolvedPod, InputNotice> ResolveEnvironment(const Json& pod, const Inputs& inputs,
                                                          const std::string& host_ip);

}  // namespace spillway::cloud
