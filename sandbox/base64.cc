#include "sandbox/base64.h"

#include <cstdint>

namespace spillway::sandbox {
namespace {
constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
}

std::string Base64(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  std::uint32_t buffer = 0;
  int bits = 0;
  for (const char c : bytes) {
    buffer = (buffer << 8) | static_cast<unsigned char>(c);
    for (bits += 8; bits >= 6; bits -= 6) text += kAlphabet[(buffer >> (bits - 6)) & 63];
  }
  if (bits > 0) text += kAlphabet[(buffer << (6 - bits)) & 63];
  while (text.size() % 4 != 0) text += '=';
  return text;
}

std::optional<std::string> Base64Decoded(std::string_view text) {
  while (text.ends_with('=')) text.remove_suffix(1);
  std::string bytes;
  std::uint32_t buffer = 0;
  int bits = 0;
  for (const char c : text) {
    const std::size_t value = kAlphabet.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    buffer = (buffer << 6) | static_cast<std::uint32_t>(value);
    if ((bits += 6) >= 8) bytes += static_cast<char>((buffer >> (bits -= 8)) & 255);
  }
  return bytes;
}

}  // namespace spillway::sandbox
