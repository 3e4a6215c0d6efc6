#include "kube/reflector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "kube/testing/reflector_fixture.h"

namespace spillway::kube {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using namespace testing;  // NOLINT: the fixture

TEST_F(ReflectorTest, ListsInPagesAndIsSyncedOnlyAfterTheLast) {
  Start();
  EXPECT_EQ(Open().request().path, "/api/v1/pods?limit=500");
  Reply(ListJson({PodJson("a", 1)}, 10, "tok/1"));
  EXPECT_THAT(Seen(), ElementsAre("partial +a@1"));
  EXPECT_FALSE(counts().synced);
  EXPECT_EQ(Open().request().path, "/api/v1/pods?limit=500&continue=tok%2F1");
  Reply(ListJson({PodJson("b", 2)}, 10));
  EXPECT_THAT(Seen(), ElementsAre("synced +b@2"));
  EXPECT_TRUE(counts().synced);
  EXPECT_TRUE(IsWatch(Open().request()));
  EXPECT_THAT(Open().request().path, HasSubstr("resourceVersion=10&"));
  EXPECT_THAT(Open().request().path, HasSubstr("allowWatchBookmarks=true"));
}

TEST_F(ReflectorTest, AnEmptyListIsASyncToo) {
  Start();
  Reply(ListJson({}, 3));
  EXPECT_THAT(Seen(), ElementsAre("synced"));
}

TEST_F(ReflectorTest, SelectorsAreEncodedAndMetadataIsAskedFor) {
  ReflectorOptions options;
  options.field_selector = "status.phase!=Failed";
  options.label_selector = "a in (b)";
  options.metadata_only = true;
  Start(options);
  EXPECT_EQ(Open().request().path,
            "/api/v1/pods?limit=500&fieldSelector=status.phase%21%3DFailed&labelSelector=a%20in%20%28b%29");
  EXPECT_THAT(Open().request().accept, HasSubstr("as=PartialObjectMetadataList"));
  Reply(ListJson({}, 3));
  EXPECT_THAT(Open().request().accept, HasSubstr("as=PartialObjectMetadata;"));
  EXPECT_THAT(Open().request().path, HasSubstr("fieldSelector="));
}

TEST_F(ReflectorTest, DeliversAChunkOfEventsAsOneBatchHoweverTheBytesFall) {
  Start();
  Reply(ListJson({PodJson("a", 1)}, 10));
  Seen();
  const std::string events =
      Line("ADDED", PodJson("b", 11)) + Line("MODIFIED", PodJson("a", 12)) + Line("DELETED", PodJson("b", 13));
  Data(events);
  EXPECT_THAT(Seen(), ElementsAre("synced +b@11 +a@12 -uid-b"));
  const std::string more = Line("ADDED", PodJson("c", 14)) + Line("ADDED", PodJson("e", 15));
  for (const char byte : more) Data(std::string(1, byte));
  EXPECT_THAT(Seen(), ElementsAre("synced +c@14", "synced +e@15"));
}

TEST_F(ReflectorTest, ResumesALostWatchFromTheLastBookmark) {
  Start();
  Reply(ListJson({PodJson("a", 1)}, 10));
  Data(Line("MODIFIED", PodJson("a", 12)));
  Data(Bookmark(40));
  Seen();
  runtime_.RunFor(30s);
  Open().Break({Code::kUnavailable, "connection reset"});
  Settle();
  EXPECT_TRUE(counts().stale);
  EXPECT_EQ(counts().last_error, "watch pods: connection reset");
  const Duration pause = UntilNextRequest();
  EXPECT_LE(pause, 1s);
  EXPECT_THAT(transport_.requests().back().path, HasSubstr("resourceVersion=40&"));
  EXPECT_TRUE(counts().stale);
  Open().Start();
  Settle();
  EXPECT_FALSE(counts().stale);  // the headers prove that the watch stands
  EXPECT_THAT(Seen(), ElementsAre("synced"));
  EXPECT_EQ(counts().lists, 1u);
}

TEST_F(ReflectorTest, AWatchTheServerEndsInOrderIsNoFailure) {
  Start();
  Reply(ListJson({}, 10));
  Open().Start();
  runtime_.RunFor(60s);
  Data(Bookmark(20));
  Open().End();
  EXPECT_THAT(Open().request().path, HasSubstr("resourceVersion=20&"));
  EXPECT_EQ(counts().watch_errors, 0u);
  EXPECT_FALSE(counts().stale);
}

TEST_F(ReflectorTest, WatchTimeoutsAreSpreadOverFiveToTenMinutes) {
  Start();
  Reply(ListJson({}, 10));
  std::set<int> timeouts;
  for (int i = 0; i < 30; ++i) {
    const std::string& path = Open().request().path;
    timeouts.insert(std::stoi(path.substr(path.find("timeoutSeconds=") + 15)));
    Data(Bookmark(20 + i));
    Open().End();
  }
  EXPECT_GE(*timeouts.begin(), 300);
  EXPECT_LE(*timeouts.rbegin(), 600);
  EXPECT_GT(timeouts.size(), 20u);
}

TEST_F(ReflectorTest, GoneLeadsToARelistThatIsDeliveredAsADiff) {
  Start();
  Reply(ListJson({PodJson("a", 1), PodJson("b", 2), PodJson("c", 3)}, 10));
  Seen();
  Data(Line("ERROR", FakeTransport::StatusBody(410, "Expired", "too old resource version: 10 (99)")));
  EXPECT_EQ(Open().request().path, "/api/v1/pods?limit=500");  // at once: nothing is wrong with the server
  EXPECT_TRUE(counts().stale);
  Reply(ListJson({PodJson("a", 1)}, 100, "more"));
  EXPECT_THAT(Seen(), IsEmpty());
  Reply(ListJson({PodJson("c", 50), PodJson("d", 60)}, 100));
  EXPECT_THAT(Seen(), ElementsAre("synced -uid-b +c@50 +d@60"));
  EXPECT_FALSE(counts().stale);
  EXPECT_THAT(Open().request().path, HasSubstr("resourceVersion=100&"));
}

TEST_F(ReflectorTest, ARelistWithoutChangesSaysThatWeAreInStepAgain) {
  Start();
  Reply(ListJson({PodJson("a", 1)}, 10));
  Seen();
  ReplyError(410, "Expired", "too old");
  Reply(ListJson({PodJson("a", 1)}, 100));
  EXPECT_THAT(Seen(), ElementsAre("synced"));
}

TEST_F(ReflectorTest, TheSameNameWithAnotherUidIsADeletionAndThenANewObject) {
  Start();
  Reply(ListJson({PodJson("a", 1, "old")}, 10));
  Seen();
  ReplyError(410, "Gone", "gone");
  Reply(ListJson({PodJson("a", 20, "new")}, 100));
  EXPECT_THAT(Seen(), ElementsAre("synced -old +a@20"));
}

}  // namespace
}  // namespace spillway::kube
