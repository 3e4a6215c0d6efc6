#include "cloud/providers/tencent/signature.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "cloud/providers/rest/digest.h"

namespace spillway::cloud::tencent {
namespace {

using rest::Hex;
using rest::HmacSha256;

constexpr const char* kTc3Algorithm = "TC3-HMAC-SHA256";
constexpr const char* kRequestKind = "tc3_request";

std::string InLowerCase(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return text;
}

std::int64_t Seconds(WallTime time) {
  return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}

}  // namespace

std::string Tc3Authorization(const SignableRequest& request, const rest::Credential& credential,
                             const std::string& service, WallTime now) {
  rest::Parameters headers = request.headers;
  std::sort(headers.begin(), headers.end());
  std::string lines, names;
  for (const auto& [name, value] : headers) {
    lines += fmt::format("{}:{}\n", name, InLowerCase(value));
    names += (names.empty() ? "" : ";") + name;
  }
  const std::string canonical = fmt::format("{}\n{}\n{}\n{}\n{}\n{}", request.method, request.path,
                                            request.canonical_query, lines, names, Hex(rest::Sha256(request.body)));
  const std::string date = base::FormatRfc3339(now).substr(0, 10);
  const std::string scope = fmt::format("{}/{}/{}", date, service, kRequestKind);
  const std::string to_sign =
      fmt::format("{}\n{}\n{}\n{}", kTc3Algorithm, Seconds(now), scope, Hex(rest::Sha256(canonical)));
  const std::string key = HmacSha256(HmacSha256(HmacSha256("TC3" + credential.secret, date), service), kRequestKind);
  return fmt::format("{} Credential={}/{}, SignedHeaders={}, Signature={}", kTc3Algorithm, credential.key_id, scope,
                     names, Hex(HmacSha256(key, to_sign)));
}

net::HttpRequest Sign(const Endpoint& endpoint, const rest::Call& call, const rest::Credential& credential,
                      const rest::SigningMoment& moment) {
  SignableRequest signable;
  signable.body = call.body.empty() ? "{}" : call.body;
  signable.headers = {{"content-type", "application/json"}, {"host", endpoint.host}};  // what the vendor's SDKs sign
  net::HttpRequest request;
  request.method = signable.method;
  request.path = signable.path;
  request.timeout = call.timeout;
  request.headers = signable.headers;
  request.headers.emplace_back("authorization", Tc3Authorization(signable, credential, endpoint.service, moment.now));
  request.headers.emplace_back("x-tc-action", call.api);
  request.headers.emplace_back("x-tc-version", endpoint.version);
  request.headers.emplace_back("x-tc-region", endpoint.region);
  request.headers.emplace_back("x-tc-timestamp", fmt::format("{}", Seconds(moment.now)));
  if (!credential.session_token.empty()) request.headers.emplace_back("x-tc-token", credential.session_token);
  request.body = std::move(signable.body);
  return request;
}

}  // namespace spillway::cloud::tencent
