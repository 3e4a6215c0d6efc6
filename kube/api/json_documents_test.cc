#include "kube/api/json_documents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace spillway::kube {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Seen {
  std::vector<std::string> objects;  // "Kind@item raw"
  std::string error;
};

Seen Read(std::string_view text) {
  Seen seen;
  const Status status = ForEachJsonObject(text, [&](const JsonObject& object) -> Status {
    seen.objects.push_back(std::string(object.kind) + "@" + std::to_string(object.item) + " " +
                           std::string(object.raw));
    return {};
  });
  if (!status) seen.error = status.error().message;
  return seen;
}

TEST(JsonDocuments, AListIsItsItemsWhereverItsKindStands) {
  EXPECT_THAT(Read(R"({"apiVersion":"v1","items":[{"kind":"Pod"},{"kind":"Node","a":[1,2]}],"kind":"List"})").objects,
              ElementsAre(R"(Pod@0 {"kind":"Pod"})", R"(Node@1 {"kind":"Node","a":[1,2]})"));
}

TEST(JsonDocuments, ItemsOfATypedListTakeItsKind) {
  EXPECT_THAT(Read(R"({"kind":"PodList","items":[{"spec":{}}]})").objects, ElementsAre(R"(Pod@0 {"spec":{}})"));
}

TEST(JsonDocuments, DocumentsMayFollowOneAnother) {
  EXPECT_THAT(Read("{\"kind\":\"Pod\"}\n{\"kind\":\"Node\"}\n\n").objects,
              ElementsAre(R"(Pod@-1 {"kind":"Pod"})", R"(Node@-1 {"kind":"Node"})"));
  EXPECT_THAT(Read("").objects, ElementsAre());
}

TEST(JsonDocuments, BracketsAndQuotesInsideStringsDoNotCount) {
  EXPECT_THAT(Read(R"({"kind":"Pod","a":"}]\"{[\\"})").objects, ElementsAre(R"(Pod@-1 {"kind":"Pod","a":"}]\"{[\\"})"));
}

TEST(JsonDocuments, ATruncatedListSaysWhere) {
  EXPECT_THAT(Read("{\"items\":[\n{\"kind\":\"Pod\"},\n{\"kind\":").error,
              testing::AllOf(HasSubstr("3:"), HasSubstr("items[1]"), HasSubstr("truncated")));
}

TEST(JsonDocuments, WhatIsNotJsonSaysWhere) {
  EXPECT_THAT(Read("NAME  STATUS\nx  Running").error, testing::AllOf(HasSubstr("1:1"), HasSubstr("not JSON")));
  EXPECT_THAT(Read(R"({"a":1]})").error, HasSubstr("not JSON"));
  EXPECT_THAT(Read(R"({"a" 1})").error, HasSubstr("not JSON"));
  EXPECT_THAT(Read(R"({"items":[}]})").error, HasSubstr("items[0]"));
}

TEST(JsonDocuments, NestingIsBounded) {
  const std::string deep = "{\"a\":" + std::string(100000, '[');
  EXPECT_FALSE(Read(deep).error.empty());
}

TEST(JsonDocuments, LinesAndColumnsCountFromOne) {
  EXPECT_EQ(LineAndColumn("ab\ncd", 0), "1:1");
  EXPECT_EQ(LineAndColumn("ab\ncd", 4), "2:2");
  EXPECT_EQ(LineAndColumn("ab", 99), "1:3");
}

}  // namespace
}  // namespace spillway::kube
