#include "kube/reflector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kube/testing/reflector_fixture.h"

namespace spillway::kube {
namespace {

using ::testing::AllOf;
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
  EXPECT_THAT(Seen(), ElementsAre("synced"));
}

TEST_F(ReflectorFaults, WhatVanishedDuringAListThatHadToStartAgainIsDeleted) {
  Start();
  Reply(ListJson({PodJson("a", 1)}, 10, "tok"));
  EXPECT_THAT(Seen(), ElementsAre("partial +a@1"));
  ReplyError(410, "Expired", "The provided continue parameter is too old");
  EXPECT_FALSE(counts().synced);
  EXPECT_EQ(Open().request().path, "/api/v1/pods?limit=5000");  // larger pages get through before the token dies
  Reply(ListJson({PodJson("b", 2)}, 20));
  EXPECT_THAT(Seen(), ElementsAre("synced -uid-a +b@2"));
}

TEST_F(ReflectorFaults, PagesStopGrowingAtASizeThatHoldsAnyCluster) {
  Start();
  for (int i = 0; i < 20; ++i) {
    Reply(ListJson({PodJson("a", 1)}, 10, "tok"));
    ReplyError(410, "Expired", "The provided continue parameter is too old");
    if (transport_.open().empty()) UntilNextRequest();  // the first time it asks again at once
  }
  EXPECT_EQ(Open().request().path, "/api/v1/pods?limit=5000000");
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

TEST_F(ReflectorFaults, BackoffDoublesFrom800msTo5sWithJitter) {
  Start();
  Duration low = 800ms;
  for (int i = 0; i < 9; ++i) {
    ReplyError(503, "ServiceUnavailable", "etcd has no leader");
    const Duration pause = UntilNextRequest();
    EXPECT_GE(pause, low);
    EXPECT_LT(pause, low * 2);
    low = std::min<Duration>(low * 2, 5s);
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

TEST_F(ReflectorFaults, WatchesThatAreCutAgainAndAgainAreOpenedAnewAtOnce) {
  Start();
  Reply(ListJson({}, 10));
  for (int i = 0; i < 10; ++i) {
    Open().Start();
    runtime_.RunFor(4s);
    Open().Break({Code::kUnavailable, "reset"});
    Settle();
    const Duration pause = transport_.open().empty() ? UntilNextRequest() : Duration(0);
    EXPECT_LE(pause, 1s);
  }
}

TEST_F(ReflectorFaults, ASilentWatchIsOpenedAnewWhereItWas) {
  Start();
  Reply(ListJson({}, 10));
  Data(Bookmark(11));
  runtime_.RunFor(60s);
  Data(Bookmark(12));
  Exchange& watch = Open();
  runtime_.RunFor(89s);
  EXPECT_FALSE(watch.is_closed());
  EXPECT_EQ(UntilNextRequest(), 1s);
  EXPECT_TRUE(watch.is_closed());
  EXPECT_THAT(transport_.requests().back().path, HasSubstr("resourceVersion=12&"));
  EXPECT_FALSE(counts().stale);
  Open().Start();
  runtime_.RunFor(60s);
  EXPECT_FALSE(counts().stale);
  EXPECT_EQ(counts().watch_errors, 0u);
}

TEST_F(ReflectorFaults, ASecond410InARowIsNotAnsweredWithAListAtOnce) {
  Start();
  Reply(ListJson({}, 10));
  ReplyError(410, "Expired", "too old");
  Reply(ListJson({}, 11));
  ReplyError(410, "Expired", "too old");
  EXPECT_THAT(transport_.open(), IsEmpty());
  EXPECT_GE(UntilNextRequest(), 800ms);
  Reply(ListJson({}, 12));
  Data(Bookmark(13));  // a sign of life
  ReplyError(410, "Expired", "too old");
  EXPECT_EQ(Open().request().path, "/api/v1/pods?limit=500");
}

TEST_F(ReflectorFaults, A410AfterAPauseIsAnsweredWithAListAtOnce) {
  Start();
  Reply(ListJson({}, 10));
  ReplyError(410, "Expired", "too old");
  Reply(ListJson({}, 11));
  for (int i = 0; i < 4; ++i) {
    ReplyError(503, "ServiceUnavailable", "no");
    UntilNextRequest();
  }
  ReplyError(410, "Expired", "too old");
  EXPECT_EQ(Open().request().path, "/api/v1/pods?limit=500");
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
  EXPECT_THAT(counts().last_error,
              AllOf(HasSubstr("the API server refused to list pods: pods is forbidden: User \"u\""),
                    HasSubstr("docs/security.md#rbac")));
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

}  // namespace
}  // namespace spillway::kube
