#include "kube/reflector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kube/testing/reflector_fixture.h"

namespace spillway::kube {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using namespace testing;  // NOLINT: the fixture

class ReflectorFaults : public ReflectorTest {};

TEST_F(ReflectorFaults, NothingVanishesBecauseOfAListThatBroke) {
  Start();
  Reply(ListJson({PodJson("a", 1), PodJson("b", 2)}, 10));
  Seen();
  ReplyError(410, "Gone", "gone");
  Reply(ListJson({PodJson("a", 1)}, 100, "more"));
  Open().Break({Code::kUnavailable, "reset"});
  Settle();
  EXPECT_THAT(Seen(), IsEmpty());
  EXPECT_TRUE(counts().stale);
  UntilNextRequest();
  Reply(ListJson({PodJson("a", 1), PodJson("b", 2)}, 100));
  EXPECT_THAT(Seen(), IsEmpty());
}

TEST_F(ReflectorFaults, WhatVanishedDuringAListThatHadToStartAgainIsDeleted) {
  Start();
  Reply(ListJson({PodJson("a", 1)}, 10, "tok"));
  EXPECT_THAT(Seen(), ElementsAre("partial +a@1"));
  ReplyError(410, "Expired", "The provided continue parameter is too old");
  EXPECT_FALSE(counts().synced);
  UntilNextRequest();
  EXPECT_EQ(Open().request().path, "/api/v1/pods?limit=5000");  // larger pages get through before the token dies
  Reply(ListJson({PodJson("b", 2)}, 20));
  EXPECT_THAT(Seen(), ElementsAre("synced -uid-a +b@2"));
}

TEST_F(ReflectorFaults, ATruncatedListIsNoList) {
  Start();
  const std::string body = ListJson({PodJson("a", 1), PodJson("b", 1)}, 10);
  Reply(body.substr(0, body.size() - 3));
  EXPECT_THAT(Seen(), IsEmpty());
  EXPECT_FALSE(counts().synced);
  EXPECT_TRUE(counts().stale);
  UntilNextRequest();
  Open().Data(body.substr(0, 20));
  Open().Break({Code::kUnavailable, "reset"});
  Settle();
  EXPECT_THAT(Seen(), IsEmpty());
}

TEST_F(ReflectorFaults, RetryAfterIsObeyed) {
  Start();
  ReplyError(429, "TooManyRequests", "slow down", 42s);
  EXPECT_GE(UntilNextRequest(), 42s);
  Reply(ListJson({}, 10));
  Open().Start();
  runtime_.RunFor(20s);
  ReplyError(429, "TooManyRequests", "slow down", 7s);
  EXPECT_EQ(UntilNextRequest(), 7s);
}

TEST_F(ReflectorFaults, BackoffDoublesFrom800msTo30sWithJitter) {
  Start();
  Duration low = 800ms;
  for (int i = 0; i < 9; ++i) {
    ReplyError(503, "ServiceUnavailable", "etcd has no leader");
    const Duration pause = UntilNextRequest();
    EXPECT_GE(pause, low);
    EXPECT_LT(pause, low * 2);
    low = std::min<Duration>(low * 2, 30s);
  }
  EXPECT_EQ(counts().lists, 10u);
}

TEST_F(ReflectorFaults, BackoffStartsAfreshOnceAWatchHasStood) {
  Start();
  for (int i = 0; i < 6; ++i) {
    ReplyError(503, "ServiceUnavailable", "no");
    UntilNextRequest();
  }
  Reply(ListJson({}, 10));
  Open().Start();
  runtime_.RunFor(11s);
  Open().Break({Code::kUnavailable, "reset"});
  Settle();
  EXPECT_LT(UntilNextRequest(), 1600ms);
}

TEST_F(ReflectorFaults, ASilentWatchIsDroppedAtTheLimit) {
  Start();
  Reply(ListJson({}, 10));
  Data(Bookmark(11));
  runtime_.RunFor(60s);
  Data(Bookmark(12));
  Exchange& watch = Open();
  runtime_.RunFor(89s);
  EXPECT_FALSE(watch.is_closed());
  runtime_.RunFor(1s);
  EXPECT_TRUE(watch.is_closed());
  EXPECT_TRUE(counts().stale);
  EXPECT_EQ(counts().last_error, "watch pods: nothing came for 90s");
  UntilNextRequest();
  EXPECT_THAT(transport_.requests().back().path, HasSubstr("resourceVersion=12&"));
}

TEST_F(ReflectorFaults, AWatchThatEndsAtOnceIsNotTriedInATightLoop) {
  Start();
  Reply(ListJson({}, 10));
  Open().End();
  Settle();
  EXPECT_TRUE(transport_.open().empty());
  EXPECT_GE(UntilNextRequest(), 800ms);
}

TEST_F(ReflectorFaults, ManyFailedWatchesInARowLeadToARelist) {
  Start();
  Reply(ListJson({}, 10));
  for (int i = 0; i < 5; ++i) {
    ReplyError(504, "Timeout", "Too large resource version: 10, current: 3");
    UntilNextRequest();
  }
  EXPECT_FALSE(IsWatch(transport_.requests().back()));
}

TEST_F(ReflectorFaults, AMalformedObjectIsCountedAndSkippedAndTheConsumerKeepsWhatItHad) {
  Start();
  const std::string broken =
      R"({"metadata":{"name":"a","uid":"uid-a","resourceVersion":"12"},"spec":{"priority":"x"}})";
  Reply(ListJson({PodJson("a", 1), PodJson("b", 2)}, 10));
  Seen();
  Data(Line("MODIFIED", broken) + Line("MODIFIED", PodJson("b", 13)));
  EXPECT_THAT(Seen(), ElementsAre("synced +b@13"));
  EXPECT_EQ(counts().malformed, 1u);
  ::testing::internal::CaptureStderr();
  ReplyError(410, "Gone", "gone");
  Reply(ListJson({broken, PodJson("b", 13)}, 20));
  EXPECT_THAT(Seen(), IsEmpty());  // a is there, if only its name can be read
  EXPECT_EQ(counts().malformed, 2u);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");  // it has been logged before
  EXPECT_THAT(has_, ElementsAre(std::pair("uid-a", "a"), std::pair("uid-b", "b")));
}

TEST_F(ReflectorFaults, NothingIsTakenForVanishedBesideAnItemThatCannotBeIdentified) {
  Start();
  Reply(ListJson({PodJson("a", 1), PodJson("b", 2)}, 10));
  Seen();
  ReplyError(410, "Gone", "gone");
  Reply(ListJson({R"({"metadata":{"name":"a"}})"}, 20));
  EXPECT_THAT(Seen(), IsEmpty());
  EXPECT_EQ(has_.size(), 2u);
}

TEST_F(ReflectorFaults, BytesThatAreNoWatchEventLeadToARelist) {
  Start();
  Reply(ListJson({PodJson("a", 1)}, 10));
  Seen();
  Data(Line("ADDED", PodJson("b", 11)) + "<html>\n" + Line("ADDED", PodJson("c", 12)));
  EXPECT_THAT(Seen(), ElementsAre("synced +b@11"));
  UntilNextRequest();
  EXPECT_FALSE(IsWatch(transport_.requests().back()));
}

TEST_F(ReflectorFaults, DeletionsOfUnknownObjectsAndRepeatsAreNotPassedOn) {
  Start();
  Reply(ListJson({PodJson("a", 1)}, 10));
  Seen();
  Data(Line("DELETED", PodJson("x", 11)) + Line("ADDED", PodJson("a", 1)));
  EXPECT_THAT(Seen(), IsEmpty());
}

TEST_F(ReflectorFaults, RefusalsNameVerbAndResource) {
  Start();
  ReplyError(403, "Forbidden",
             R"(pods is forbidden: User \"u\" cannot list resource \"pods\" in API group \"\" at the cluster scope)");
  EXPECT_EQ(
      counts().last_error,
      R"(the API server refused to list pods: "u" lacks list on pods (cluster scope); see docs/security.md#rbac)");
}

TEST_F(ReflectorFaults, DestroyingItStopsEverything) {
  Start();
  Reply(ListJson({PodJson("a", 1)}, 10));
  Exchange& watch = Open();
  watch.Data(Line("ADDED", PodJson("b", 11)));  // posted, not yet delivered
  Seen();
  reflector_.reset();
  runtime_.RunFor(10min);
  EXPECT_THAT(Seen(), IsEmpty());
  EXPECT_TRUE(watch.is_closed());
  EXPECT_EQ(transport_.requests().size(), 2u);
}

// Whatever happens to lists and watches, the consumer ends with exactly what the server has.
TEST_F(ReflectorFaults, EndsInStepWithTheServerWhateverBreaks) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SimRuntime runtime(seed);
    FakeTransport transport(runtime);
    Random& random = runtime.random();
    std::map<std::string, std::string> server;  // uid to version
    std::vector<std::pair<int, std::string>> log_lines;
    int version = 10;
    const auto change = [&] {
      const std::string uid = "u" + std::to_string(random.Below(12));
      ++version;
      if (server.contains(uid) && random.Chance(0.4)) {
        server.erase(uid);
        log_lines.emplace_back(version, Line("DELETED", PodJson(uid, version, uid)));
      } else {
        const std::string type = server.contains(uid) ? "MODIFIED" : "ADDED";
        server[uid] = std::to_string(version);
        log_lines.emplace_back(version, Line(type, PodJson(uid, version, uid)));
      }
    };
    std::map<std::string, std::string> has;
    Reflector<Pod> reflector(runtime, transport, {.path = "/p", .resource = "pods"}, [&](DeltaBatch<Pod> batch) {
      for (auto& delta : batch.deltas) {
        if (delta.object)
          has[delta.uid] = delta.object->metadata.resource_version;
        else
          has.erase(delta.uid);
      }
    });
    reflector.Start();
    std::map<Exchange*, int> watching;  // up to which version a watch has been served
    const auto serve = [&](bool faults) {
      for (const auto& exchange : transport.open()) {
        const std::string& path = exchange->request().path;
        if (faults && random.Chance(0.1)) {
          exchange->Break({Code::kUnavailable, "reset"});
        } else if (faults && random.Chance(0.05)) {
          exchange->Answer({410, FakeTransport::StatusBody(410, "Expired", "too old")});
        } else if (!IsWatch(exchange->request())) {
          std::vector<std::string> items;
          for (const auto& [uid, v] : server) items.push_back(PodJson(uid, std::stoi(v), uid));
          exchange->Answer({.status = 200, .body = ListJson(items, version)});
        } else {
          auto [entry, is_new] = watching.try_emplace(exchange.get(), 0);
          if (is_new) entry->second = std::stoi(path.substr(path.find("resourceVersion=") + 16));
          std::string bytes;
          for (const auto& [at, line] : log_lines) {
            if (at > entry->second) bytes += line;
          }
          entry->second = version;
          exchange->Data(bytes + Bookmark(version));
        }
      }
    };
    for (int step = 0; step < 60; ++step) {
      change();
      runtime.RunFor(random.Between(0ms, 3s));
      serve(true);
    }
    for (int step = 0; step < 200; ++step) {
      runtime.RunFor(1s);
      serve(false);
    }
    ASSERT_EQ(has, server) << "seed " << seed;
    ASSERT_TRUE(reflector.counts().synced);
    ASSERT_FALSE(reflector.counts().stale);
  }
}

}  // namespace
}  // namespace spillway::kube
