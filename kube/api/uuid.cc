#include "kube/api/uuid.h"

namespace spillway::kube {
namespace {

constexpr std::size_t kLength = 36;

bool IsDash(std::size_t at) { return at == 8 || at == 13 || at == 18 || at == 23; }

}  // namespace

std::optional<Uuid> Uuid::Parse(std::string_view text) {
  if (text.size() != kLength) return std::nullopt;
  Uuid uuid;
  for (std::size_t i = 0; i < kLength; ++i) {
    const char c = text[i];
    if (IsDash(i)) {
      if (c != '-') return std::nullopt;
      continue;
    }
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (digit < 0) return std::nullopt;
    std::uint64_t& half = i < 18 ? uuid.high : uuid.low;
    half = half << 4 | static_cast<std::uint64_t>(digit);
  }
  return uuid;
}

std::string Uuid::Text() const {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  text.reserve(kLength);
  int nibble = 0;
  for (std::size_t i = 0; i < kLength; ++i) {
    if (IsDash(i)) {
      text += '-';
      continue;
    }
    const std::uint64_t half = nibble < 16 ? high : low;
    text += kHex[half >> (60 - 4 * (nibble % 16)) & 15];
    ++nibble;
  }
  return text;
}

}  // namespace spillway::kube
