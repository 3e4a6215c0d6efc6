#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace spillway::sim {

__extension__ using Uint128 = unsigned __int128;

inline std::uint64_t Mix(std::uint64_t a, std::uint64_t b) {
  const Uint128 product = Uint128{a ^ 0x9e3779b97f4a7c15ULL} * (b ^ 0xd1b54a32d192ed03ULL);
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

// Eight bytes a step; equal on every platform of one endianness, not for secrets.
inline std::uint64_t HashBytes(std::string_view bytes) {
  std::uint64_t hash = bytes.size();
  std::size_t at = 0;
  for (; at + 8 <= bytes.size(); at += 8) {
    std::uint64_t word;
    std::memcpy(&word, bytes.data() + at, 8);
    hash = Mix(hash, word);
  }
  std::uint64_t tail = 0;
  if (at < bytes.size()) std::memcpy(&tail, bytes.data() + at, bytes.size() - at);
  return Mix(hash, tail);
}

}  // namespace spillway::sim
