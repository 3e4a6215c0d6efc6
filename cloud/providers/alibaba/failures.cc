#include "cloud/providers/alibaba/failures.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "cloud/json.h"
#include "cloud/providers/rest/caller.h"
#include "cloud/providers/rest/error_rules.h"

namespace spillway::cloud::alibaba {
namespace {

constexpr rest::ErrorRule kRules[] = {
    {"Throttling", true, Refusal::kThrottled, Code::kThrottled},
    {"Degrade.Api", true, Refusal::kThrottled, Code::kThrottled},
    {"FlowControl", false, Refusal::kThrottled, Code::kThrottled},
    {"IdempotentParameterMismatch", false, Refusal::kTokenMismatch, Code::kInvalidArgument},
    {"IllegalTimestamp", true, Refusal::kTransient, Code::kUnauthenticated, "set this machine's clock"},
    {"InvalidTimeStamp", true, Refusal::kTransient, Code::kUnauthenticated, "set this machine's clock"},
    {"SignatureNonceUsed", true, Refusal::kTransient, Code::kUnauthenticated},
    {"NoStock", false, Refusal::kStock, Code::kInvalidArgument, "add VSwitches in other zones, or instance types"},
    {"Stock", false, Refusal::kStock, Code::kInvalidArgument, "add VSwitches in other zones, or instance types"},
    {"NotOnSale", false, Refusal::kStock, Code::kInvalidArgument, "add VSwitches in other zones, or instance types"},
    {"ResourceNotAvailable", false, Refusal::kStock, Code::kInvalidArgument},
    {"Quota", false, Refusal::kQuota, Code::kInvalidArgument, "ask for more in the console's quota centre"},
    {"LimitExceed", false, Refusal::kQuota, Code::kInvalidArgument, "ask for more in the console's quota centre"},
    {"Arrear", false, Refusal::kQuota, Code::kInvalidArgument, "pay the account's bill"},
    {"InsufficientBalance", false, Refusal::kQuota, Code::kInvalidArgument, "pay the account's bill"},
    {"InvalidAccessKeyId", true, Refusal::kAuth, Code::kUnauthenticated, "check the AccessKey"},
    {"InvalidSecurityToken", true, Refusal::kAuth, Code::kUnauthenticated, "check the STS token"},
    {"SignatureDoesNotMatch", false, Refusal::kAuth, Code::kUnauthenticated, "check the AccessKey secret"},
    {"IncompleteSignature", true, Refusal::kAuth, Code::kUnauthenticated, "check the AccessKey secret"},
    {"Forbidden", true, Refusal::kAuth, Code::kPermissionDenied, "see docs/alibaba-eci.md, permissions"},
    {"NoPermission", true, Refusal::kAuth, Code::kPermissionDenied, "see docs/alibaba-eci.md, permissions"},
    {"NotAuthorized", false, Refusal::kAuth, Code::kPermissionDenied, "see docs/alibaba-eci.md, permissions"},
    {"ServiceLinkedRole.Denied", false, Refusal::kAuth, Code::kPermissionDenied,
     "see docs/alibaba-eci.md, permissions"},
    {"ContainerGroup.NotFound", false, Refusal::kInvalid, Code::kNotFound},
    {"ContainerGroupId.NotFound", false, Refusal::kInvalid, Code::kNotFound},
    {"ContainerGroupNotFound", false, Refusal::kInvalid, Code::kNotFound},
    {".Container.NotFound", false, Refusal::kInvalid, Code::kNotFound},
};

// x-acs-retry-after counts milliseconds, Retry-After seconds.
Duration RetryAfter(const net::HttpResponse& response) {
  for (const auto& [name, unit] : {std::pair{"x-acs-retry-after", Duration(1ms)}, {"retry-after", Duration(1s)}}) {
    const std::string text = rest::HeaderOf(response, name);
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc() && number > 0)
      return std::min<Duration>(std::min<std::int64_t>(number, 3'600'000) * unit, 1min);
  }
  return Duration(0);
}

}  // namespace

CloudResult<nlohmann::json> ReadAnswer(const net::HttpResponse& response) {
  Json answer = Json::parse(response.body, nullptr, false);
  const bool is_success = response.status >= 200 && response.status < 300;
  if (is_success && answer.is_object()) return answer;
  CloudError failure;
  const std::string code = TextAt(answer, "Code");
  if (is_success || code.empty()) {
    failure = rest::NotAnAnswer(response.status);
  } else {
    failure = rest::ToldBy(rest::RuleOf(kRules, code, response.status), TextAt(answer, "Message"));
  }
  failure.cloud_code = code;
  failure.request_id = TextAt(answer, "RequestId");
  failure.error.http_status = response.status;
  failure.error.retry_after = RetryAfter(response);
  return tl::unexpected(std::move(failure));
}

bool IsClockSkew(const CloudError& failure) {
  return failure.cloud_code.starts_with("IllegalTimestamp") || failure.cloud_code.starts_with("InvalidTimeStamp");
}

bool IsStaleCredential(const CloudError& failure) {
  return failure.refusal == Refusal::kAuth && failure.error.code == Code::kUnauthenticated;
}

Refusal RefusalOfReason(std::string_view reason) {
  if (reason == "NoStock" || reason == "StockExhaust" || reason == "StockClose") return Refusal::kStock;
  if (reason == "InsufficientBalance" || reason == "DiskCapacityQuotaFull") return Refusal::kQuota;
  if (reason == "AttachDiskFailed" || reason == "CpuOptionsNotSupported") return Refusal::kInvalid;
  return Refusal::kTransient;
}

}  // namespace spillway::cloud::alibaba
