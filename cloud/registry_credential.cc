#include "cloud/registry_credential.h"

#include <optional>
#include <utility>

#include "base/base64.h"
#include "cloud/json.h"

namespace spillway::cloud {
namespace {

// "user:password" in base64; a trailing NUL is docker's own habit.
std::optional<std::pair<std::string, std::string>> DecodeAuth(const std::string& auth) {
  const auto text = DecodeBase64(auth);
  if (!text) return std::nullopt;
  const auto colon = text->find(':');
  if (colon == std::string::npos) return std::nullopt;
  std::string password = text->substr(colon + 1);
  password.erase(password.find_last_not_of('\0') + 1);
  return std::pair(text->substr(0, colon), std::move(password));
}

std::vector<RegistryCredential> ReadAuths(const Json& auths) {
  std::vector<RegistryCredential> read;
  for (const auto& [server, entry] : Members(auths).items()) {
    RegistryCredential one{server, TextAt(entry, "username"), TextAt(entry, "password"), TextAt(entry, "identitytoken"),
                           TextAt(entry, "registrytoken")};
    if (const std::string auth = TextAt(entry, "auth"); !auth.empty()) {
      auto decoded = DecodeAuth(auth);
      if (!decoded) continue;
      std::tie(one.user_name, one.password) = *std::move(decoded);
    }
    const bool is_empty = one.user_name.empty() && one.identity_token.empty() && one.registry_token.empty();
    if (!is_empty) read.push_back(std::move(one));
  }
  return read;
}

}  // namespace

Result<std::vector<RegistryCredential>> ParseDockerConfigJson(std::string_view text) {
  const Json config = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!At(config, "auths").is_object()) return Fail(Code::kMalformed, ".dockerconfigjson has no object \"auths\"");
  return ReadAuths(At(config, "auths"));
}

Result<std::vector<RegistryCredential>> ParseDockerCfg(std::string_view text) {
  const Json config = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!config.is_object()) return Fail(Code::kMalformed, ".dockercfg is no JSON object");
  return ReadAuths(config);
}

}  // namespace spillway::cloud
