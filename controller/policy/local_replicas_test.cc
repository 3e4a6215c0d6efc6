#include "controller/policy/local_replicas.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace spillway::controller {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

kube::Pod Replica(const std::string& uid, kube::StringMap annotations = {{"LOCAL_REPLICAS", "1"}},
                  const std::string& owner = "rs") {
  kube::Pod pod;
  pod.metadata.uid = pod.metadata.name = uid;
  pod.metadata.ns = "shop";
  pod.metadata.annotations = std::move(annotations);
  if (!owner.empty()) {
    pod.metadata.owner_references = {
        {.api_version = "apps/v1", .kind = "ReplicaSet", .name = "web-1", .uid = owner, .controller = true}};
  }
  return pod;
}

kube::Pod Keeping(const std::string& uid, const char* keep, const std::string& owner = "rs") {
  return Replica(uid, {{"LOCAL_REPLICAS", keep}}, owner);
}

class ReplicaBookTest : public ::testing::Test {
 protected:
  ReplicaBookTest() {
    book_.SetReal("a", "uid-a");
    book_.SetReal("b", "uid-b");
  }
  void Wait(std::initializer_list<const char*> uids, const char* keep = "1") {
    for (const char* uid : uids) book_.Wait(Keeping(uid, keep), true);
  }
  bool IsBeyond(const char* uid, const char* keep = "1") const { return book_.Of(Keeping(uid, keep))->is_beyond(); }

  ReplicaBook book_;
};

TEST(AskLocalReplicas, ReadsTencentsNameAndItsOwnWhichGoesFirst) {
  EXPECT_FALSE(AskLocalReplicas(Replica("p", {})).keep);
  EXPECT_EQ(AskLocalReplicas(Replica("p", {})).besides, "");
  EXPECT_EQ(AskLocalReplicas(Keeping("p", "2")).keep, 2);
  EXPECT_EQ(AskLocalReplicas(Keeping("p", "0")).keep, 0);
  EXPECT_EQ(AskLocalReplicas(Replica("p", {{"spillway.io/local-replicas", "3"}})).by, "spillway.io/local-replicas=3");
  const auto both = AskLocalReplicas(Replica("p", {{"LOCAL_REPLICAS", "2"}, {"spillway.io/local-replicas", "3"}}));
  EXPECT_EQ(both.keep, 3);
  EXPECT_EQ(both.besides, "LOCAL_REPLICAS=2 is not followed, spillway.io/local-replicas=3 is");
}

TEST(AskLocalReplicas, WhatIsNoNumberIsToldWithWhatIsUsedInstead) {
  for (const char* value : {"-1", "one", "1.5", "", " 1", "99999999999999999999"}) {
    const auto answer = AskLocalReplicas(Keeping("p", value));
    EXPECT_FALSE(answer.keep) << value;
    EXPECT_THAT(answer.besides, HasSubstr("is no whole number of at least 0: treated as if it was not set")) << value;
  }
  const auto other = AskLocalReplicas(Replica("p", {{"LOCAL_REPLICAS", "2"}, {"spillway.io/local-replicas", "x"}}));
  EXPECT_EQ(other.keep, 2);
  EXPECT_THAT(other.besides, HasSubstr("x is no whole number of at least 0, LOCAL_REPLICAS=2 is"));
}

TEST(AskLocalReplicas, IsNotFollowedWithoutAnOwnerOrInAGroup) {
  const auto alone = AskLocalReplicas(Keeping("p", "1", ""));
  EXPECT_FALSE(alone.keep);
  EXPECT_THAT(alone.besides, HasSubstr("LOCAL_REPLICAS=1 is not followed: the Pod has no owner"));
  const auto gang = AskLocalReplicas(Replica("p", {{"LOCAL_REPLICAS", "1"}, {"spillway.io/group", "train"}}));
  EXPECT_FALSE(gang.keep);
  EXPECT_THAT(gang.besides, HasSubstr("all others of group shop/train"));
}

TEST_F(ReplicaBookTest, TheFirstThatWaitAreOrdinaryAndTheOthersAreBeyond) {
  Wait({"p1", "p2", "p3"}, "2");
  EXPECT_FALSE(IsBeyond("p1", "2"));
  EXPECT_FALSE(IsBeyond("p2", "2"));
  EXPECT_TRUE(IsBeyond("p3", "2"));
  EXPECT_EQ(
      book_.Of(Keeping("p3", "2"))->text,
      "LOCAL_REPLICAS=2 on the Pod: of ReplicaSet shop/web-1, 0 on real nodes and 2 that wait before it are enough");
  EXPECT_THAT(book_.Of(Keeping("p2", "2"))->text, HasSubstr("1 that wait before it are not enough"));
}

