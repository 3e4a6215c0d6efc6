#pragma once

#include <memory>
#include <string>

#include "base/runtime.h"
#include "cloud/providers/rest/credentials.h"
#include "net/http_client.h"

namespace spillway::cloud::tencent {

// The temporary keys of the CAM role of the machine that this process runs on; `role` empty: the one it has. `metadata`
// leads to the metadata service. Both outlive it.
//
// Source: cloud.tencent.com/document/product/213/4934, "instance metadata", cam/security-credentials.
std::unique_ptr<rest::CredentialSource> MachineRoleCredentials(Runtime& runtime, net::HttpClient& metadata,
                                                               std::string role);

}  // namespace spillway::cloud::tencent
