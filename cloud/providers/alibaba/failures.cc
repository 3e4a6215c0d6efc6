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

namespace spillway::cloud::alibaba {
namespace {

struct Rule {
  std::string_view part;
  bool at_start = false;
  Refusal refusal = Refusal::kTransient;
  Code code = Code::kInvalidArgument;
  const char* next_step = "";
};

// The first that matches decides.
constexpr Rule kRules[] = {
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

Rule ByStatus(int status) {
  if (status == 401) return {"", false, Refusal::kAuth, Code::kUnauthenticated};
  if (status == 403) return {"", false, Refusal::kAuth, Code::kPermissionDenied};
  if (status == 429) return {"", false, Refusal::kThrottled, Code::kThrottled};
  if (status >= 400 && status < 500) return {"", false, Refusal::kInvalid, Code::kInvalidArgument};
  return {"", false, Refusal::kTransient, Code::kUnavailable};
}

bool Matches(const Rule& rule, std::string_view code) {
  return rule.at_start ? code.starts_with(rule.part) : code.find(rule.part) != std::string_view::npos;
}

Rule RuleOf(std::string_view code, int status) {
  const auto* const rule =
      std::find_if(std::begin(kRules), std::end(kRules), [&](const Rule& one) { return Matches(one, code); });
  return rule == std::end(kRules) ? ByStatus(status) : *rule;
}

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
  failure.cloud_code = TextAt(answer, "Code");
  failure.request_id = TextAt(answer, "RequestId");
  if (is_success || failure.cloud_code.empty()) {
    failure.refusal = ByStatus(response.status).refusal;
    failure.error = Error{is_success ? Code::kUnavailable : ByStatus(response.status).code,
                          fmt::format("HTTP {} with no answer of this API", response.status)};
  } else {
    const Rule rule = RuleOf(failure.cloud_code, response.status);
    failure.refusal = rule.refusal;
    std::string text = Words(TextAt(answer, "Message"));
    if (*rule.next_step != '\0') text += fmt::format("; {}", rule.next_step);
    failure.error = Error{rule.code, std::move(text)};
  }
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
