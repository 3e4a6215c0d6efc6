#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

// 32-bit numbers as they stand in frames.
namespace spillway::net::internal {

// Precondition: `bytes` holds four from `at` on.
inline std::uint32_t BigEndianAt(std::string_view bytes, std::size_t at) {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < 4; ++i) number = number << 8 | static_cast<unsigned char>(bytes[at + i]);
  return number;
}

inline void AppendBigEndian(std::string& out, std::uint32_t number) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(number >> shift & 0xff);
}

}  // namespace spillway::net::internal