TEST_F(ReplicaBookTest, WithNoneToKeepAllAreBeyond) {
  Wait({"p1"}, "0");
  EXPECT_TRUE(IsBeyond("p1", "0"));
}

TEST_F(ReplicaBookTest, WhoIsLocalCountsAndWhoIsOnAVirtualNodeDoesNot) {
  Wait({"p1", "p2", "p3"});
  book_.Place(Keeping("p1", "1"), "v");
  EXPECT_FALSE(IsBeyond("p2"));
  EXPECT_TRUE(IsBeyond("p3"));
  book_.Place(Keeping("p3", "1"), "a");
  EXPECT_TRUE(IsBeyond("p2")) << "kube-scheduler took another one";
}

TEST_F(ReplicaBookTest, HigherPriorityWaitsBefore) {
  Wait({"p1"});
  kube::Pod important = Keeping("p2", "1");
  important.priority = 10;
  book_.Wait(important, true);
  EXPECT_TRUE(IsBeyond("p1"));
  EXPECT_FALSE(IsBeyond("p2"));
}

TEST_F(ReplicaBookTest, PodsThatAreBeingDeletedAreGone) {
  book_.Place(Keeping("p1", "1"), "a");
  Wait({"p2"});
  EXPECT_TRUE(IsBeyond("p2"));
  kube::Pod terminating = Keeping("p1", "1");
  terminating.metadata.deletion_timestamp = WallTime();
  book_.Place(terminating, "a");
  EXPECT_FALSE(IsBeyond("p2"));
  EXPECT_EQ(book_.Of(Keeping("p2", "1"))->members, 1);
}

TEST_F(ReplicaBookTest, WhoMayHaveBeenBoundOrIsGatedComesLast) {
  Wait({"p1", "p2"});
  book_.Wait(Keeping("p1", "1"), false);
  EXPECT_FALSE(IsBeyond("p2"));
  EXPECT_TRUE(IsBeyond("p1"));
  book_.Remove("p2");
  EXPECT_FALSE(IsBeyond("p1"));
}

TEST_F(ReplicaBookTest, RevisionsAreCountedEachByItself) {
  book_.Place(Keeping("old", "1", "rs-old"), "a");
  book_.Wait(Keeping("new", "1", "rs-new"), true);
  EXPECT_FALSE(book_.Of(Keeping("new", "1", "rs-new"))->is_beyond());
}

TEST_F(ReplicaBookTest, APodThatIsSeenBeforeItsNodeCountsOnceThatIsReal) {
  book_.Place(Keeping("p1", "1"), "late");
  Wait({"p2"});
  EXPECT_FALSE(IsBeyond("p2"));
  book_.SetReal("late", "uid-late");
  EXPECT_TRUE(IsBeyond("p2"));
  book_.SetVirtual("late");
  EXPECT_FALSE(IsBeyond("p2"));
}

TEST_F(ReplicaBookTest, ANodeThatIsGoneTakesItsPodsAlongUnlessItsNameIsBack) {
  book_.Place(Keeping("p1", "1"), "a");
  Wait({"p2"});
  book_.SetReal("a", "uid-a2");
  book_.RemoveNode("uid-a");
  EXPECT_TRUE(IsBeyond("p2"));
  book_.RemoveNode("uid-a2");
  EXPECT_FALSE(IsBeyond("p2"));
}

TEST_F(ReplicaBookTest, SaysWhoMayStandOtherwise) {
  Wait({"p1", "p2"});
  EXPECT_THAT(book_.TakeMoved(), ElementsAre("p1", "p2"));
  EXPECT_FALSE(book_.has_moved());
  book_.Place(Keeping("p1", "1"), "a");
  EXPECT_THAT(book_.TakeMoved(), ElementsAre("p2"));
  book_.Place(Keeping("p1", "1"), "a");
  EXPECT_FALSE(book_.has_moved()) << "a status that comes";
  book_.Place(Replica("other", {}), "a");
  EXPECT_THAT(book_.TakeMoved(), IsEmpty());
}

TEST_F(ReplicaBookTest, SaysWhenThereAreFewerThanAskedFor) {
  Wait({"p1", "p2"}, "5");
  const auto standing = book_.Of(Keeping("p2", "5"));
  EXPECT_TRUE(standing->asks_for_more_than_there_are());
  EXPECT_THAT(standing->text, HasSubstr("; there are 2 in all"));
  EXPECT_FALSE(standing->is_beyond());
}

}  // namespace
}  // namespace spillway::controller
