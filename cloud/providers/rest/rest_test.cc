#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <nlohmann/json.hpp>

#include "base/scope.h"
#include "base/sim_runtime.h"
#include "base/testing/run_until.h"
#include "cloud/providers/rest/caller.h"
#include "cloud/providers/rest/credentials.h"
#include "cloud/providers/rest/digest.h"
#include "cloud/providers/rest/sizes.h"
#include "cloud/providers/rest/token_bucket.h"
#include "cloud/providers/rest/zone_rotation.h"

namespace spillway::cloud::rest {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

TEST(Digest, IsThePublishedOne) {
  EXPECT_EQ(Hex(Sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  // RFC 4231, case 2; RFC 2202, case 2.
  EXPECT_EQ(Hex(HmacSha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(Hex(HmacSha1("Jefe", "what do ya want for nothing?")), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
  EXPECT_EQ(PercentEncoded("v=a b*c~d/e\xe4\xb8\xad"), "v%3Da%20b%2Ac~d%2Fe%E4%B8%AD");
}

TEST(SizeTables, RoundUpAndNeverDown) {
  const SizeTable table = TableOf("2026-11-22", {{250, {0.5, 1}}, {1000, {2, 4, 8}}, {2000, {2, 4, 8, 16}}});
  constexpr std::int64_t kGiB = 1 << 30;
  EXPECT_EQ(table.RoundUp(1, 1), (InstanceSize{250, kGiB / 2}));
  EXPECT_EQ(table.RoundUp(251, 1), (InstanceSize{1000, 2 * kGiB}));
  EXPECT_EQ(table.RoundUp(1000, 8 * kGiB + 1), (InstanceSize{2000, 16 * kGiB})) << "more memory needs more CPU";
  EXPECT_EQ(table.RoundUp(2001, 1), std::nullopt);
}

class Zones : public ::testing::Test {
 protected:
  std::string Ids(const std::vector<Subnet>& subnets) {
    std::string ids;
    for (const Subnet& subnet : subnets) ids += subnet.id;
    return ids;
  }
  std::string Candidates(ZoneRotation& zones) { return Ids(zones.Candidates(runtime_.Now(), runtime_.random())); }
  SimRuntime runtime_{3};
  std::vector<Subnet> abc_ = {{"a", "zone-a"}, {"b", "zone-b"}, {"c", "zone-c"}};
};

TEST_F(Zones, OneOutOfStockIsLeftOutForAWhileAndLongerEachTime) {
  ZoneRotation zones(abc_, ZoneRotation::Strategy::kOrdered);
  zones.OnOutOfStock("a", runtime_.Now());
  zones.OnOutOfStock("unknown", runtime_.Now());
  EXPECT_EQ(Candidates(zones), "bc");
  EXPECT_EQ(Ids(zones.OutOfStock(runtime_.Now())), "a");
  runtime_.RunFor(61s);
  EXPECT_EQ(Candidates(zones), "abc");
  zones.OnOutOfStock("a", runtime_.Now());
  runtime_.RunFor(61s);
  EXPECT_EQ(Candidates(zones), "bc") << "two minutes the second time";
  zones.OnStock("a");
  EXPECT_EQ(Candidates(zones), "abc");
}

TEST_F(Zones, WhenAllAreOutOneIsTriedAllTheSame) {
  ZoneRotation zones(abc_, ZoneRotation::Strategy::kOrdered);
  for (const char* id : {"b", "a", "c"}) {
    zones.OnOutOfStock(id, runtime_.Now());
    runtime_.RunFor(1s);
  }
  EXPECT_EQ(Candidates(zones), "b");
}

TEST_F(Zones, RandomOrderIsEveryOrder) {
  ZoneRotation zones(abc_, ZoneRotation::Strategy::kRandom);
  std::set<std::string> orders;
  for (int i = 0; i < 200; ++i) orders.insert(Candidates(zones));
  EXPECT_THAT(orders, SizeIs(6));
}

TEST(TokenBuckets, GiveABurstThenARate) {
  SimRuntime runtime(1);
  TokenBucket bucket(runtime, {10, 5});
  for (int i = 0; i < 5; ++i) EXPECT_EQ(bucket.Reserve(0s), runtime.Now());
  EXPECT_EQ(bucket.Reserve(0s), std::nullopt);
  EXPECT_EQ(bucket.Reserve(1s), runtime.Now() + 100ms);
  EXPECT_EQ(bucket.Reserve(1s), runtime.Now() + 200ms) << "a refused one takes no place";
  runtime.RunFor(1h);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(bucket.Reserve(0s), runtime.Now());
  EXPECT_EQ(bucket.Reserve(0s), std::nullopt) << "no more than a burst is saved up";
}

TEST(TokenBuckets, GoSlowerWhenTheAccountIsSharedAndComeBack) {
  SimRuntime runtime(1);
  TokenBucket bucket(runtime, {10, 1});
  bucket.OnThrottled(3s);
  const Instant start = runtime.Now();
  EXPECT_EQ(bucket.Reserve(1min), start + 3s);
  EXPECT_EQ(bucket.Reserve(1min), start + 3s + 200ms) << "half the rate";
  runtime.RunFor(5min);
  const Instant now = runtime.Now();
  EXPECT_EQ(bucket.Reserve(1min), now);
  EXPECT_EQ(bucket.Reserve(1min), now + 100ms);
}

// ---- the caller

class Script final : public net::HttpClient {
 public:
  Task<Result<net::HttpResponse>> Send(net::HttpRequest request) override {
    sent.push_back(std::move(request));
    Result<net::HttpResponse> answer = net::HttpResponse{200, "{}", {}};
    if (!answers.empty()) {
      answer = std::move(answers.front());
      answers.pop_front();
    }
    co_return answer;
  }
  std::deque<Result<net::HttpResponse>> answers;
  std::vector<net::HttpRequest> sent;
};

class TwoKeys final : public CredentialSource {
 public:
  Task<Result<Credential>> Get() override {
    if (!trouble.empty()) co_return Fail(Code::kUnavailable, trouble);
    co_return Credential{distrusted ? "new" : "old", "s3cret", ""};
  }
  void Distrust() override { distrusted = true; }
  bool distrusted = false;
  std::string trouble;
};

Dialect Simple() {
  Dialect dialect;
  dialect.sign = [](const Call& call, const Credential& credential, const SigningMoment& moment) {
    net::HttpRequest request;
    request.path = "/" + call.api;
    request.headers = {{"key", credential.key_id}, {"date", base::FormatRfc3339(moment.now)}, {"nonce", moment.nonce}};
    return request;
  };
  dialect.read = [](const net::HttpResponse& response) -> CloudResult<nlohmann::json> {
    if (response.status == 200) return nlohmann::json::parse(response.body);
    CloudError failure;
    failure.cloud_code = response.body;
    failure.request_id = "4711";
    failure.refusal = response.status == 429 ? Refusal::kThrottled : Refusal::kInvalid;
    failure.error = Error{Code::kInvalidArgument, "no"};
    return tl::unexpected(std::move(failure));
  };
  dialect.is_clock_skew = [](const CloudError& failure) { return failure.cloud_code == "Skew"; };
  dialect.is_stale_credential = [](const CloudError& failure) { return failure.cloud_code == "Stale"; };
  return dialect;
}

class CallerTest : public ::testing::Test {
 protected:
  static Task<void> Keep(Caller& caller, std::vector<std::string>& outcomes) {
    Call call;
    call.api = "Create";
    auto result = co_await caller.Send(std::move(call));
    outcomes.push_back(result ? "ok" : ToString(result.error()));
  }
  std::string Ask() {
    std::vector<std::string> outcomes;
    TaskScope scope(runtime_);
    scope.Spawn(Keep(caller_, outcomes));
    EXPECT_TRUE(runtime_.RunUntil([&] { return !outcomes.empty(); }, 5min));
    return outcomes.empty() ? "" : outcomes[0];
  }
  static net::HttpResponse Says(int status, std::string body) {
    return {status, std::move(body), {{"date", "Thu, 06 Feb 2020 07:32:54 GMT"}}};
  }
  std::string Sent(std::size_t call, std::string_view header) {
    for (const auto& [name, value] : client_.sent.at(call).headers) {
      if (name == header) return value;
    }
    return {};
  }

  SimRuntime runtime_{11};
  Script client_;
  TwoKeys keys_;
  Caller caller_{runtime_, client_, keys_, Simple(), {.limits = {{"Create", {2, 2}}}}};
};

TEST_F(CallerTest, AFailureNamesTheApiTheCodeAndTheRequest) {
  client_.answers = {Says(400, "NoSuchZone")};
  EXPECT_EQ(Ask(), "[invalid] Create: NoSuchZone: no (request 4711)");
  EXPECT_THAT(client_.sent, SizeIs(1)) << "and nothing is tried again by itself";
}

TEST_F(CallerTest, AWrongClockIsSetByTheCloudsAndOnlyOnce) {
  client_.answers = {Says(400, "Skew"), Says(200, "{}"), Says(200, "{}")};
  EXPECT_EQ(Ask(), "ok");
  EXPECT_EQ(Sent(1, "date").substr(0, 17), "2020-02-06T07:32:");
  EXPECT_NE(Sent(0, "nonce"), Sent(1, "nonce"));
  EXPECT_EQ(Ask(), "ok");
  EXPECT_EQ(Sent(2, "date").substr(0, 11), "2020-02-06T");
  client_.answers = {Says(400, "Skew"), Says(400, "Skew")};
  EXPECT_THAT(Ask(), HasSubstr("Create: Skew")) << "the same clock again: it is something else";
}

TEST_F(CallerTest, RotatedCredentialsAreReadAgain) {
  client_.answers = {Says(400, "Stale"), Says(200, "{}")};
  EXPECT_EQ(Ask(), "ok");
  EXPECT_EQ(Sent(0, "key") + " " + Sent(1, "key"), "old new");
}

TEST_F(CallerTest, WithoutCredentialsNothingIsSentAndNothingWasDone) {
  keys_.trouble = "100.100.100.200: connection refused";
  EXPECT_EQ(Ask(), "[transient] Create: no credentials: 100.100.100.200: connection refused");
  EXPECT_TRUE(client_.sent.empty());
}

TEST_F(CallerTest, ALostAnswerIsUncertainAndNotSentAgain) {
  client_.answers = {Fail(Code::kUnavailable, "the connection broke before its answer")};
  EXPECT_EQ(Ask(), "[transient] Create: the connection broke before its answer");
  EXPECT_THAT(client_.sent, SizeIs(1));
  EXPECT_TRUE(NoAnswer(Error{Code::kMalformed, "SSH"}).is_uncertain());
}

TEST_F(CallerTest, KeepsToTheLimitAndSaysSoWhenTheLineIsTooLong) {
  std::vector<std::string> outcomes;
  TaskScope scope(runtime_);
  for (int i = 0; i < 60; ++i) scope.Spawn(Keep(caller_, outcomes));
  runtime_.RunFor(1ms);
  EXPECT_THAT(client_.sent, SizeIs(2));
  runtime_.RunFor(1s);
  EXPECT_THAT(client_.sent, SizeIs(4));
  runtime_.RunFor(30s);
  EXPECT_THAT(client_.sent, SizeIs(42)) << "a burst of 2, and 20 s of 2 a second";
  EXPECT_EQ(std::count(outcomes.begin(), outcomes.end(), "ok"), 42);
  EXPECT_THAT(outcomes, ::testing::Contains(HasSubstr("[throttled] Create: so many calls of ours")).Times(18));
  EXPECT_EQ(caller_.counts().at("Create").calls, 42u);
}

TEST_F(CallerTest, AThrottledCallMakesTheNextOnesWait) {
  client_.answers = {Says(429, "Throttling")};
  EXPECT_THAT(Ask(), HasSubstr("Throttling"));
  const Instant then = runtime_.Now();
  EXPECT_EQ(Ask(), "ok");
  EXPECT_GE(runtime_.Now() - then, 1s);
}

TEST(HttpDates, AreReadAsServersWriteThem) {
  EXPECT_EQ(base::FormatRfc3339(*ParseHttpDate("Thu, 06 Feb 2020 07:32:54 GMT")), "2020-02-06T07:32:54Z");
  for (const char* bad :
       {"", "Thu, 06 Feb 2020 07:32:54 CET", "Thu, 06 Foo 2020 07:32:54 GMT", "2020-02-06T07:32:54Z"}) {
    EXPECT_FALSE(ParseHttpDate(bad)) << bad;
  }
}

// ---- credentials

class Rental : public ::testing::Test {
 protected:
  static Task<void> Keep(CredentialSource& source, std::vector<std::string>& got) {
    auto credential = co_await source.Get();
    got.push_back(credential ? credential->key_id : credential.error().message);
  }
  std::vector<std::string> Get(int askers = 1) {
    std::vector<std::string> got;
    TaskScope scope(runtime_);
    for (int i = 0; i < askers; ++i) scope.Spawn(Keep(*source_, got));
    EXPECT_TRUE(runtime_.RunUntil([&] { return got.size() == static_cast<std::size_t>(askers); }, 1min));
    return got;
  }
  Task<Result<RentedCredential>> Rent() {
    ++rentals_;
    co_await runtime_.SleepFor(100ms);
    if (!trouble_.empty()) co_return Fail(Code::kUnavailable, trouble_);
    const std::string id = "key-" + std::to_string(++rented_);
    co_return RentedCredential{{id, "secret", "token"}, runtime_.WallNow() + 1h};
  }

  SimRuntime runtime_{1};
  int rented_ = 0, rentals_ = 0;
  std::string trouble_;
  std::unique_ptr<CredentialSource> source_ = RentedCredentials(runtime_, [this] { return Rent(); });
};

TEST_F(Rental, ManyWhoAskShareOneRental) {
  EXPECT_THAT(Get(3), ElementsAre("key-1", "key-1", "key-1"));
  EXPECT_THAT(Get(), ElementsAre("key-1"));
  runtime_.RunFor(56min);
  EXPECT_THAT(Get(), ElementsAre("key-2")) << "five minutes before the end";
}

TEST_F(Rental, WhatIsStillGoodOutlivesATokenServiceThatIsAway) {
  Get();
  trouble_ = "no answer";
  runtime_.RunFor(57min);
  EXPECT_THAT(Get(), ElementsAre("key-1"));
  EXPECT_THAT(Get(), ElementsAre("key-1"));
  EXPECT_EQ(rentals_, 2) << "not at each call";
  runtime_.RunFor(3min);
  EXPECT_THAT(Get(), ElementsAre("no answer"));
  trouble_.clear();
  EXPECT_THAT(Get(), ElementsAre("key-2"));
}

TEST_F(Rental, WhatTheCloudRefusedIsRentedAnew) {
  Get();
  source_->Distrust();
  EXPECT_THAT(Get(), ElementsAre("key-2"));
}

class Files : public ::testing::Test {
 protected:
  void Write(const std::string& name, const std::string& text) {
    std::FILE* file = std::fopen((directory_ + name).c_str(), "w");
    ASSERT_NE(file, nullptr);
    std::fputs(text.c_str(), file);
    std::fclose(file);
  }
  Result<Credential> Get() {
    std::optional<Result<Credential>> got;
    TaskScope scope(runtime_);
    scope.Spawn(Keep(*source_, got));
    runtime_.RunFor(1s);
    return *got;
  }
  static Task<void> Keep(CredentialSource& source, std::optional<Result<Credential>>& got) {
    got.emplace(co_await source.Get());
  }
  SimRuntime runtime_{1};
  std::string directory_ = ::testing::TempDir();
  std::unique_ptr<CredentialSource> source_ =
      CredentialFiles({directory_ + "key-id", directory_ + "secret", directory_ + "token"});
};

TEST_F(Files, AreReadAgainWhenSomebodyRotatesThem) {
  Write("key-id", "id-1\n");
  Write("secret", " s3cret \n");
  Write("token", "t\n");
  EXPECT_EQ(*Get(), (Credential{"id-1", "s3cret", "t"}));
  Write("key-id", "id-2 longer\n");
  EXPECT_EQ(Get()->key_id, "id-2 longer");
  Write("secret", "\n");
  const auto empty = Get();
  ASSERT_FALSE(empty);
  EXPECT_THAT(empty.error().message, HasSubstr("secret: the file is empty"));
  EXPECT_THAT(empty.error().message, Not(HasSubstr("id-2")));
  std::remove((directory_ + "key-id").c_str());
  EXPECT_THAT(Get().error().message, HasSubstr("key-id"));
}

}  // namespace
}  // namespace spillway::cloud::rest
