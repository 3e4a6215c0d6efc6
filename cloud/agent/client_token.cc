#include "cloud/agent/client_token.h"

#include <fmt/core.h>
#include <openssl/evp.h>

#include <array>

namespace spillway::cloud {

std::string MakeClientToken(std::string_view cluster_id, std::string_view pod_uid, std::uint64_t generation) {
  // Lengths in front: no two triples give the same bytes.
  const std::string text =
      fmt::format("{}:{}{}:{}{}", cluster_id.size(), cluster_id, pod_uid.size(), pod_uid, generation);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr);
  std::string hex;
  for (unsigned int i = 0; i < size; ++i) hex += fmt::format("{:02x}", digest[i]);
  return hex;
}

}  // namespace spillway::cloud
