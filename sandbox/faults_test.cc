#include "sandbox/faults.h"

#include "sandbox/json_path.h"
#include "sandbox/testing/api_fixture.h"

namespace spillway::sandbox {
namespace {

using kube::Method;

constexpr const char* kMaps = "/api/v1/namespaces/default/configmaps";

class FaultsTest : public testing::Test, public ApiFixture {
 protected:
  kube::Request Creation(const std::string& name) {
    kube::Request request;
    request.method = Method::kPost;
    request.path = kMaps;
    request.body = ConfigMapNamed(name).dump();
    return request;
  }
  bool Exists(const std::string& name) { return store().Get("configmaps", "default", name).has_value(); }
};

TEST_F(FaultsTest, ALostReplyIsCarriedOut) {
  api.faults().Add({.verb = "create", .lost_reply = 1});
  const auto answer = Send(Creation("c"));
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().code, Code::kUnavailable);
  EXPECT_TRUE(Exists("c"));
}

TEST_F(FaultsTest, RefusalsAreNotCarriedOut) {
  const auto id = api.faults().Add({.resource = "configmaps", .throttle = 1});
  const auto throttled = Send(Creation("c"));
  EXPECT_EQ(throttled->status, 429);
  EXPECT_EQ(throttled->retry_after, std::chrono::seconds(1));
  api.faults().Remove(id);
  api.faults().Add({.conflict = 1});
  EXPECT_EQ(Send(Creation("c"))->status, 409);
  EXPECT_EQ(Call(Method::kGet, kMaps).status, 200);  // reads do not conflict
  api.faults().Clear();
  EXPECT_FALSE(Exists("c"));
  EXPECT_EQ(Send(Creation("c"))->status, 201);
}

TEST_F(FaultsTest, RulesAreForUsersTheyName) {
  api.faults().Add({.user = "somebody else", .unavailable = 1});
  EXPECT_EQ(Send(Creation("c"))->status, 201);
  api.faults().Add({.user = "tester", .unavailable = 1});
  EXPECT_EQ(Send(Creation("d"))->status, 503);
}

TEST_F(FaultsTest, DownMeansNoAnswerAndNoWatchForThatLong) {
  const auto watch = Watch(std::string(kMaps) + "?watch=true");
  api.faults().Down(std::chrono::seconds(4));
  Settle();
  ASSERT_TRUE(last_watch->has_value());
  EXPECT_FALSE((**last_watch).has_value());
  EXPECT_FALSE(watch->ended);
  EXPECT_FALSE(Send(Creation("c")).has_value());
  EXPECT_FALSE(Exists("c"));
  runtime.RunFor(std::chrono::seconds(5));
  EXPECT_EQ(Send(Creation("c"))->status, 201);
}

TEST_F(FaultsTest, WatchesAreCutOrExpireOnDemand) {
  const auto watch = Watch(std::string(kMaps) + "?watch=true");
  api.faults().ExpireWatches("pods");
  Settle();
  EXPECT_FALSE(last_watch->has_value());
  api.faults().ExpireWatches("configmaps");
  Settle();
  ASSERT_EQ(watch->events.size(), 1u);
  EXPECT_EQ(IntAt(watch->events[0], "object.code", 0), 410);
  EXPECT_EQ(api.faults().counts().watches_cut, 1u);
}

TEST_F(FaultsTest, WatchesLiveAsLongAsTheRuleSays) {
  api.faults().Add({.verb = "watch", .watch_lifetime = std::chrono::seconds(1)});
  int cut = 0;
  for (int i = 0; i < 50; ++i) {
    (void)Watch(std::string(kMaps) + "?watch=true");
    runtime.RunFor(std::chrono::seconds(1));
    cut += last_watch->has_value() ? 1 : 0;
  }
  EXPECT_GT(cut, 20);  // 1 - 1/e of them, about 32
  EXPECT_LT(cut, 44);
}

TEST_F(FaultsTest, ALateAnswerRunsIntoTheClientsDeadline) {
  api.faults().Add({.delay = 1, .delay_min = std::chrono::seconds(60), .delay_max = std::chrono::seconds(60)});
  const auto late = Send(Creation("c"));
  ASSERT_FALSE(late.has_value());
  EXPECT_EQ(late.error().code, Code::kDeadlineExceeded);
}

TEST_F(FaultsTest, OneSeedIsOneHistory) {
  const auto history = [](std::uint64_t seed) {
    ApiFixture fixture(ApiServerOptions{.seed = seed});
    fixture.api.faults().Add({.unavailable = 0.3, .lost_reply = 0.3});
    std::string outcome;
    for (int i = 0; i < 30; ++i) {
      kube::Request request;
      request.method = Method::kPost;
      request.path = kMaps;
      request.body = ConfigMapNamed("c" + std::to_string(i)).dump();
      const auto answer = fixture.Send(request);
      outcome += answer ? std::to_string(answer->status / 100) : "x";
    }
    return outcome;
  };
  EXPECT_EQ(history(7), history(7));
  EXPECT_NE(history(7), history(8));
}

}  // namespace
}  // namespace spillway::sandbox
