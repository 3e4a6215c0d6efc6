#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "kube/api/uuid.h"
#include "scheduler_sim/model/hash.h"

namespace spillway::sim {

// A UID in 16 bytes. Real ones are RFC 4122 texts; others are interned by the caller and carry that id.
struct Uid {
  std::uint64_t high = 0, low = 0;
  bool operator==(const Uid&) const = default;

  static constexpr std::uint64_t kInterned = ~std::uint64_t{0};
  static constexpr Uid Interned(std::uint32_t id) { return {kInterned, id}; }
  bool is_interned() const { return high == kInterned; }
  std::uint64_t Hash() const { return Mix(high, low); }

  // Nothing for a text that is no UUID.
  static std::optional<Uid> Parse(std::string_view text) {
    const auto uuid = kube::Uuid::Parse(text);
    if (!uuid || uuid->high == kInterned) return std::nullopt;
    return Uid{uuid->high, uuid->low};
  }
};

}  // namespace spillway::sim
