#include "controller/policy/node_returns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace spillway::controller {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr Instant kStart{std::chrono::hours(10)};
constexpr WallTime kWall{std::chrono::hours(500'000)};

kube::Node Stamped(std::string name, std::optional<WallTime> changed, std::optional<WallTime> created = {}) {
  kube::Node node;
  node.metadata.name = std::move(name);
  node.metadata.creation_timestamp = created;
  node.ready_changed = changed;
  return node;
}

std::vector<std::string> Names(const NodeReturns& returns, Instant after) {
  std::vector<std::string> names;
  for (const NodeReturns::Change& change : returns.Later(after)) names.push_back(change.node);
  return names;
}

TEST(NodeReturns, WhatChangesWhileWeWatchChangesNow) {
  NodeReturns returns;
  returns.Changed("a", kStart);
  returns.Changed("b", kStart + 10s);
  EXPECT_THAT(Names(returns, kStart - 1s), ElementsAre("b", "a"));
  EXPECT_THAT(Names(returns, kStart), ElementsAre("b"));
  returns.Changed("a", kStart + 20s);
  EXPECT_THAT(Names(returns, kStart + 5s), ElementsAre("a", "b"));
}

TEST(NodeReturns, NodesOfTheFirstListAreAsOldAsTheySay) {
  NodeReturns returns;
  returns.FoundSo(Stamped("flapped", kWall - 20s, kWall - 2h), kStart, kWall);
  returns.FoundSo(Stamped("new", std::nullopt, kWall - 30s), kStart, kWall);
  returns.FoundSo(Stamped("settled", kWall - 2h), kStart, kWall);
  returns.FoundSo(Stamped("silent", std::nullopt), kStart, kWall);
  ASSERT_EQ(returns.Later(kStart - 40s).size(), 2u);
  EXPECT_EQ(returns.Later(kStart - 40s)[0].node, "flapped");
  EXPECT_EQ(returns.Later(kStart - 40s)[0].at, kStart - 20s);
  EXPECT_EQ(returns.Later(kStart - 40s)[1].at, kStart - 30s);
}

TEST(NodeReturns, ATimestampOfTheFutureMeansNow) {
  NodeReturns returns;
  returns.FoundSo(Stamped("ahead", kWall + 1h), kStart, kWall);
  EXPECT_EQ(returns.Later(kStart - 1s).front().at, kStart);
}

TEST(NodeReturns, WhatIsLongPastIsForgotten) {
  NodeReturns returns;
  returns.Changed("a", kStart);
  returns.Changed("b", kStart + NodeReturns::kLongest);
  EXPECT_THAT(Names(returns, kStart - 1s), ElementsAre("b"));
  returns.Changed("a", kStart + NodeReturns::kLongest + 1s);
  EXPECT_THAT(Names(returns, Instant()), ElementsAre("a", "b"));
  EXPECT_THAT(Names(returns, kStart + 3 * NodeReturns::kLongest), IsEmpty());
}

}  // namespace
}  // namespace spillway::controller
