#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace spillway::cloud {

// SHA-256 of cluster, Pod and generation in hex: 64 characters, which every cloud's idempotency token may have. The
// generation grows when a create was refused for good.
std::string MakeClientToken(std::string_view cluster_id, std::string_view pod_uid, std::uint64_t generation);

}  // namespace spillway::cloud
