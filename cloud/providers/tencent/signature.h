#pragma once

#include <string>

#include "cloud/providers/rest/caller.h"

// Requests as Tencent Cloud's API 3.0 takes them; pure.
//
// Source: cloud.tencent.com/document/api/213/30654, "Signature v3".
namespace spillway::cloud::tencent {

struct SignableRequest {
  std::string method = "POST", path = "/", canonical_query, body;
  rest::Parameters headers;  // those to be signed, names in lower case
};
// The Authorization header, TC3-HMAC-SHA256. `service`: "tke".
std::string Tc3Authorization(const SignableRequest& request, const rest::Credential& credential,
                             const std::string& service, WallTime now);

struct Endpoint {
  std::string host;  // as the Host header has it; the first part of its name need not be the service's
  std::string service, version, region;
};
// A call whose body is JSON, addressed and signed.
net::HttpRequest Sign(const Endpoint& endpoint, const rest::Call& call, const rest::Credential& credential,
                      const rest::SigningMoment& moment);

}  // namespace spillway::cloud::tencent
