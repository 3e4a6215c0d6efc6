#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "cloud/agent/pod_inputs.h"
#include "cloud/agent/resource_field.h"
#include "cloud/pod_files.h"

// The content of a Pod's volumes, as kubelet's plugins configmap, secret, downwardapi and projected make it; pure.
//
// Source: pkg/volume/{configmap,secret,downwardapi,projected}, fieldpath.FormatMap, v1.33 to v1.36. fsGroup and
// runAsUser do not change modes.
namespace spillway::cloud {

// A ServiceAccount token that a projected volume asks for.
struct TokenKey {
  std::string audience;  // empty: the API server's own
  std::int64_t expiration_seconds = 3600;
  auto operator<=>(const TokenKey&) const = default;
};
struct ServiceAccountToken {
  std::string token;  // secret
  WallTime issued_at{}, expires_at{};
  // From then on it should be replaced: 80% of its life, at most a day.
  WallTime refresh_at() const;
};
using Tokens = std::map<TokenKey, ServiceAccountToken>;

// What its volumes need, each once.
std::vector<TokenKey> TokensOf(const Json& pod);

// Those of its volumes that hold files or are empty, in the Pod's order; other kinds are the provider's own and left
// out. `tokens` holds all of TokensOf(); `node` is what a container without limits has. The error is an event
// FailedMount in kubelet's words.
InputResult<std::vector<PodVolume>> ResolveVolumes(const Json& pod, const Inputs& inputs, const Tokens& tokens,
                                                   const NodeAmounts& node = {});

}  // namespace spillway::cloud
