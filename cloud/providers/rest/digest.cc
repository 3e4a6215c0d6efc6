#include "cloud/providers/rest/digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>

namespace spillway::cloud::rest {
namespace {

using Buffer = std::array<unsigned char, EVP_MAX_MD_SIZE>;

std::string BytesOf(const Buffer& buffer, unsigned int size) {
  return {reinterpret_cast<const char*>(buffer.data()), size};
}

std::string Hmac(const EVP_MD* digest, std::string_view key, std::string_view bytes) {
  Buffer buffer{};
  unsigned int size = 0;
  HMAC(digest, key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(bytes.data()),
       bytes.size(), buffer.data(), &size);
  return BytesOf(buffer, size);
}

bool IsUnreserved(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
         c == '.' || c == '~';
}

}  // namespace

std::string Sha256(std::string_view bytes) {
  Buffer buffer{};
  unsigned int size = 0;
  EVP_Digest(bytes.data(), bytes.size(), buffer.data(), &size, EVP_sha256(), nullptr);
  return BytesOf(buffer, size);
}

std::string HmacSha256(std::string_view key, std::string_view bytes) { return Hmac(EVP_sha256(), key, bytes); }

std::string HmacSha1(std::string_view key, std::string_view bytes) { return Hmac(EVP_sha1(), key, bytes); }

std::string Hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

std::string PercentEncoded(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string encoded;
  encoded.reserve(text.size());
  for (const char c : text) {
    if (IsUnreserved(c)) {
      encoded += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    encoded += '%';
    encoded += kDigits[byte >> 4];
    encoded += kDigits[byte & 15];
  }
  return encoded;
}

}  // namespace spillway::cloud::rest
