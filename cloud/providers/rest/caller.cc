#include "cloud/providers/rest/caller.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

namespace spillway::cloud::rest {
namespace {

constexpr Duration kSmallSkew = 2s;  // not worth mending: then it is something else

CloudError Refused(Refusal refusal, Code code, std::string message, Duration retry_after = Duration(0)) {
  CloudError failure;
  failure.refusal = refusal;
  failure.error = Error{code, std::move(message)};
  failure.error.retry_after = retry_after;
  return failure;
}

}  // namespace

CloudError NoAnswer(Error error) {
  CloudError failure;
  failure.refusal = Refusal::kTransient;
  failure.error = std::move(error);
  // Something answered that is no cloud, and may have had one behind it.
  if (failure.error.code == Code::kMalformed) failure.error.code = Code::kUnavailable;
  return failure;
}

std::string HeaderOf(const net::HttpResponse& response, std::string_view lower_case_name) {
  for (const auto& [name, value] : response.headers) {
    if (name == lower_case_name) return value;
  }
  return {};
}

std::optional<WallTime> ParseHttpDate(std::string_view text) {
  constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  // "Thu, 06 Feb 2020 07:32:54 GMT"
  if (text.size() != 29 || text.substr(3, 2) != ", " || !text.ends_with(" GMT")) return std::nullopt;
  const auto month = std::find(kMonths.begin(), kMonths.end(), text.substr(8, 3));
  if (month == kMonths.end()) return std::nullopt;
  return base::ParseRfc3339(fmt::format("{}-{:02}-{}T{}Z", text.substr(12, 4), month - kMonths.begin() + 1,
                                        text.substr(5, 2), text.substr(17, 8)));
}

Caller::Caller(Runtime& runtime, net::HttpClient& client, CredentialSource& credentials, Dialect dialect,
               CallerOptions options)
    : runtime_(runtime),
      client_(client),
      credentials_(credentials),
      dialect_(std::move(dialect)),
      options_(std::move(options)) {}

TokenBucket& Caller::LineOf(const std::string& api) {
  if (const auto line = lines_.find(api); line != lines_.end()) return line->second;
  const auto named = options_.limits.find(api);
  RateLimit limit = named == options_.limits.end() ? options_.other_limit : named->second;
  limit.per_second *= options_.share;
  limit.burst = std::max(1, static_cast<int>(limit.burst * options_.share));
  return lines_.try_emplace(api, runtime_, limit).first->second;
}

SigningMoment Caller::Moment() {
  const std::uint64_t high = runtime_.random().Next(), low = runtime_.random().Next();
  return {runtime_.WallNow() + clock_offset_, fmt::format("{:016x}{:016x}", high, low)};
}

bool Caller::Mend(const CloudError& failure, const net::HttpResponse& response) {
  if (dialect_.is_stale_credential(failure)) {
    credentials_.Distrust();
    return true;
  }
  if (!dialect_.is_clock_skew(failure)) return false;
  const auto theirs = ParseHttpDate(HeaderOf(response, "date"));
  if (!theirs) return false;
  const Duration offset = *theirs - runtime_.WallNow(), change = offset - clock_offset_;
  if (change < kSmallSkew && change > -kSmallSkew) return false;
  clock_offset_ = offset;
  return true;
}

Task<CloudResult<nlohmann::json>> Caller::Try(const Call& call, bool* may_try_again) {
  *may_try_again = false;
  TokenBucket& line = LineOf(call.api);
  const auto place = line.Reserve(options_.patience);
  if (!place) {
    co_return tl::unexpected(Refused(Refusal::kThrottled, Code::kThrottled,
                                     "so many calls of ours wait for their turn that this one would take too long",
                                     line.wait() - options_.patience));
  }
  if (*place > runtime_.Now()) co_await runtime_.SleepUntil(*place);
  Result<Credential> credential = co_await credentials_.Get();
  if (!credential) {
    const bool is_passing = credential.error().code == Code::kUnavailable;
    // Nothing has been sent: kUnavailable and kDeadlineExceeded would say that it may have been carried out.
    co_return tl::unexpected(Refused(is_passing ? Refusal::kTransient : Refusal::kAuth, Code::kUnauthenticated,
                                     "no credentials: " + credential.error().message));
  }
  net::HttpRequest request = dialect_.sign(call, *credential, Moment());
  request.timeout = call.timeout;
  ++counts_[call.api].calls;
  Result<net::HttpResponse> response = co_await client_.Send(std::move(request));
  if (!response) co_return tl::unexpected(NoAnswer(std::move(response.error())));
  CloudResult<nlohmann::json> result = dialect_.read(*response);
  if (result) co_return result;
  if (result.error().refusal == Refusal::kThrottled) {
    ++counts_[call.api].throttled;
    line.OnThrottled(result.error().error.retry_after);
  }
  *may_try_again = Mend(result.error(), *response);
  co_return result;
}

Task<CloudResult<nlohmann::json>> Caller::Send(Call call) {
  bool may_try_again = false;
  CloudResult<nlohmann::json> result = co_await Try(call, &may_try_again);
  if (!result && may_try_again) result = co_await Try(call, &may_try_again);
  if (result) co_return result;
  ++counts_[call.api].failed;
  CloudError failure = std::move(result.error());
  const std::string& code = failure.cloud_code;
  failure.error = std::move(failure.error).Annotated(code.empty() ? call.api : fmt::format("{}: {}", call.api, code));
  co_return tl::unexpected(std::move(failure));
}

}  // namespace spillway::cloud::rest
