#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace spillway::cloud {

// Who pulls from one registry. Never for logs, events or digests.
struct RegistryCredential {
  std::string server;  // as its Secret has it: "registry.example.com", "https://registry.example.com/v1/"
  std::string user_name, password;
  std::string identity_token, registry_token;  // instead of a password, with some registries
  bool operator==(const RegistryCredential&) const = default;
};

// The content of a Secret of type kubernetes.io/dockerconfigjson (".dockerconfigjson") or kubernetes.io/dockercfg
// (".dockercfg"). Entries of which nothing can be made are left out. kMalformed: nothing of it can be read; the message
// quotes nothing.
//
// Source: kubernetes pkg/credentialprovider/config.go, v1.33 to v1.36.
Result<std::vector<RegistryCredential>> ParseDockerConfigJson(std::string_view text);
Result<std::vector<RegistryCredential>> ParseDockerCfg(std::string_view text);

}  // namespace spillway::cloud
