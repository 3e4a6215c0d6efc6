#include "tests/emulators/common/digest.h"

#include <fmt/core.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>

namespace spillway::emulators {
namespace {

std::string Mac(const EVP_MD* kind, const std::string& key, const std::string& text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  HMAC(kind, key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(text.data()), text.size(),
       digest.data(), &size);
  return {reinterpret_cast<const char*>(digest.data()), size};
}

}  // namespace

std::string Hex(const std::string& bytes) {
  std::string hex;
  for (const char c : bytes) hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return hex;
}

std::string HexDigest(const std::string& text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr);
  return Hex({reinterpret_cast<const char*>(digest.data()), size});
}

std::string MacSha256(const std::string& key, const std::string& text) { return Mac(EVP_sha256(), key, text); }
std::string MacSha1(const std::string& key, const std::string& text) { return Mac(EVP_sha1(), key, text); }

}  // namespace spillway::emulators
