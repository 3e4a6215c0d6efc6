#include "tests/emulators/eci/verify.h"

#include <fmt/core.h>

#include <algorithm>
#include <vector>

#include "base/base64.h"
#include "tests/emulators/common/digest.h"

namespace spillway::emulators::eci {
namespace {

constexpr Duration kLargestSkew = 15min;

std::string Escape(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    const bool is_plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          std::string_view("-_.~").find(c) != std::string_view::npos;
    escaped += is_plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return escaped;
}

std::string SortedQuery(const ParameterMap& parameters) {
  std::string query;
  for (const auto& [name, value] : parameters) query += (query.empty() ? "" : "&") + Escape(name) + "=" + Escape(value);
  return query;
}

// "SignedHeaders=a;b,Signature=c" -> the value behind `name`.
std::string Field(const std::string& text, const std::string& name) {
  const auto at = text.find(name + "=");
  if (at == std::string::npos) return {};
  const auto begin = at + name.size() + 1;
  return text.substr(begin, std::min(text.find(',', begin), text.size()) - begin);
}

Verdict CheckKey(const std::map<std::string, Key>& keys, const std::string& id, const std::string& token) {
  const auto key = keys.find(id);
  if (key == keys.end()) return {404, "InvalidAccessKeyId.NotFound", "the specified access key is not found"};
  if (key->second.session_token != token) return {400, "InvalidSecurityToken.Malformed", "the security token is wrong"};
  if (key->second.is_expired) return {400, "InvalidSecurityToken.Expired", "the security token has expired"};
  return {};
}

Verdict CheckDate(const std::string& text, WallTime now) {
  const auto date = base::ParseRfc3339(text);
  if (!date) return {400, "IllegalTimestamp", "the date is malformed"};
  const Duration skew = now - *date;
  if (skew > kLargestSkew || skew < -kLargestSkew)
    return {400, "InvalidTimeStamp.Expired", "the date is too far from now"};
  return {};
}

void AddAll(ParameterMap& into, const std::string& encoded) {
  for (auto& [name, value] : net::ParseQuery(encoded)) into[name] = value;
}

Verdict VerifyV3(const net::ServerRequest& request, const std::map<std::string, Key>& keys, WallTime now,
                 SignedCall& call) {
  const std::string authorization = request.Header("authorization");
  call.api = request.Header("x-acs-action");
  call.version = request.Header("x-acs-version");
  call.nonce = request.Header("x-acs-signature-nonce");
  call.date = request.Header("x-acs-date");
  call.key_id = Field(authorization, "ACS3-HMAC-SHA256 Credential");
  ParameterMap query;
  AddAll(query, request.query);
  call.parameters = query;
  AddAll(call.parameters, request.body);
  if (Verdict key = CheckKey(keys, call.key_id, request.Header("x-acs-security-token")); !key.code.empty()) return key;
  const std::string names = Field(authorization, "SignedHeaders"), hash = HexDigest(request.body);
  std::string lines;
  for (std::size_t at = 0; at < names.size();) {
    const std::size_t end = std::min(names.find(';', at), names.size());
    const std::string name = names.substr(at, end - at);
    lines += fmt::format("{}:{}\n", name, request.Header(name));
    at = end + 1;
  }
  for (const char* must :
       {"host", "x-acs-action", "x-acs-content-sha256", "x-acs-date", "x-acs-signature-nonce", "x-acs-version"}) {
    if (lines.find(fmt::format("{}:", must)) == std::string::npos) {
      return {400, "IncompleteSignature", fmt::format("{} is not signed", must)};
    }
  }
  if (request.Header("x-acs-content-sha256") != hash)
    return {400, "SignatureDoesNotMatch", "the body has another digest"};
  const std::string canonical =
      fmt::format("{}\n{}\n{}\n{}\n{}\n{}", request.method, request.path, SortedQuery(query), lines, names, hash);
  const std::string mac = MacSha256(keys.at(call.key_id).secret, "ACS3-HMAC-SHA256\n" + HexDigest(canonical));
  if (Hex(mac) != Field(authorization, "Signature")) return {400, "SignatureDoesNotMatch", "the signature is another"};
  return CheckDate(call.date, now);
}

Verdict VerifyV1(const net::ServerRequest& request, const std::map<std::string, Key>& keys, WallTime now,
                 SignedCall& call) {
  ParameterMap all;
  AddAll(all, request.query);
  AddAll(all, request.body);
  const std::string signature = At(all, "Signature");
  all.erase("Signature");
  call.api = At(all, "Action");
  call.version = At(all, "Version");
  call.nonce = At(all, "SignatureNonce");
  call.date = At(all, "Timestamp");
  call.key_id = At(all, "AccessKeyId");
  if (Verdict key = CheckKey(keys, call.key_id, At(all, "SecurityToken")); !key.code.empty()) return key;
  const std::string to_sign = fmt::format("{}&%2F&{}", request.method, Escape(SortedQuery(all)));
  const std::string right = EncodeBase64(MacSha1(keys.at(call.key_id).secret + "&", to_sign));
  if (signature != right) return {400, "SignatureDoesNotMatch", "the signature is another"};
  call.parameters = all;
  for (const char* common : {"Action", "Version", "Format", "AccessKeyId", "SignatureMethod", "SignatureNonce",
                             "SignatureVersion", "Timestamp", "SecurityToken"}) {
    call.parameters.erase(common);
  }
  return CheckDate(call.date, now);
}

}  // namespace

Verdict Verify(const net::ServerRequest& request, const std::map<std::string, Key>& keys, WallTime now,
               SignedCall& call) {
  if (request.Header("authorization").starts_with("ACS3-HMAC-SHA256 ")) return VerifyV3(request, keys, now, call);
  if (request.query.find("SignatureMethod=HMAC-SHA1") != std::string::npos) return VerifyV1(request, keys, now, call);
  return {400, "IncompleteSignature", "the request is not signed"};
}

}  // namespace spillway::emulators::eci
