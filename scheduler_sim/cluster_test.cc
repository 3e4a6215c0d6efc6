#include "scheduler_sim/cluster.h"

#include <gtest/gtest.h>

#include "scheduler_sim/testing/scenario.h"
#include "scheduler_sim/testing/scenario_fields.h"

namespace spillway::sim::testing {
namespace {

kube::Pod With(kube::Pod pod, const std::string& node) {
  pod.node_name = node;
  return pod;
}

TEST(Cluster, PodsThatCameBeforeTheirNodeCountWhenItComes) {
  Scenario scenario("pod early on=a cpu=1\npod p cpu=2");
  EXPECT_FALSE(scenario.cluster.FindNode("a"));
  scenario.cluster.Upsert(MakeNode("a", false, {"cpu=2"}));
  EXPECT_EQ(scenario.cluster.node(scenario.node("a")).requested_milli_cpu, 1000);
  EXPECT_EQ(Judge(scenario.cluster, scenario.pod("p"), NodeDomain::kReal).kind, Verdict::Kind::kNowhere);
}

TEST(Cluster, PodsStayKnownWhileTheirNodeIsGone) {
  Scenario scenario("node a cpu=2\npod there on=a cpu=1");
  scenario.cluster.RemoveNode("a");
  EXPECT_EQ(scenario.cluster.node_count(NodeDomain::kAll), 0u);
  EXPECT_EQ(scenario.cluster.pod_count(), 1u);
  scenario.cluster.Upsert(MakeNode("a", false, {"cpu=4"}));
  const NodeView node = scenario.cluster.node(scenario.node("a"));
  EXPECT_EQ(node.requested_milli_cpu, 1000);
  EXPECT_EQ(node.pods, 1);
  EXPECT_EQ(node.allocatable_milli_cpu, 4000);
}

TEST(Cluster, ANodeRecreatedUnderItsNameReplacesTheOld) {
  Scenario scenario("node a cpu=2");
  kube::Node next = scenario.nodes.front();
  next.metadata.uid = "another";
  scenario.cluster.Upsert(next);
  scenario.cluster.RemoveNode("a");  // the old one's UID
  EXPECT_TRUE(scenario.cluster.FindNode("a"));
  scenario.cluster.RemoveNode("another");
  EXPECT_FALSE(scenario.cluster.FindNode("a"));
}

TEST(Cluster, AFinishedPodIsForgotten) {
  Scenario scenario("node a cpu=2\npod p on=a cpu=1");
  kube::Pod done = scenario.pods.front();
  done.phase = kube::PodPhase::kSucceeded;
  scenario.cluster.Upsert(done);
  EXPECT_EQ(scenario.cluster.pod_count(), 0u);
  EXPECT_EQ(scenario.cluster.node(scenario.node("a")).pods, 0);
}

TEST(Cluster, BindingMovesAPodFromPendingToItsNode) {
  Scenario scenario("node a cpu=2\npod p cpu=1");
  EXPECT_EQ(scenario.cluster.pending().size(), 1u);
  scenario.cluster.Upsert(With(scenario.pods.front(), "a"));
  EXPECT_TRUE(scenario.cluster.pending().empty());
  EXPECT_FALSE(scenario.cluster.class_of(scenario.pod("p")).valid());
  EXPECT_EQ(scenario.cluster.node(scenario.node("a")).pods, 1);
}

TEST(Cluster, EqualSpecsShareAClassWhateverTheirLabels) {
  Scenario scenario("pod p1 cpu=1 label=job=1\npod p2 cpu=1 label=job=2\npod p3 cpu=2");
  EXPECT_EQ(scenario.cluster.class_of(scenario.pod("p1")), scenario.cluster.class_of(scenario.pod("p2")));
  EXPECT_NE(scenario.cluster.class_of(scenario.pod("p1")), scenario.cluster.class_of(scenario.pod("p3")));
}

TEST(Cluster, RelaxationsCountOnlyWhatMayHelp) {
  Scenario scenario("node a cpu=4\npod there on=a cpu=2\npod p cpu=1");
  Cluster& cluster = scenario.cluster;
  const auto relaxed_by = [&](auto&& change) {
    const std::uint64_t before = cluster.relaxations();
    change();
    return cluster.relaxations() != before;
  };
  const auto there = [&](const char* cpu) { return MakePod("there", {"on=a", std::string("cpu=") + cpu}); };
  EXPECT_FALSE(relaxed_by([&] { cluster.Upsert(MakePod("more", {"on=a", "cpu=1"})); }));
  EXPECT_FALSE(relaxed_by([&] { cluster.Upsert(there("2")); })) << "nothing changed";
  EXPECT_FALSE(relaxed_by([&] { cluster.Upsert(there("3")); })) << "it grew";
  EXPECT_TRUE(relaxed_by([&] { cluster.Upsert(there("1")); })) << "it shrank";
  EXPECT_FALSE(relaxed_by([&] { cluster.RemovePod("p"); })) << "it had no place";
  EXPECT_TRUE(relaxed_by([&] { cluster.RemovePod("there"); }));
  EXPECT_FALSE(relaxed_by([&] { cluster.Upsert(MakeNode("a", false, {"cpu=4"})); })) << "a heartbeat";
  EXPECT_TRUE(relaxed_by([&] { cluster.Upsert(MakeNode("a", false, {"cpu=8"})); }));
  EXPECT_TRUE(relaxed_by([&] { cluster.Upsert(MakeNode("b", false, {})); }));
}

TEST(Cluster, GenerationStandsStillWhenNothingChanges) {
  Scenario scenario("node a\npod p on=a");
  const std::uint64_t before = scenario.cluster.generation();
  scenario.cluster.Upsert(scenario.nodes.front());
  scenario.cluster.Upsert(scenario.pods.front());
  scenario.cluster.RemovePod("unknown");
  EXPECT_EQ(scenario.cluster.generation(), before);
}

TEST(Cluster, PreemptionCanOnlyHelpAgainstLowerPrioritiesOnRealNodes) {
  Scenario scenario(R"(
    node a
    virtual v
    pod low     on=v prio=1
    pod middle  on=a prio=5
    pod same    prio=5
    pod high    prio=6
    pod polite  prio=6 never-preempts
  )");
  EXPECT_FALSE(scenario.cluster.PreemptionMightHelp(scenario.pod("same")));
  EXPECT_TRUE(scenario.cluster.PreemptionMightHelp(scenario.pod("high")));
  EXPECT_FALSE(scenario.cluster.PreemptionMightHelp(scenario.pod("polite")));
  scenario.cluster.RemovePod("middle");
  EXPECT_FALSE(scenario.cluster.PreemptionMightHelp(scenario.pod("high")));
}

TEST(Cluster, ANodeThatTurnsVirtualLeavesTheRealDomain) {
  Scenario scenario("node a\npod p on=a prio=1\npod high prio=2");
  EXPECT_TRUE(scenario.cluster.PreemptionMightHelp(scenario.pod("high")));
  scenario.cluster.Upsert(MakeNode("a", true, {}));
  EXPECT_EQ(scenario.cluster.node_count(NodeDomain::kReal), 0u);
  EXPECT_EQ(scenario.cluster.node_count(NodeDomain::kAll), 1u);
  EXPECT_FALSE(scenario.cluster.PreemptionMightHelp(scenario.pod("high")));
}

TEST(Cluster, NodesAreListedByNameWhateverTheOrderTheyCameIn) {
  Scenario scenario("node c\nnode a\nnode d\nnode b\nvirtual v");
  std::string names;
  for (const NodeIndex node : scenario.cluster.nodes(NodeRole::kReal)) names += scenario.cluster.node(node).name;
  EXPECT_EQ(names, "abcd");
}

kube::Namespace DefaultNamespace(std::string uid) {
  kube::Namespace ns;
  ns.metadata.name = "default";
  ns.metadata.uid = std::move(uid);
  ns.metadata.labels = {{"team", "a"}};
  return ns;
}

TEST(Cluster, ANamespaceMadeAgainUnderItsNameKeepsItsLabelsWhicheverDeltaComesFirst) {
  for (const bool removed_first : {true, false}) {
    Scenario scenario("node a\npod placed on=a label=app=web");
    scenario.cluster.Upsert(DefaultNamespace("old"));
    kube::Pod shy = MakePod("shy", {"anti=hostname:app=web"});
    shy.required_pod_anti_affinity.front().namespace_selector = kube::LabelSelector{{{"team", "a"}}, {}};
    scenario.cluster.Upsert(shy);
    if (removed_first) scenario.cluster.RemoveNamespace("old");
    scenario.cluster.Upsert(DefaultNamespace("new"));
    if (!removed_first) scenario.cluster.RemoveNamespace("old");
    EXPECT_EQ(Judge(scenario.cluster, scenario.pod("shy"), NodeDomain::kReal).kind, Verdict::Kind::kNowhere);
    scenario.cluster.RemoveNamespace("new");
    EXPECT_EQ(Judge(scenario.cluster, scenario.pod("shy"), NodeDomain::kReal).kind, Verdict::Kind::kFits);
  }
}

TEST(Cluster, AClonesChangesAreItsOwn) {
  Scenario scenario("node a cpu=4\npod p cpu=1 port=80");
  Cluster copy = scenario.cluster.Clone();
  copy.Upsert(With(scenario.pods.front(), "a"));
  EXPECT_EQ(scenario.cluster.node(scenario.node("a")).pods, 0);
  EXPECT_EQ(copy.node(*copy.FindNode("a")).pods, 1);
  scenario.cluster.Upsert(MakePod("q", {"port=80"}));
  EXPECT_EQ(Judge(scenario.cluster, scenario.pod("q"), NodeDomain::kReal).kind, Verdict::Kind::kFits);
}

TEST(Judge, ANominatedPodOfEqualPriorityHoldsItsPlace) {
  Scenario scenario(R"(
    node a cpu=2
    pod nominated nominated=a cpu=2 prio=5
    pod equal cpu=1 prio=5
    pod above cpu=1 prio=6
  )");
  EXPECT_EQ(Judge(scenario.cluster, scenario.pod("equal"), NodeDomain::kReal).kind, Verdict::Kind::kNowhere);
  EXPECT_EQ(Judge(scenario.cluster, scenario.pod("above"), NodeDomain::kReal).kind, Verdict::Kind::kFits);
  EXPECT_EQ(Judge(scenario.cluster, scenario.pod("nominated"), NodeDomain::kReal).kind, Verdict::Kind::kFits);
  EXPECT_EQ(ReportNodes(scenario.cluster, scenario.pod("equal")).front().filter, "NodeResourcesFit");
}

TEST(Judge, ShortOfResourcesTellsFitFromTheRest) {
  Scenario scenario("node a cordoned\nnode b cpu=1\npod big cpu=2\npod picky select=k=v cpu=2");
  EXPECT_TRUE(Judge(scenario.cluster, scenario.pod("big"), NodeDomain::kReal).why_not->short_of_resources);
  EXPECT_FALSE(Judge(scenario.cluster, scenario.pod("picky"), NodeDomain::kReal).why_not->short_of_resources);
  Scenario empty("pod p");
  EXPECT_TRUE(Judge(empty.cluster, empty.pod("p"), NodeDomain::kReal).why_not->short_of_resources);
}

TEST(Judge, VirtualNodesCountOnlyInKubeSchedulersOwnView) {
  Scenario scenario("node a cpu=1\nvirtual v\npod p cpu=2");
  const Verdict real = Judge(scenario.cluster, scenario.pod("p"), NodeDomain::kReal);
  EXPECT_EQ(real.why_not->SchedulerMessage(), "0/1 nodes are available: 1 Insufficient cpu.");
  const Verdict all = Judge(scenario.cluster, scenario.pod("p"), NodeDomain::kAll);
  EXPECT_EQ(all.why_not->SchedulerMessage(),
            "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint(s).");
}

}  // namespace
}  // namespace spillway::sim::testing
