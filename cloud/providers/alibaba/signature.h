#pragma once

#include <string>

#include "cloud/providers/alibaba/options.h"
#include "cloud/providers/rest/caller.h"

// Requests as Alibaba Cloud's RPC-style APIs take them; pure.
//
// Source: help.aliyun.com "Request syntax and signature method V3", "RPC signature".
namespace spillway::cloud::alibaba {

// "ImageId=x&RegionId=y": sorted, encoded; the query of a signature, and a form.
std::string CanonicalQuery(rest::Parameters parameters);

struct SignableRequest {
  std::string method = "POST", path = "/";
  std::string canonical_query, body;
  rest::Parameters headers;  // those to be signed, names in lower case
};
// The Authorization header of version 3, ACS3-HMAC-SHA256.
std::string Acs3Authorization(const SignableRequest& request, const rest::Credential& credential);
// The Signature parameter of version 1, HMAC-SHA1, over all parameters of query and form.
std::string RpcSignature(const std::string& method, const rest::Parameters& parameters, const std::string& secret);

// Of which service, and how signed.
struct Endpoint {
  std::string host;     // with its port when that is not 443
  std::string version;  // "2018-08-08"
  bool uses_rpc_signature = false;
  std::size_t longest_query = 8192;
};
net::HttpRequest Sign(const Endpoint& endpoint, const rest::Call& call, const rest::Credential& credential,
                      const rest::SigningMoment& moment);

}  // namespace spillway::cloud::alibaba
