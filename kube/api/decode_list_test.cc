#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kube/api/decode.h"

namespace spillway::kube {
namespace {

using testing::ElementsAre;

TEST(DecodeIdentity, WorksForBookmarksAndForBrokenObjects) {
  Decoder decoder;
  const auto bookmark =
      decoder.DecodeIdentity(R"({"kind":"Pod","metadata":{"resourceVersion":"9","creationTimestamp":null},"spec":{}})");
  ASSERT_TRUE(bookmark);
  EXPECT_EQ(bookmark->resource_version, "9");
  const auto broken = decoder.DecodeIdentity(R"({"metadata":{"name":"p","uid":"u","labels":5},"spec":7})");
  ASSERT_TRUE(broken);
  EXPECT_EQ(broken->uid, "u");
  EXPECT_FALSE(decoder.DecodeIdentity("{}"));
  EXPECT_FALSE(decoder.DecodeIdentity("x"));
}

TEST(DecodeList, SplitsItemsThatCanBeDecodedAsTheyCome) {
  Decoder decoder;
  std::vector<std::string> names;
  const auto header = decoder.DecodeList(
      R"({"kind":"PodList","apiVersion":"v1","items":[{"metadata":{"name":"a"}}, {"metadata":{"name":"b"}}],
          "metadata":{"resourceVersion":"5","continue":"tok","remainingItemCount":3}})",
      [&](std::string_view raw) { names.push_back(decoder.Decode<Pod>(raw)->metadata.name); });
  ASSERT_TRUE(header) << header.error().message;
  EXPECT_EQ(header->resource_version, "5");
  EXPECT_EQ(header->continue_token, "tok");
  EXPECT_EQ(header->kind, "PodList");
  EXPECT_THAT(names, ElementsAre("a", "b"));
}

TEST(DecodeList, NullItemsAreNone) {
  Decoder decoder;
  EXPECT_TRUE(decoder.DecodeList(R"({"kind":"PodList","metadata":{"resourceVersion":"5"},"items":null})",
                                 [](std::string_view) { FAIL(); }));
}

TEST(DecodeList, IncompleteOnesDeliverNothing) {
  Decoder decoder;
  for (const char* json :
       {R"({"kind":"PodList","metadata":{"resourceVersion":"5"},"items":[{"metadata":{"name":"a"}})",
        R"({"kind":"PodList","items":[{"metadata":{"name":"a"}}]})", R"({"kind":"Pod","metadata":{"name":"a"}})",
        R"({"kind":"PodList","metadata":{"resourceVersion":"5"},"items":[{"a":1},7]})",
        R"({"kind":"PodList","metadata":{"resourceVersion":"5"},"items":[{"a":1}],"x":)", ""}) {
    EXPECT_FALSE(decoder.DecodeList(json, [](std::string_view) { FAIL(); })) << json;
  }
}

TEST(DecodeWatchEvent, SplitsTypeAndObjectInAnyOrder) {
  Decoder decoder;
  for (const char* line : {R"({"type":"ADDED","object":{"metadata":{"name":"a"}}})",
                           R"({"object":{"metadata":{"name":"a"}},"type":"ADDED"})"}) {
    const auto event = decoder.DecodeWatchEvent(line);
    ASSERT_TRUE(event);
    EXPECT_EQ(event->type, "ADDED");
    EXPECT_EQ(decoder.Decode<Pod>(event->raw)->metadata.name, "a");
  }
  EXPECT_FALSE(decoder.DecodeWatchEvent(R"({"type":"ADDED"})"));
  EXPECT_FALSE(decoder.DecodeWatchEvent(R"({"type":"ADDED","object":null})"));
  EXPECT_FALSE(decoder.DecodeWatchEvent(R"({"type":"ADDED","object":{"metadata")"));
}

}  // namespace
}  // namespace spillway::kube
