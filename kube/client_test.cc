#include "kube/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <ostream>

#include "base/scope.h"
#include "base/sim_runtime.h"
#include "kube/testing/fake_transport.h"

namespace spillway::kube {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using testing::FakeTransport;
using ::testing::HasSubstr;

// ---- ToError

struct StatusCase {
  int http;
  const char* reason;
  Code code;
};
void PrintTo(const StatusCase& each, std::ostream* out) { *out << each.http << ' ' << each.reason; }

class ToErrorCodes : public ::testing::TestWithParam<StatusCase> {};

TEST_P(ToErrorCodes, FollowStatusAndReason) {
  const Error error = ToError({GetParam().http, FakeTransport::StatusBody(GetParam().http, GetParam().reason, "why")});
  EXPECT_EQ(error.code, GetParam().code);
  EXPECT_EQ(error.message, "why");
  EXPECT_EQ(error.http_status, GetParam().http);
}

INSTANTIATE_TEST_SUITE_P(
    Table, ToErrorCodes,
    ::testing::Values(
        StatusCase{409, "AlreadyExists", Code::kAlreadyExists}, StatusCase{409, "Conflict", Code::kConflict},
        StatusCase{410, "Gone", Code::kGone}, StatusCase{410, "Expired", Code::kGone},
        StatusCase{400, "Expired", Code::kGone}, StatusCase{401, "Unauthorized", Code::kUnauthenticated},
        StatusCase{403, "Forbidden", Code::kPermissionDenied}, StatusCase{404, "NotFound", Code::kNotFound},
        StatusCase{422, "Invalid", Code::kInvalidArgument}, StatusCase{400, "BadRequest", Code::kInvalidArgument},
        StatusCase{429, "TooManyRequests", Code::kThrottled}, StatusCase{500, "InternalError", Code::kUnavailable},
        StatusCase{503, "ServiceUnavailable", Code::kUnavailable}, StatusCase{504, "Timeout", Code::kDeadlineExceeded},
        StatusCase{500, "Timeout", Code::kDeadlineExceeded}, StatusCase{418, "", Code::kInvalidArgument}));

TEST(ToError, TakesTheStatusOfAWatchsErrorEvent) {
  const Error error = ToError({200, FakeTransport::StatusBody(410, "Expired", "too old resource version: 5 (9)")});
  EXPECT_EQ(error.code, Code::kGone);
  EXPECT_EQ(error.http_status, 410);
}

TEST(ToError, KeepsReasonAndCauses) {
  // As kube-apiserver's NamespaceLifecycle answers.
  const Error error = ToError({403, R"({"kind":"Status","status":"Failure","reason":"Forbidden","code":403,
      "message":"pods \"p\" is forbidden: unable to create new content in namespace d because it is being terminated",
      "details":{"name":"p","kind":"pods","causes":[
        {"reason":"NamespaceTerminating","message":"namespace d is being terminated","field":"metadata.namespace"}]}})"});
  EXPECT_EQ(error.reason, "Forbidden");
  EXPECT_TRUE(error.HasCause("NamespaceTerminating"));
  EXPECT_FALSE(error.HasCause("Forbidden"));
  ASSERT_EQ(error.causes.size(), 1u);
  EXPECT_EQ(error.causes[0].field, "metadata.namespace");
  EXPECT_EQ(error.causes[0].message, "namespace d is being terminated");
}

TEST(ToError, TellsAStatusWithoutReasonFromNone) {
  EXPECT_EQ(ToError({429, R"({"kind":"Status","status":"Failure","message":"admission webhook denied"})"}).reason,
            "Failure");
  EXPECT_EQ(ToError({429, "Too many requests, please try again later.\n"}).reason, "");
}

TEST(ToError, TakesRetryAfterFromHeaderOrStatus) {
  EXPECT_EQ(ToError({429, "", 3s}).retry_after, 3s);
  EXPECT_EQ(ToError({429, R"({"kind":"Status","details":{"retryAfterSeconds":7}})"}).retry_after, 7s);
}

TEST(ToError, WaitsAMinuteAtMostWhoeverAsksForMore) {
  EXPECT_EQ(ToError({503, "", std::chrono::hours(1)}).retry_after, 60s);
  EXPECT_EQ(ToError({429, R"({"kind":"Status","details":{"retryAfterSeconds":9223372036854775807}})"}).retry_after,
            60s);
  EXPECT_EQ(ToError({429, R"({"kind":"Status","details":{"retryAfterSeconds":-5}})"}).retry_after, 0s);
}

TEST(ToError, SurvivesProxiesAndNonsense) {
  EXPECT_EQ(ToError({502, "<html>\n<b>Bad gateway</b></html>\n"}).message, "<html> <b>Bad gateway</b></html>");
  EXPECT_EQ(ToError({503, ""}).message, "the API server answered HTTP 503");
  for (const char* body : {"[]", "null", "7", R"({"kind":"Status","message":5,"reason":[],"code":"x","details":3})",
                           R"({"kind":"Status","details":{"causes":[7,{"reason":1}],"retryAfterSeconds":"x"}})"}) {
    EXPECT_EQ(ToError({503, body}).code, Code::kUnavailable) << body;
  }
}

TEST(ExplainRefusal, KeepsTheServersWordsAndSaysWhatWasAsked) {
  const Error forbidden{Code::kPermissionDenied, R"(nodes is forbidden: User "u" cannot list resource "nodes")"};
  EXPECT_EQ(
      ExplainRefusal(forbidden, "list", "nodes").message,
      R"(the API server refused to list nodes: nodes is forbidden: User "u" cannot list resource "nodes"; see docs/security.md#rbac)");
  EXPECT_THAT(ExplainRefusal({Code::kUnauthenticated, "Unauthorized"}, "list", "pods").message,
              HasSubstr("list pods was answered with 401 (Unauthorized)"));
  EXPECT_EQ(ExplainRefusal({Code::kUnavailable, "refused"}, "list", "pods").message, "list pods: refused");
}

TEST(UrlEncode, LeavesOnlyUnreservedBytes) {
  EXPECT_EQ(UrlEncode("status.phase!=Failed,a b"), "status.phase%21%3DFailed%2Ca%20b");
  EXPECT_EQ(UrlEncode("a-b_c.d~e"), "a-b_c.d~e");
  EXPECT_EQ(UrlEncode("\xe4\xb8\xad/"), "%E4%B8%AD%2F");
}

// ---- RateLimiter

Task<void> TakeToken(RateLimiter& limiter, Runtime& runtime, std::vector<std::pair<int, Duration>>& taken, int who) {
  const Instant began{};
  co_await limiter.Acquire();
  taken.emplace_back(who, runtime.Now() - began);
}

TEST(RateLimiter, BurstsThenKeepsToTheRateInOrder) {
  SimRuntime runtime(1);
  RateLimiter limiter(runtime, 10, 3);
  std::vector<std::pair<int, Duration>> taken;
  TaskScope scope(runtime);
  for (int who = 0; who < 6; ++who) scope.Spawn(TakeToken(limiter, runtime, taken, who));
  runtime.RunFor(10s);
  EXPECT_THAT(taken,
              ElementsAre(std::pair(0, Duration(0)), std::pair(1, Duration(0)), std::pair(2, Duration(0)),
                          std::pair(3, Duration(100ms)), std::pair(4, Duration(200ms)), std::pair(5, Duration(300ms))));
}

TEST(RateLimiter, GivesPlacesInTheSameOrderToThoseWhoWaitByThemselves) {
  SimRuntime runtime(1);
  RateLimiter limiter(runtime, 10, 2), unlimited(runtime, 0, 1);
  std::vector<Duration> places;
  for (int i = 0; i < 4; ++i) places.push_back(limiter.Reserve() - runtime.Now());
  EXPECT_THAT(places, ElementsAre(Duration(0), Duration(0), Duration(100ms), Duration(200ms)));
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(unlimited.Reserve(), runtime.Now());
}

TEST(RateLimiter, RefillsWhileIdleUpToTheBurst) {
  SimRuntime runtime(1);
  RateLimiter limiter(runtime, 10, 2);
  std::vector<std::pair<int, Duration>> taken;
  TaskScope scope(runtime);
  runtime.RunFor(60s);
  for (int who = 0; who < 3; ++who) scope.Spawn(TakeToken(limiter, runtime, taken, who));
  runtime.RunFor(1s);
  EXPECT_THAT(taken, ElementsAre(std::pair(0, Duration(60s)), std::pair(1, Duration(60s)),
                                 std::pair(2, Duration(60s + 100ms))));
}

// ---- Client

struct Observed final : ClientObserver {
  std::vector<std::string> lines;
  void OnRequest(std::string_view verb, int status, Duration took) override {
    lines.push_back(std::string(verb) + " " + std::to_string(status) + " " + base::FormatDuration(took));
  }
  void OnRateLimited(Duration waited) override { lines.push_back("waited " + base::FormatDuration(waited)); }
};

Task<void> Keep(Task<Result<json>> task, std::optional<Result<json>>& into) { into.emplace(co_await std::move(task)); }

class ClientTest : public ::testing::Test {
 protected:
  Result<json> Run(Task<Result<json>> task) {
    std::optional<Result<json>> result;
    scope_.Spawn(Keep(std::move(task), result));
    runtime_.RunFor(60s);
    return result ? std::move(*result) : Result<json>(Fail(Code::kInternal, "did not return"));
  }
  SimRuntime runtime_{1};
  FakeTransport transport_{runtime_};
  RateLimiter limiter_{runtime_, 50, 100};
  Observed observed_;
  Client client_{runtime_, transport_, limiter_, &observed_};
  TaskScope scope_{runtime_};
};

TEST_F(ClientTest, SendsTheVerbPathAndContentType) {
  transport_.on_request = [](const Request&) { return FakeTransport::Reply(200, "{}"); };
  json body;
  body["a"] = 1;
  Run(client_.Get("/g"));
  Run(client_.Create("/c", body));
  Run(client_.Update("/u", body));
  Run(client_.MergePatch("/m", body));
  Run(client_.StrategicPatch("/s", body));
  Run(client_.Delete("/d", body));
  std::vector<std::string> sent;
  for (const auto& r : transport_.requests())
    sent.push_back(std::string(ToString(r.method)) + " " + r.path + " " + r.content_type + " " + r.body);
  EXPECT_THAT(sent, ElementsAre("GET /g  ", R"(POST /c application/json {"a":1})", R"(PUT /u application/json {"a":1})",
                                R"(PATCH /m application/merge-patch+json {"a":1})",
                                R"(PATCH /s application/strategic-merge-patch+json {"a":1})",
                                R"(DELETE /d application/json {"a":1})"));
}

TEST_F(ClientTest, GivesTheBodyOrTheError) {
  transport_.on_request = [](const Request& request) {
    if (request.path == "/ok") return FakeTransport::Reply(201, R"({"x":[1]})");
    if (request.path.starts_with("/html")) return FakeTransport::Reply(200, "<html>");
    if (request.path == "/gone") return FakeTransport::Broken(Code::kUnavailable, "connection refused");
    return FakeTransport::Reply(409, FakeTransport::StatusBody(409, "Conflict", "changed"));
  };
  EXPECT_EQ(Run(client_.Get("/ok"))->at("x")[0], 1);
  EXPECT_EQ(Run(client_.Get("/conflict")).error().code, Code::kConflict);
  EXPECT_EQ(Run(client_.Get("/html?a=b")).error().message, "GET /html: the answer is not JSON");
  EXPECT_EQ(Run(client_.Get("/html")).error().code, Code::kMalformed);
  EXPECT_EQ(Run(client_.Get("/gone")).error().message, "GET /gone: connection refused");
}

TEST_F(ClientTest, NeverRetriesByItself) {
  transport_.on_request = [](const Request&) { return FakeTransport::Reply(503, ""); };
  EXPECT_EQ(Run(client_.Create("/c", json::object())).error().code, Code::kUnavailable);
  EXPECT_EQ(transport_.requests().size(), 1u);
}

TEST_F(ClientTest, TellsItsObserver) {
  transport_.latency = 20ms;
  transport_.on_request = [](const Request& r) {
    return r.path == "/a" ? FakeTransport::Reply(200, "{}") : FakeTransport::Broken(Code::kUnavailable, "refused");
  };
  Run(client_.Get("/a"));
  Run(client_.Get("/b"));
  EXPECT_THAT(observed_.lines, ElementsAre("GET 200 20ms", "GET 0 20ms"));
}

TEST_F(ClientTest, InvalidUtf8IsReplacedNotThrown) {
  transport_.on_request = [](const Request&) { return FakeTransport::Reply(200, "{}"); };
  json body;
  body["note"] = "\xff";
  EXPECT_TRUE(Run(client_.Create("/c", body)));
}

}  // namespace
}  // namespace spillway::kube
