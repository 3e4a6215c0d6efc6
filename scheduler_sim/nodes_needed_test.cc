#include "scheduler_sim/nodes_needed.h"

#include <gtest/gtest.h>

#include "scheduler_sim/testing/scenario.h"
#include "scheduler_sim/testing/scenario_fields.h"

namespace spillway::sim::testing {
namespace {

NodesNeeded Needed(std::string_view text, const std::vector<std::string>& shape, std::size_t most = 100) {
  const Scenario scenario(text);
  return CountNodesNeeded(scenario.cluster, scenario.waiting(), MakeNode("new", false, shape), most);
}

TEST(NodesNeeded, LargePodsComeFirstAndSmallOnesFillTheGaps) {
  const NodesNeeded needed = Needed(R"(
    pod small[1..4]  cpu=1
    pod large[1..4]  cpu=3
  )",
                                    {"cpu=4"});
  EXPECT_EQ(needed.nodes, 4u);
  EXPECT_EQ(needed.placed, 8u);
}

// As cluster-autoscaler has it in BenchmarkBinpackingEstimate, at a tenth of the size.
TEST(NodesNeeded, AgreesWithClusterAutoscalersEstimate) {
  const NodesNeeded needed = Needed(R"(
    pod many[1..5000]  cpu=50m mem=100
    pod few[1..100]    cpu=95m mem=190
  )",
                                    {"cpu=1", "mem=5000", "pods=100"}, 300);
  EXPECT_EQ(needed.nodes, 260u);  // 10 nodes of 10 large and one small, 249 of 20 small, one for the last 10
  EXPECT_EQ(needed.placed, 5100u);
}

TEST(NodesNeeded, ExistingNodesTakeNobody) { EXPECT_EQ(Needed("node idle cpu=64\npod p cpu=1", {"cpu=4"}).nodes, 1u); }

TEST(NodesNeeded, PodsThatNoSuchNodeTakesAreLeftOver) {
  const NodesNeeded needed = Needed(R"(
    pod huge      cpu=9
    pod picky     cpu=1 select=disk=ssd
    pod pinned    cpu=1 pin=elsewhere
    pod p         cpu=1
  )",
                                    {"cpu=4"});
  EXPECT_EQ(needed.nodes, 1u);
  EXPECT_EQ(needed.left_over.size(), 3u);
}

TEST(NodesNeeded, StopsAtTheLimit) {
  const NodesNeeded needed = Needed("pod p[1..10] cpu=2", {"cpu=4"}, 3);
  EXPECT_EQ(needed.nodes, 3u);
  EXPECT_EQ(needed.left_over.size(), 4u);
  EXPECT_EQ(Needed("pod p cpu=1", {"cpu=4"}, 0).left_over.size(), 1u);
}

TEST(NodesNeeded, PodsThatAvoidEachOtherGetANodeEach) {
  EXPECT_EQ(Needed("pod p[1..5] cpu=1 label=app=web anti=kubernetes.io/hostname:app=web",
                   {"cpu=64", "label=kubernetes.io/hostname=any"})
                .nodes,
            5u);
}

TEST(NodesNeeded, PlacedPodsCountForAffinityAndSpread) {
  // One zone may have two more than the other, which has none; all new nodes are in one zone.
  EXPECT_EQ(Needed(R"(
    node a cpu=1 label=zone=z1
    node b cpu=1 label=zone=z2
    pod old on=b cpu=1 label=app=web
    pod p[1..9] cpu=1 label=app=web spread=zone:2:app=web
  )",
                   {"cpu=1", "label=zone=z1"})
                .nodes,
            3u);
}

TEST(NodesNeeded, PortsAreTakenOnceANode) { EXPECT_EQ(Needed("pod p[1..3] cpu=1 port=80", {"cpu=64"}).nodes, 3u); }

}  // namespace
}  // namespace spillway::sim::testing
