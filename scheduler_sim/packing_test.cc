#include "scheduler_sim/packing.h"

#include <gtest/gtest.h>

#include "scheduler_sim/testing/matchers.h"

namespace spillway::sim::testing {
namespace {

using ::testing::AllOf;

TEST(Packing, FreeSlotsAreUsedUpBeforeAnythingOverflows) {
  EXPECT_THAT(Judge(R"(
    node a  cpu=4
    virtual v  pods=3000
    pod  p[1..5]  cpu=1500m
  )"),
              AllOf(Fit(2, On("a")), Overflow(3, Onto("v"))));
}

TEST(Packing, HigherPrioritiesComeFirst) {
  EXPECT_THAT(Judge(R"(
    node a  cpu=1
    virtual v
    pod  low   cpu=1 prio=1
    pod  high  cpu=1 prio=2
  )"),
              AllOf(Fits("high", On("a")), Overflow(1, Onto("v"))));
}

TEST(Packing, PodsThatWereTriedStandBehindThoseThatWereNot) {
  EXPECT_THAT(Judge(R"(
    node a  cpu=1
    pod  old  cpu=1 tried
    pod  new  cpu=1
  )"),
              AllOf(Fits("new", On("a")), FitsNowhere("old", "0/1 nodes are available: 1 Insufficient cpu.")));
}

TEST(Packing, EmptierNodesAreFilledFirstThenByName) {
  EXPECT_THAT(Judge(R"(
    node b  cpu=4
    node a  cpu=4
    pod  placed  cpu=1 on=a
    pod  p1      cpu=1
    pod  p2      cpu=1
  )"),
              AllOf(Fits("p1", On("b")), Fits("p2", On("a"))));
}

TEST(Packing, NominatedPodsHoldTheirPlaceAgainstTheirPriorityAndBelow) {
  EXPECT_THAT(Judge(R"(
    node a  cpu=2
    pod  nominated  cpu=1 prio=5 nominated=a
    pod  above      cpu=2 prio=6
  )"),
              Fits("above", On("a")));
  EXPECT_THAT(Judge(R"(
    node a  cpu=2
    pod  nominated  cpu=1 prio=5 nominated=a
    pod  equal      cpu=2 prio=5
  )"),
              AllOf(Fits("nominated", On("a")), FitsNowhere("equal", "0/1 nodes are available: 1 Insufficient cpu.")));
}

TEST(Packing, ANominatedPodWhoseNodeFilledUpGoesElsewhere) {
  EXPECT_THAT(Judge(R"(
    node a  cpu=2
    node b  cpu=2
    pod  placed     cpu=2 on=a
    pod  nominated  cpu=1 nominated=a
  )"),
              Fits("nominated", On("b")));
}

// kube-scheduler adds a nominated Pod to the node that it tries, and to no other.
TEST(Packing, ANominatedPodCountsOnItsNodeAndNowhereElse) {
  EXPECT_THAT(Judge(R"(
    node a  cpu=2 label=zone=z1
    node b  cpu=2 label=zone=z1
    pod  gang       cpu=1 prio=5 nominated=a label=app=web label=scheduling.x-k8s.io/pod-group=g
    pod  shy        cpu=1 anti=zone:app=web
  )"),
              Fits("shy", On("b")));
}

TEST(Packing, ANodeWithANominatedPodMustDoWithItAndWithout) {
  // It is nominated, but not there: with it web would fit.
  Scenario scenario(R"(
    node a  cpu=4 label=zone=z1
    pod  nominated  cpu=1 prio=5 nominated=a label=app=db
    pod  web        cpu=1 affinity=zone:app=db
  )");
  const std::vector<PodIndex> web = {scenario.pod("web")};
  EXPECT_EQ(Pack(scenario.cluster, web, NodeDomain::kReal).entries().front().verdict.kind, Verdict::Kind::kNowhere);
}

// Gated, another scheduler's, on its way out: kube-scheduler does not count on them.
TEST(Packing, NominationsOfPodsOutsideTheQueueHoldNothing) {
  for (const char* why : {"gated", "scheduler=other", "terminating"}) {
    const std::string scenario =
        std::string("node a cpu=1\npod never cpu=1 prio=9 nominated=a ") + why + "\npod web cpu=1 label=app=web";
    Scenario read(scenario);
    const std::vector<PodIndex> web = {read.pod("web")};
    EXPECT_EQ(Pack(read.cluster, web, NodeDomain::kReal).entries().front().verdict.kind, Verdict::Kind::kFits) << why;
    EXPECT_EQ(sim::Judge(read.cluster, web.front(), NodeDomain::kReal).kind, Verdict::Kind::kFits) << why;
    EXPECT_FALSE(read.cluster.IsQueued(read.pod("never"))) << why;
    EXPECT_TRUE(read.cluster.IsQueued(web.front()));
  }
}

TEST(Packing, DaemonSetPodsOutsideTheQueueReserveNothing) {
  for (const char* why : {"gated", "scheduler=other", "terminating"}) {
    Scenario scenario(std::string("node a cpu=2\npod agent cpu=1 owner=DaemonSet/agent pin=a ") + why +
                      "\npod web cpu=2");
    const std::vector<PodIndex> web = {scenario.pod("web")};
    EXPECT_EQ(Pack(scenario.cluster, web, NodeDomain::kReal).entries().front().verdict.kind, Verdict::Kind::kFits)
        << why;
  }
}

TEST(Packing, DaemonSetPodsReserveTheirNodeInTheirTurn) {
  Scenario scenario(R"(
    node a  cpu=2
    node b  cpu=1
    pod  agent      cpu=1 owner=DaemonSet/agent pin=b
    pod  nominated  cpu=2 prio=1 nominated=a
    pod  urgent     cpu=2 prio=9
  )");
  const std::vector<PodIndex> urgent = {scenario.pod("urgent")};
  EXPECT_EQ(Pack(scenario.cluster, urgent, NodeDomain::kReal).entries().front().verdict.kind, Verdict::Kind::kFits)
      << "neither the DaemonSet Pod nor the nominated one comes before it";
}

TEST(Packing, PendingDaemonSetPodsReserveTheirNode) {
  Scenario scenario(R"(
    node a  cpu=2
    pod  agent  cpu=1 owner=DaemonSet/agent pin=a
    pod  web    cpu=2
  )");
  const std::vector<PodIndex> web = {scenario.pod("web")};
  const Packing packing = Pack(scenario.cluster, web, NodeDomain::kReal);
  EXPECT_EQ(packing.entries().front().verdict.kind, Verdict::Kind::kNowhere);
}

TEST(Packing, VirtualNodesAreNoPlaceInTheRealDomain) {
  EXPECT_THAT(Judge(R"(
    virtual v
    pod  p  cpu=1 tolerate=all
  )"),
              AllOf(FitsNowhere("p", "no nodes available to schedule pods"), Overflow(1, Onto("v"))));
}

TEST(Packing, HostPortsAreTakenByThePodsPackedBefore) {
  EXPECT_THAT(Judge(R"(
    node a
    node b
    pod  p[1..3]  port=80
  )"),
              AllOf(Fit(1, On("a")), Fit(1, On("b"))));
}

TEST(Packing, UndecidablePodsTakeNoPlace) {
  EXPECT_THAT(Judge(R"(
    node a  cpu=1
    pod  gang  cpu=1 prio=9 label=scheduling.x-k8s.io/pod-group=g
    pod  web   cpu=1
  )"),
              AllOf(IsUndecidable("gang", "scheduling.x-k8s.io/pod-group"), Fits("web", On("a"))));
}

}  // namespace
}  // namespace spillway::sim::testing
