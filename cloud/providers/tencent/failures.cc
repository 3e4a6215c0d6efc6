#include "cloud/providers/tencent/failures.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "cloud/json.h"
#include "cloud/providers/rest/error_rules.h"

namespace spillway::cloud::tencent {
namespace {

constexpr const char* kClock = "set this machine's clock";
constexpr const char* kKey = "check the SecretId and the SecretKey";
constexpr const char* kPermissions = "see docs/tencent-eksci.md, permissions";
constexpr const char* kPlaces = "add subnets in other zones";
constexpr const char* kMore = "ask for more in the console, or delete what is not needed";

constexpr rest::ErrorRule kTencentRules[] = {
    {"RequestLimitExceeded", true, Refusal::kThrottled, Code::kThrottled},
    {"AuthFailure.SignatureExpire", true, Refusal::kTransient, Code::kUnauthenticated, kClock},
    {"AuthFailure.TokenFailure", true, Refusal::kAuth, Code::kUnauthenticated, "check the session token"},
    {"UnauthorizedOperation", false, Refusal::kAuth, Code::kPermissionDenied, kPermissions},
    {"NoAuth", false, Refusal::kAuth, Code::kPermissionDenied, kPermissions},
    {"RBACForbidden", false, Refusal::kAuth, Code::kPermissionDenied, kPermissions},
    {"AuthFailure", true, Refusal::kAuth, Code::kUnauthenticated, kKey},
    {"ActionOffline", true, Refusal::kAuth, Code::kPermissionDenied, "EKSCI is not offered to this account any more"},
    {"InsufficientBalance", false, Refusal::kQuota, Code::kInvalidArgument, "pay the account's bill"},
    {"Arrears", false, Refusal::kQuota, Code::kInvalidArgument, "pay the account's bill"},
    {"SoldOut", false, Refusal::kStock, Code::kInvalidArgument, kPlaces},
    {"ResourceInsufficient", true, Refusal::kStock, Code::kInvalidArgument, kPlaces},
    {"Insufficient", false, Refusal::kStock, Code::kInvalidArgument, kPlaces},
    {"InvalidParameter", true, Refusal::kInvalid, Code::kInvalidArgument},
    {"Quota", false, Refusal::kQuota, Code::kInvalidArgument, kMore},
    {"LimitExceeded", false, Refusal::kQuota, Code::kInvalidArgument, kMore},
    {"ContainerNotFound", false, Refusal::kInvalid, Code::kNotFound},
    {"ResourceNotFound", true, Refusal::kInvalid, Code::kNotFound},
    {"ResourceUnavailable", true, Refusal::kTransient, Code::kConflict},
    {"ResourceInUse", true, Refusal::kTransient, Code::kConflict},
    {"InternalError.Param", true, Refusal::kInvalid, Code::kInvalidArgument},
    {"InternalError", true, Refusal::kTransient, Code::kUnavailable},
    {"FailedOperation", true, Refusal::kTransient, Code::kUnavailable},
};
// Of codes that no rule knows: what the cloud does not take.
constexpr int kBadRequest = 400;

// Why there is no place for an instance, as events say it in English.
constexpr std::string_view kNoPlace[] = {"sold out",     "soldout",      "insufficient", "not enough",      "is empty",
                                         "no available", "out of stock", "exhausted",    "ResourcesSoldOut"};
constexpr std::string_view kPlacing[] = {"CreatePodSandboxFailed", "FailedCreatePodSandBox", "FailedScheduling"};

}  // namespace

CloudResult<nlohmann::json> ReadAnswer(const net::HttpResponse& response) {
  const Json answer = Json::parse(response.body, nullptr, false);
  const Json& content = At(answer, "Response");
  const std::string code = TextAt(content, "Error", "Code");
  const bool is_success = response.status >= 200 && response.status < 300;
  if (is_success && content.is_object() && code.empty()) return content;
  CloudError failure = rest::NotAnAnswer(response.status);
  if (!code.empty()) {
    const int status = is_success ? kBadRequest : response.status;
    failure = rest::ToldBy(rest::RuleOf(kTencentRules, code, status), TextAt(content, "Error", "Message"));
  }
  failure.cloud_code = code;
  failure.request_id = TextAt(content, "RequestId");
  failure.error.http_status = response.status;
  return tl::unexpected(std::move(failure));
}

bool IsClockSkew(const CloudError& failure) { return failure.cloud_code.starts_with("AuthFailure.SignatureExpire"); }

bool IsStaleCredential(const CloudError& failure) {
  return failure.refusal == Refusal::kAuth && failure.error.code == Code::kUnauthenticated;
}

std::optional<Refusal> RefusalOfEvent(std::string_view reason, std::string_view message) {
  if (std::find(std::begin(kPlacing), std::end(kPlacing), reason) == std::end(kPlacing)) return std::nullopt;
  const auto is_said = [&](std::string_view words) { return message.find(words) != std::string_view::npos; };
  if (std::any_of(std::begin(kNoPlace), std::end(kNoPlace), is_said)) return Refusal::kStock;
  return std::nullopt;
}

}  // namespace spillway::cloud::tencent
