#include "controller/policy/groups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace spillway::controller {
namespace {

using ::testing::HasSubstr;
using Where = GroupBook::Where;

kube::Pod Member(const std::string& uid, kube::StringMap annotations = {{"spillway.io/group", "train"}}) {
  kube::Pod pod;
  pod.metadata.uid = uid;
  pod.metadata.ns = "ml";
  pod.metadata.annotations = std::move(annotations);
  return pod;
}

std::string Why(const Group& group, const GroupBook::Members& members, std::int64_t ready) {
  return WhyGroupWaits(group, members, ready).value_or("it goes");
}

TEST(Groups, GoTogetherOrNotAtAll) {
  const Group any{.key = "ml/train"}, three{.key = "ml/train", .size = 3};
  EXPECT_EQ(Why(any, {.pending = 2}, 2), "it goes");
  EXPECT_EQ(Why(three, {.pending = 2}, 2), "2 of 3 Pods of group ml/train are there");
  EXPECT_EQ(Why(three, {.pending = 2, .overflowed = 1}, 2), "it goes");
  EXPECT_THAT(Why(three, {.pending = 3}, 2), HasSubstr("1 of the 3 Pods of group ml/train that wait may not"));
  EXPECT_THAT(Why(any, {.pending = 2, .local = 1}, 2), HasSubstr("1 of group ml/train run on real nodes"));
}

TEST(Groups, ASizeThatCannotBeReadIsToldAndNotUsed) {
  EXPECT_FALSE(GroupOf(Member("a", {})));
  EXPECT_EQ(GroupOf(Member("a"))->key, "ml/train");
  EXPECT_EQ(GroupOf(Member("a", {{"spillway.io/group", "train"}, {"spillway.io/group-size", "4"}}))->size, 4);
  for (const char* size : {"0", "-1", "four", "4.5", ""}) {
    const auto group = GroupOf(Member("a", {{"spillway.io/group", "train"}, {"spillway.io/group-size", size}}));
    EXPECT_FALSE(group->size) << size;
    EXPECT_THAT(group->besides, HasSubstr("is no whole number above 0")) << size;
  }
}

TEST(GroupBook, CountsMembersWhereTheyAre) {
  GroupBook book;
  book.Put(Member("a"), Where::kPending);
  book.Put(Member("b"), Where::kPending);
  book.Put(Member("c"), Where::kReal);
  book.Put(Member("a"), Where::kVirtual);
  const auto members = book.Of("ml/train");
  EXPECT_EQ(members.pending, 1);
  EXPECT_EQ(members.overflowed, 1);
  EXPECT_EQ(members.local, 1);
  book.Put(Member("b", {}), Where::kPending);
  EXPECT_EQ(book.Of("ml/train").pending, 0) << "it left the group";
  book.Remove("a");
  book.Remove("a");
  EXPECT_EQ(book.Of("ml/train").overflowed, 0);
}

}  // namespace
}  // namespace spillway::controller
