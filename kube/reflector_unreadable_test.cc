#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kube/reflector.h"
#include "kube/testing/reflector_fixture.h"

namespace spillway::kube {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using namespace testing;  // NOLINT: the fixture

class ReflectorUnreadable : public ReflectorTest {
 protected:
  // Its metadata can be read.
  static std::string Broken(const std::string& name, int version) {
    return fmt::format(
        R"({{"metadata":{{"name":"{}","namespace":"d","uid":"uid-{}","resourceVersion":"{}"}},"spec":{{"priority":"x"}}}})",
        name, name, version);
  }
  static constexpr const char* kNameless = R"({"metadata":{"name":"z","resourceVersion":"13"}})";
};

TEST_F(ReflectorUnreadable, AnObjectThatCannotBeReadIsDeliveredAsSuchAndIsNotMissing) {
  Start();
  Reply(ListJson({PodJson("a", 1), Broken("b", 2)}, 10));
  EXPECT_THAT(Seen(), ElementsAre("synced +a@1 ?uid-b"));
  EXPECT_EQ(unreadable_["uid-b"].ns, "d");
  EXPECT_EQ(unreadable_["uid-b"].name, "b");
  EXPECT_THAT(unreadable_["uid-b"].why, AllOf(HasSubstr("Pod d/b"), HasSubstr("spec.priority")));
  Data(Line("MODIFIED", Broken("a", 12)) + Line("ADDED", PodJson("c", 13)));
  EXPECT_THAT(Seen(), ElementsAre("synced ?uid-a +c@13"));
  EXPECT_THAT(has_, ElementsAre(std::pair("uid-a", "a"), std::pair("uid-c", "c")));
  EXPECT_EQ(counts().malformed, 2u);
}

TEST_F(ReflectorUnreadable, AReadableVersionOrADeletionClearsIt) {
  Start();
  Reply(ListJson({Broken("a", 1), Broken("b", 2), Broken("c", 3)}, 10));
  Seen();
  Data(Line("MODIFIED", PodJson("a", 11)) + Line("DELETED", Broken("b", 12)));
  EXPECT_THAT(Seen(), ElementsAre("synced +a@11 -uid-b"));
  ReplyError(410, "Gone", "gone");
  Reply(ListJson({PodJson("a", 11)}, 20));
  EXPECT_THAT(Seen(), ElementsAre("synced -uid-c"));
  EXPECT_THAT(unreadable_, IsEmpty());
}

TEST_F(ReflectorUnreadable, ARelistSaysNothingNewOfItAndHealsTheSameVersion) {
  Start();
  Reply(ListJson({PodJson("a", 1), Broken("b", 2)}, 10));
  Seen();
  ::testing::internal::CaptureStderr();
  ReplyError(410, "Gone", "gone");
  Reply(ListJson({PodJson("a", 1), Broken("b", 2)}, 20));
  EXPECT_THAT(Seen(), ElementsAre("synced"));
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
  Data(Bookmark(25));
  runtime_.RunFor(11s);
  ReplyError(410, "Gone", "gone");
  Reply(ListJson({PodJson("a", 1), PodJson("b", 2)}, 30));
  EXPECT_THAT(Seen(), ElementsAre("synced +b@2"));
}

TEST_F(ReflectorUnreadable, WithoutAReadableUidSomethingIsThereUntilAListShowsOtherwise) {
  Start();
  Reply(ListJson({PodJson("a", 1), PodJson("b", 2)}, 10));
  Seen();
  ReplyError(410, "Gone", "gone");
  Reply(ListJson({kNameless}, 20));
  EXPECT_THAT(Seen(), ElementsAre("synced ?"));
  EXPECT_EQ(unreadable_[""].name, "z");
  EXPECT_EQ(has_.size(), 2u);  // either may be the one: neither has vanished
  EXPECT_THAT(Open().request().path, HasSubstr("timeoutSeconds=60"));
  Open().Start();
  runtime_.RunFor(60s);
  Open().End();
  EXPECT_THAT(Open().request().path, Not(HasSubstr("watch=1")));
  Reply(ListJson({PodJson("a", 1)}, 30));
  EXPECT_THAT(Seen(), ElementsAre("synced - -uid-b"));
  EXPECT_THAT(unreadable_, IsEmpty());
  EXPECT_THAT(Open().request().path, Not(HasSubstr("timeoutSeconds=60")));
}

TEST_F(ReflectorUnreadable, AnEventWithoutAReadableUidIsToldAndLeadsToAList) {
  Start();
  Reply(ListJson({PodJson("a", 1)}, 10));
  Seen();
  Data(Line("ADDED", PodJson("b", 11)) + Line("MODIFIED", kNameless) + Line("ADDED", PodJson("c", 14)));
  EXPECT_THAT(Seen(), ElementsAre("synced +b@11 ?"));
  EXPECT_TRUE(counts().stale);
  UntilNextRequest();
  Reply(ListJson({PodJson("a", 13), PodJson("b", 11), PodJson("c", 14)}, 20));
  EXPECT_THAT(Seen(), ElementsAre("synced - +a@13 +c@14"));
}

TEST_F(ReflectorUnreadable, AnEventThatCannotBeUnderstoodLeadsToAList) {
  for (const std::string& line :
       {Line("DELETED", kNameless), Line("BOOKMARK", "{}"), Line("SOMETHING", PodJson("a", 9))}) {
    Start();
    Reply(ListJson({PodJson("a", 1)}, 10));
    Seen();
    Data(line);
    EXPECT_THAT(counts().last_error, HasSubstr("cannot be understood")) << line;
    UntilNextRequest();
    EXPECT_FALSE(IsWatch(transport_.requests().back())) << line;
    Reply(ListJson({}, 20));
    EXPECT_THAT(Seen(), ElementsAre("synced -uid-a")) << line;
  }
}

}  // namespace
}  // namespace spillway::kube
