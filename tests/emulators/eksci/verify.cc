#include "tests/emulators/eksci/verify.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>

#include "tests/emulators/common/digest.h"

namespace spillway::emulators::eksci {
namespace {

constexpr Duration kLargestSkew = 5min;
constexpr const char* kAlgorithm = "TC3-HMAC-SHA256";

// "... Name=value, Other=..." -> "value"
std::string Field(const std::string& text, const std::string& name) {
  const auto at = text.find(name + "=");
  if (at == std::string::npos) return {};
  const auto begin = at + name.size() + 1;
  return text.substr(begin, std::min(text.find(',', begin), text.size()) - begin);
}

std::string InLowerCase(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return text;
}

std::string CanonicalHeaders(const net::ServerRequest& request, const std::string& names) {
  std::string lines;
  for (std::size_t at = 0; at < names.size();) {
    const std::size_t end = std::min(names.find(';', at), names.size());
    const std::string name = names.substr(at, end - at);
    lines += fmt::format("{}:{}\n", name, InLowerCase(request.Header(name)));
    at = end + 1;
  }
  return lines;
}

}  // namespace

Complaint Verify(const net::ServerRequest& request, const std::map<std::string, Key>& keys, WallTime now) {
  const std::string authorization = request.Header("authorization");
  if (!authorization.starts_with(kAlgorithm)) return {"AuthFailure.InvalidAuthorization", "the request is not signed"};
  const std::string credential = Field(authorization, "Credential");
  const std::size_t slash = credential.find('/');
  if (slash == std::string::npos) return {"AuthFailure.InvalidAuthorization", "the credential has no scope"};
  const std::string id = credential.substr(0, slash), scope = credential.substr(slash + 1);
  const auto key = keys.find(id);
  if (key == keys.end()) return {"AuthFailure.SecretIdNotFound", "the SecretId is not found"};
  if (key->second.is_expired || request.Header("x-tc-token") != key->second.session_token)
    return {"AuthFailure.TokenFailure", "the token is wrong"};
  const std::string timestamp = request.Header("x-tc-timestamp");
  const WallTime then{std::chrono::seconds(std::atoll(timestamp.c_str()))};
  if (then - now > kLargestSkew || now - then > kLargestSkew)
    return {"AuthFailure.SignatureExpire", "the signature has expired"};
  const std::string date = base::FormatRfc3339(then).substr(0, 10);
  if (scope != date + "/tke/tc3_request") return {"AuthFailure.SignatureFailure", "the scope is another"};
  const std::string names = Field(authorization, "SignedHeaders"), lines = CanonicalHeaders(request, names);
  for (const char* must : {"content-type", "host"}) {
    if (lines.find(fmt::format("{}:", must)) == std::string::npos)
      return {"AuthFailure.SignatureFailure", fmt::format("{} is not signed", must)};
  }
  const std::string canonical = fmt::format("{}\n{}\n{}\n{}\n{}\n{}", request.method, request.path, request.query,
                                            lines, names, HexDigest(request.body));
  const std::string to_sign = fmt::format("{}\n{}\n{}\n{}", kAlgorithm, timestamp, scope, HexDigest(canonical));
  const std::string signing = MacSha256(MacSha256(MacSha256("TC3" + key->second.secret, date), "tke"), "tc3_request");
  if (Hex(MacSha256(signing, to_sign)) != Field(authorization, "Signature"))
    return {"AuthFailure.SignatureFailure", "the signature is another"};
  return {};
}

}  // namespace spillway::emulators::eksci
