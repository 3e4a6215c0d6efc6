#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"
#include "cloud/providers/rest/zone_rotation.h"

namespace spillway::cloud::alibaba {

// Where and how instances are made, as --eci-* flags and the ECI_* environment say.
struct Options {
  std::string region;                   // "cn-hangzhou"
  std::vector<rest::Subnet> vswitches;  // at least one
  rest::ZoneRotation::Strategy strategy = rest::ZoneRotation::Strategy::kOrdered;
  std::string security_group;
  // Empty: none.
  std::string resource_group, ram_role;
  std::string instance_types;  // instead of CPU and memory: "ecs.c6.large,ecs.c7.large", in order
  std::string spot_strategy;   // SpotAsPriceGo, SpotWithPriceLimit
  double spot_price_limit = 0;
  bool matches_image_cache = false;

  // Host and, when it is not 443, port of the service; goes into signatures.
  std::string host;
  bool uses_rpc_signature = false;  // version 1, HMAC-SHA1, for gateways that know no newer
  // Above it parameters go as a form in the body, not in the query. The SDK always uses the query: that a form does as
  // well needs an account to be seen.
  std::size_t longest_query = 8192;
  double limit_share = 1;  // of the account's rate limits

  Duration poll_busy = std::chrono::seconds(1);  // while an instance is on its way
  Duration poll_quiet = std::chrono::seconds(5);
};

// Of an account, per region: what ECI documents, read on 2026-11-22.
inline constexpr std::size_t kMaxContainers = 20, kMaxVolumes = 20, kMaxTags = 20, kMaxVSwitches = 10;
inline constexpr std::size_t kMaxName = 64, kMaxToken = 64, kMaxEnvValue = 256, kMaxTagValue = 128;
inline constexpr std::size_t kMaxConfigFile = 32u << 10, kMaxConfigFiles = 60u << 10;
inline constexpr std::size_t kStatusPage = 200, kDescribePage = 20;

// Tags of an instance. Values of more than 128 characters go on under the same key with "-2": namespace names have 63,
// those of nodes and Pods 253.
inline constexpr const char* kClusterTag = "spillway-cluster";
inline constexpr const char* kNodeTag = "spillway-node";
inline constexpr const char* kNamespaceTag = "spillway-namespace";
inline constexpr const char* kPodTag = "spillway-pod";
inline constexpr const char* kUidTag = "spillway-uid";

}  // namespace spillway::cloud::alibaba
