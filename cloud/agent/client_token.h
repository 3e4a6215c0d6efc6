#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace spillway::cloud {

// Annotations of a Pod, written before the first create of each generation: the generation of its client token, and
// what was asked for under it.
inline constexpr const char* kInstanceGeneration = "spillway.io/instance-generation";
inline constexpr const char* kRequestDigest = "spillway.io/request-digest";

// SHA-256 of cluster, Pod and generation in hex: 64 characters, which every cloud's idempotency token may have. The
// generation grows when a create was refused for good.
std::string MakeClientToken(std::string_view cluster_id, std::string_view pod_uid, std::uint64_t generation);

// Of all that decides what an instance is: the Pod's spec and annotations as they are at the API server, and `beside`
// them the versions of what it refers to and whatever else goes into the request. Eight hexadecimal digits of a
// SHA-256. Of no Secret's content, which it would help to guess, and of no token, which is another each time.
std::string RequestDigest(const nlohmann::json& pod, const std::vector<std::string>& beside);

}  // namespace spillway::cloud
