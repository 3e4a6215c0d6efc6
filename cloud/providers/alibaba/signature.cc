#include "cloud/providers/alibaba/signature.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/base64.h"
#include "cloud/providers/rest/digest.h"

namespace spillway::cloud::alibaba {
namespace {

using rest::Hex;
using rest::PercentEncoded;

constexpr std::string_view kAlgorithm = "ACS3-HMAC-SHA256";
constexpr const char* kForm = "application/x-www-form-urlencoded";

net::HttpRequest Framed(const rest::Call& call, const std::string& query, const std::string& form) {
  net::HttpRequest request;
  request.method = "POST";
  request.path = query.empty() ? "/" : "/?" + query;
  request.body = form;
  request.timeout = call.timeout;
  return request;
}

net::HttpRequest SignV3(const Endpoint& endpoint, const rest::Call& call, const rest::Credential& credential,
                        const rest::SigningMoment& moment) {
  std::string parameters = CanonicalQuery(call.parameters);
  const bool is_long = parameters.size() > endpoint.longest_query;
  SignableRequest signable;
  (is_long ? signable.body : signable.canonical_query) = std::move(parameters);
  signable.headers = {{"host", endpoint.host},
                      {"x-acs-action", call.api},
                      {"x-acs-content-sha256", Hex(rest::Sha256(signable.body))},
                      {"x-acs-date", base::FormatRfc3339(moment.now)},
                      {"x-acs-signature-nonce", moment.nonce},
                      {"x-acs-version", endpoint.version}};
  if (is_long) signable.headers.emplace_back("content-type", kForm);
  if (!credential.session_token.empty()) {
    signable.headers.emplace_back("x-acs-accesskey-id", credential.key_id);
    signable.headers.emplace_back("x-acs-security-token", credential.session_token);
  }
  net::HttpRequest request = Framed(call, signable.canonical_query, signable.body);
  request.headers = signable.headers;
  request.headers.emplace_back("accept", "application/json");
  request.headers.emplace_back("authorization", Acs3Authorization(signable, credential));
  return request;
}

net::HttpRequest SignV1(const Endpoint& endpoint, const rest::Call& call, const rest::Credential& credential,
                        const rest::SigningMoment& moment) {
  rest::Parameters common = {{"AccessKeyId", credential.key_id},
                             {"Action", call.api},
                             {"Format", "json"},
                             {"SignatureMethod", "HMAC-SHA1"},
                             {"SignatureNonce", moment.nonce},
                             {"SignatureVersion", "1.0"},
                             {"Timestamp", base::FormatRfc3339(moment.now)},
                             {"Version", endpoint.version}};
  if (!credential.session_token.empty()) common.emplace_back("SecurityToken", credential.session_token);
  rest::Parameters all = common;
  all.insert(all.end(), call.parameters.begin(), call.parameters.end());
  const std::string signature = RpcSignature("POST", all, credential.secret);
  std::string form = CanonicalQuery(call.parameters);
  const bool is_long = form.size() > endpoint.longest_query;
  rest::Parameters& in_query = is_long ? common : all;
  in_query.emplace_back("Signature", signature);
  net::HttpRequest request = Framed(call, CanonicalQuery(in_query), is_long ? form : "");
  if (is_long) request.headers.emplace_back("content-type", kForm);
  request.headers.emplace_back("accept", "application/json");
  return request;
}

}  // namespace

std::string CanonicalQuery(rest::Parameters parameters) {
  std::sort(parameters.begin(), parameters.end());
  std::string query;
  for (const auto& [name, value] : parameters) {
    if (!query.empty()) query += '&';
    query += PercentEncoded(name) + '=' + PercentEncoded(value);
  }
  return query;
}

std::string Acs3Authorization(const SignableRequest& request, const rest::Credential& credential) {
  rest::Parameters headers = request.headers;
  std::sort(headers.begin(), headers.end());
  std::string lines, names;
  for (const auto& [name, value] : headers) {
    lines += fmt::format("{}:{}\n", name, value);
    names += (names.empty() ? "" : ";") + name;
  }
  const std::string canonical = fmt::format("{}\n{}\n{}\n{}\n{}\n{}", request.method, request.path,
                                            request.canonical_query, lines, names, Hex(rest::Sha256(request.body)));
  const std::string to_sign = fmt::format("{}\n{}", kAlgorithm, Hex(rest::Sha256(canonical)));
  return fmt::format("{} Credential={},SignedHeaders={},Signature={}", kAlgorithm, credential.key_id, names,
                     Hex(rest::HmacSha256(credential.secret, to_sign)));
}

std::string RpcSignature(const std::string& method, const rest::Parameters& parameters, const std::string& secret) {
  const std::string to_sign = fmt::format("{}&%2F&{}", method, PercentEncoded(CanonicalQuery(parameters)));
  return EncodeBase64(rest::HmacSha1(secret + "&", to_sign));
}

net::HttpRequest Sign(const Endpoint& endpoint, const rest::Call& call, const rest::Credential& credential,
                      const rest::SigningMoment& moment) {
  return endpoint.uses_rpc_signature ? SignV1(endpoint, call, credential, moment)
                                     : SignV3(endpoint, call, credential, moment);
}

}  // namespace spillway::cloud::alibaba
