#include "scheduler_sim/spread_balancer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "scheduler_sim/testing/matchers.h"
#include "scheduler_sim/testing/scenario.h"

namespace spillway::sim::testing {
namespace {

using ::testing::AllOf;

TEST(Spread, TenPodsOnThreeEqualNodes) {
  EXPECT_THAT(Judge(R"(
    virtual v[1..3]  pods=1000
    pod  p[0..9]  cpu=1
  )"),
              AllOf(Overflow(4, Onto("v1")), Overflow(3, Onto("v2")), Overflow(3, Onto("v3"))));
}

TEST(Spread, UnequalQuotasFillByShare) {
  EXPECT_THAT(Judge(R"(
    virtual big    cpu=30 pods=1000
    virtual small  cpu=10 pods=1000
    pod  p[1..8]  cpu=1
  )"),
              AllOf(Overflow(6, Onto("big")), Overflow(2, Onto("small"))));
}

TEST(Spread, TheScarcestResourceDecides) {
  EXPECT_THAT(Judge(R"(
    virtual a  mem=2Gi pods=100
    virtual b  mem=8Gi pods=10
    pod  p  mem=1Gi
  )"),
              Overflow(1, Onto("b")));
}

TEST(Spread, CountsPodsThatAreThereAlready) {
  EXPECT_THAT(Judge(R"(
    virtual v1  pods=100
    virtual v2  pods=100
    pod  there[1..5]  on=v1 cpu=1
    pod  p[1..5]      cpu=1
  )"),
              Overflow(5, Onto("v2")));
}

TEST(Spread, ReplicasOfOneOwnerGoApartWhenSharesAreEqual) {
  const Fates fates = Judge(R"(
    virtual v1  pods=100
    virtual v2  pods=100
    pod  web1  on=v1 owner=ReplicaSet/web
    pod  api1  on=v2 owner=ReplicaSet/api
    pod  web2  owner=ReplicaSet/web
  )");
  EXPECT_THAT(fates, Overflow(1, Onto("v2")));
  EXPECT_EQ(fates.at("web2").why, "chosen of 2 with equal quota used (2%): fewest replicas of its owner (0 < 1)");
}

TEST(Spread, SaysWhyANodeWasChosen) {
  EXPECT_EQ(Judge(R"(
    virtual v1  pods=100
    virtual v2  pods=50
    virtual v3  pods=25
    pod  p  cpu=1
  )")
                .at("p")
                .why,
            "chosen of 3 by quota used (1% < 2% < 4%)");
}

std::string WhyP(const char* text) { return Judge(text).at("p").why; }

TEST(Spread, SaysWhichNodesWereEqualAndWhatDecidedBetweenThem) {
  EXPECT_EQ(WhyP("virtual v[1..3] pods=100\npod p"), "chosen of 3 with equal quota used (1%): first by name");
  EXPECT_EQ(WhyP("virtual v1 pods=25\nvirtual v[2..3] pods=100\npod p"),
            "chosen of 3 by quota used (1% = 1% < 4%), of the equal v2, v3 first by name")
      << "v1 is first by name among all";
  EXPECT_EQ(WhyP("virtual v1 pods=100 cordoned\nvirtual v[2..3] pods=100\npod p"),
            "chosen of 3 by quota used (1% = 1%), of the equal v2, v3 first by name")
      << "v1 does not take it";
  EXPECT_EQ(WhyP("virtual v1 pods=25\nvirtual v[2..6] pods=100\npod p"),
            "chosen of 6 by quota used (1% = 1% = 1%, ...), of the equal v2, v3, v4 and 2 more first by name");
  EXPECT_EQ(WhyP(R"(
    virtual v[1..3]  pods=100
    pod  a  on=v1 owner=ReplicaSet/web
    pod  b  on=v2 owner=ReplicaSet/api
    pod  c  on=v3 owner=ReplicaSet/api
    pod  p  owner=ReplicaSet/web
  )"),
            "chosen of 3 with equal quota used (2%): fewest replicas of its owner (0 < 1), then first by name");
}

TEST(Spread, SaysWhyNoNodeTakesThePod) {
  EXPECT_THAT(Judge(R"(
    virtual full1     pods=0
    virtual full2     pods=0
    virtual down      not-ready
    virtual cordoned  cordoned
    virtual tainted   taint=team=a:NoSchedule
    virtual cut       cloud-unreachable
    pod  p
  )"),
              StaysBecause(
                  "p",
                  "0/6 virtual nodes fit: 2 Too many pods, 1 cordoned, 1 cloud unreachable, 1 not ready, 1 untolerated "
                  "taint team=a"));
  EXPECT_THAT(Judge("pod p"), StaysBecause("p", "0/0 virtual nodes fit: there are none"));
}

TEST(Spread, AFenceThatEvictsIsNoFence) {
  EXPECT_THAT(Judge(R"(
    virtual v  taint=virtual-kubelet.io/provider=x:NoExecute
    pod  p
  )"),
              StaysBecause("p", "0/1 virtual nodes fit: 1 untolerated taint virtual-kubelet.io/provider=x"));
}

TEST(Spread, SelectorsBindOnVirtualNodesToo) {
  EXPECT_THAT(Judge(R"(
    virtual v1
    virtual v2  label=zone=b
    pod  p[1..4]  select=zone=b
  )"),
              Overflow(4, Onto("v2")));
}

TEST(Spread, StopsWhenTheQuotaIsUsedUp) {
  EXPECT_THAT(Judge(R"(
    virtual v1  cpu=2
    virtual v2  cpu=1
    pod  p[1..5]  cpu=1
  )"),
              AllOf(Overflow(2, Onto("v1")), Overflow(1, Onto("v2"))));
}

// Where the Pods go, in their order, and why the last went there.
std::pair<std::string, std::string> Placed(const Scenario& scenario, std::vector<SpreadPool> pools) {
  SpreadOptions options;
  options.pools = std::move(pools);
  std::pair<std::string, std::string> placed;
  for (const Placement& placement : Spread(scenario.cluster, scenario.waiting(), options)) {
    placed.first += placement.node ? std::string(scenario.cluster.node(*placement.node).name) + " " : "- ";
    placed.second = placement.why;
  }
  return placed;
}

kube::LabelSelector In(const std::string& pool) { return {{{"pool", pool}}, {}}; }

constexpr std::string_view kTwoPools = R"(
  virtual a1  pods=100 label=pool=a
  virtual b1  pods=100 label=pool=b
  virtual x1  pods=100
  pod p[1..6]  cpu=1
)";

TEST(SpreadPools, TheFirstIsFilledBeforeTheNext) {
  const auto [nodes, why] = Placed(Scenario(kTwoPools), {{"b", In("b"), 2, 0}, {"a", In("a"), 3, 0}});
  EXPECT_EQ(nodes, "b1 b1 a1 a1 a1 x1 ");
  EXPECT_EQ(why, "the only virtual node in no pool");
  EXPECT_EQ(Placed(Scenario(kTwoPools), {{"b", In("b"), {}, 0}}).second,
            "the only virtual node in pool b (by preference)");
}

TEST(SpreadPools, SharesAreKeptByRatio) {
  const auto [nodes, why] = Placed(Scenario(kTwoPools), {{"a", In("a"), {}, 2}, {"b", In("b"), {}, 1}});
  EXPECT_EQ(std::count(nodes.begin(), nodes.end(), 'a'), 4);
  EXPECT_EQ(std::count(nodes.begin(), nodes.end(), 'b'), 2);
  EXPECT_THAT(why, ::testing::HasSubstr("(by share)"));
}

TEST(SpreadPools, FullPoolsTakeNothing) {
  const auto [nodes, why] = Placed(Scenario(R"(
    virtual a1  pods=100 label=pool=a
    pod there  on=a1
    pod p  cpu=1
  )"),
                                   {{"a", In("a"), 1, 0}});
  EXPECT_EQ(nodes, "- ");
  EXPECT_EQ(why, "every pool whose nodes would take it has its most Pods");
}

}  // namespace
}  // namespace spillway::sim::testing
