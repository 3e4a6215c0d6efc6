#include "sandbox/faults.h"

#include <fmt/core.h>

#include <algorithm>

#include "sandbox/store/json_path.h"
#include "sandbox/testing/api_fixture.h"

namespace spillway::sandbox {
namespace {

using kube::Method;

class HalfSink final : public kube::BodySink {
 public:
  void OnData(std::string_view bytes) override { body.append(bytes); }
  std::string body;
};

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

TEST_F(FaultsTest, WatchesThatLagKeepTheirOwnOrderAndDifferFromEachOther) {
  api.faults().Add({.watch_lag = std::chrono::seconds(5)});
  const auto maps = Watch(std::string(kMaps) + "?watch=true");
  const auto more = Watch(std::string(kMaps) + "?watch=true");
  std::vector<std::string> created;
  std::size_t most_behind = 0, most_apart = 0;
  for (int i = 0; i < 100; ++i) {
    created.push_back(fmt::format("c{}", i));
    ASSERT_TRUE(store().Create("configmaps", ConfigMapNamed(created.back())));
    runtime.RunFor(std::chrono::milliseconds(100));
    most_behind = std::max(most_behind, created.size() - maps->events.size());
    most_apart = std::max(most_apart, std::max(maps->events.size(), more->events.size()) -
                                          std::min(maps->events.size(), more->events.size()));
  }
  EXPECT_GT(most_behind, 10u);
  EXPECT_LE(most_behind, 50u);  // five seconds' worth
  EXPECT_GT(most_apart, 10u);
  runtime.RunFor(std::chrono::seconds(5));
  ASSERT_EQ(maps->events.size(), created.size());
  for (std::size_t i = 0; i < created.size(); ++i)
    EXPECT_EQ(TextAt(maps->events[i], "object.metadata.name"), created[i]);
}

TEST_F(FaultsTest, AWatchThatBeginsAnewIsNotBehindByTwoLags) {
  ASSERT_TRUE(store().Create("configmaps", ConfigMapNamed("before")));
  api.faults().Add({.watch_lag = std::chrono::seconds(5)});
  for (int i = 0; i < 20; ++i) {
    const auto watch = Watch(std::string(kMaps) + "?watch=true&resourceVersion=1");
    runtime.RunFor(std::chrono::milliseconds(1));
    ASSERT_EQ(watch->events.size(), 1u);
    EXPECT_EQ(TextAt(watch->events[0], "object.metadata.name"), "before");
  }
}

TEST_F(FaultsTest, APartitionHoldsOneUserUpAndASilentOneTellsNobody) {
  const auto watch = Watch(std::string(kMaps) + "?watch=true");
  api.faults().PartitionSilently("tester", std::chrono::seconds(8));
  ASSERT_TRUE(store().Create("configmaps", ConfigMapNamed("meanwhile")));
  const auto pending = Start(Creation("c"));
  runtime.RunFor(std::chrono::seconds(7));
  EXPECT_TRUE(watch->events.empty());
  EXPECT_FALSE(last_watch->has_value());
  EXPECT_FALSE(pending->has_value());
  runtime.RunFor(std::chrono::seconds(2));
  EXPECT_EQ(watch->events.size(), 1u);
  ASSERT_TRUE(pending->has_value());
  EXPECT_FALSE((**pending).has_value());
  EXPECT_FALSE(Exists("c"));

  api.faults().Partition("tester", std::chrono::seconds(8));
  Settle();
  EXPECT_TRUE(last_watch->has_value());
  EXPECT_FALSE(Send(Creation("c")).has_value());
  transport = api.NewTransport("somebody else");
  EXPECT_EQ(Send(Creation("d"))->status, 201);
}

TEST_F(FaultsTest, HalfAnAnswerIsABrokenConnectionAfterTheDeed) {
  api.faults().Add({.cut_answer = 1});
  const auto answer = Send(Creation("c"));
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().code, Code::kUnavailable);
  EXPECT_TRUE(Exists("c"));
  const auto list = std::make_shared<HalfSink>();
  kube::Request request;
  request.path = kMaps;
  request.sink = list;
  EXPECT_FALSE(Send(std::move(request)).has_value());
  EXPECT_FALSE(list->body.empty());
  EXPECT_TRUE(Json::parse(list->body, nullptr, false).is_discarded());
}

TEST_F(FaultsTest, SmallPagesAreForWhoAsksForPages) {
  for (const char* name : {"a", "b", "c", "d"}) ASSERT_TRUE(Send(Creation(name)).has_value());
  api.faults().Add({.page_limit = 3});
  EXPECT_EQ(Get(kMaps)["items"].size(), 4u);
  const Json page = Get(std::string(kMaps) + "?limit=500");
  EXPECT_EQ(page["items"].size(), 3u);
  EXPECT_FALSE(TextAt(page, "metadata.continue").empty());
  store().etcd().Compact();
  ASSERT_TRUE(store().Create("configmaps", ConfigMapNamed("e")));
  store().etcd().Compact();
  const auto next = Call(Method::kGet, std::string(kMaps) + "?limit=500&continue=" + TextAt(page, "metadata.continue"));
  EXPECT_EQ(next.status, 410);
  EXPECT_EQ(api.faults().counts().gone_in_lists, 1u);
}

TEST_F(FaultsTest, APolicyForbidsInItsOwnWords) {
  api.faults().Add({.verb = "create", .forbidden = 1});
  const auto answer = Send(Creation("c"));
  EXPECT_EQ(answer->status, 403);
  EXPECT_THAT(answer->body, testing::HasSubstr("denied request: not now"));
  EXPECT_FALSE(Exists("c"));
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
