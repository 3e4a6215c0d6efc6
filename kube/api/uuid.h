#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace spillway::kube {

// A UID that is an RFC 4122 text, in 16 bytes. Lower-case 8-4-4-4-12 only, so that equal Uuids mean equal texts.
struct Uuid {
  std::uint64_t high = 0, low = 0;
  bool operator==(const Uuid&) const = default;

  static std::optional<Uuid> Parse(std::string_view text);
  std::string Text() const;
};

}  // namespace spillway::kube
