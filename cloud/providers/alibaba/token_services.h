#pragma once

#include <memory>
#include <string>

#include "base/runtime.h"
#include "cloud/providers/rest/credentials.h"
#include "net/http_client.h"

// Credentials that Alibaba Cloud lends to who is known otherwise.
namespace spillway::cloud::alibaba {

// To the machine this runs on, by the RAM role that it has: asked of its metadata service, http://100.100.100.200.
// `role` empty: the one that the machine has. Runtime and client outlive it.
std::unique_ptr<rest::CredentialSource> MachineRoleCredentials(Runtime& runtime, net::HttpClient& metadata,
                                                               std::string role);

// To a Pod, by a token of its ServiceAccount (RRSA): exchanged at https://sts.aliyuncs.com.
struct OidcRole {
  std::string role_arn, provider_arn;  // "acs:ram::123:role/spillway", "acs:ram::123:oidc-provider/ack-rrsa-..."
  std::string token_file;              // rotated by kubelet
  std::string session_name = "spillway";
};
std::unique_ptr<rest::CredentialSource> OidcRoleCredentials(Runtime& runtime, net::HttpClient& sts, OidcRole role);

}  // namespace spillway::cloud::alibaba
