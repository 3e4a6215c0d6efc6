#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

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

  // Lower-case 8-4-4-4-12 only, so that equal Uids mean equal texts.
  static std::optional<Uid> Parse(std::string_view text) {
    if (text.size() != 36) return std::nullopt;
    std::array<std::uint64_t, 2> halves{};
    int digits = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const char c = text[i];
      if (i == 8 || i == 13 || i == 18 || i == 23) {
        if (c != '-') return std::nullopt;
        continue;
      }
      int digit = -1;
      if (c >= '0' && c <= '9') digit = c - '0';
      if (c >= 'a' && c <= 'f') digit = c - 'a' + 10;
      if (digit < 0) return std::nullopt;
      std::uint64_t& half = halves[digits++ < 16 ? 0 : 1];
      half = half << 4 | static_cast<std::uint64_t>(digit);
    }
    if (halves[0] == kInterned) return std::nullopt;
    return Uid{halves[0], halves[1]};
  }
};

}  // namespace spillway::sim
