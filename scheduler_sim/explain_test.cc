#include "scheduler_sim/explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scheduler_sim/testing/scenario.h"

namespace spillway::sim::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// What stands against node `a`, a line each: filter: subject: detail -> remedy.
std::vector<std::string> Against(std::string_view text, ClusterOptions options = {}) {
  const Scenario scenario(text, options);
  std::vector<std::string> lines;
  for (const NodeExplanation& node : ExplainPod(scenario.cluster, scenario.pod("p")).nodes) {
    if (scenario.cluster.node(node.report.node).name != "a") continue;
    for (const Objection& objection : node.objections) {
      lines.push_back(objection.filter + ": " + objection.subject + ": " + objection.detail + " -> " +
                      objection.remedy);
    }
  }
  return lines;
}

// "step; step -> a,b +3"
std::vector<std::string> Changes(std::string_view text) {
  const Scenario scenario(text);
  std::vector<std::string> lines;
  const PodExplanation explanation = ExplainPod(scenario.cluster, scenario.pod("p"));
  for (const Change& change : SmallestChanges(scenario.cluster, explanation, 10)) {
    std::string line;
    for (const std::string& step : change.steps) line += (line.empty() ? "" : "; ") + step;
    line += " ->";
    for (const NodeIndex node : change.nodes) line += " " + std::string(scenario.cluster.node(node).name);
    if (change.others != 0) line += " +" + std::to_string(change.others);
    lines.push_back(line);
  }
  return lines;
}

TEST(Explain, ResourcesWithNumbers) {
  EXPECT_THAT(Against("node a cpu=4 mem=8Gi\npod o[1..3] on=a cpu=1 mem=1Gi\npod p cpu=2500m mem=6Gi"),
              ElementsAre("NodeResourcesFit: cpu: 2500m requested, 1 of 4 free, 3 used by 3 Pods -> free 1500m cpu",
                          "NodeResourcesFit: memory: 6Gi requested, 5Gi of 8Gi free, 3Gi used by 3 Pods -> free 1Gi "
                          "memory"));
  EXPECT_THAT(Against("node a cpu=4\npod p cpu=8"),
              ElementsAre("NodeResourcesFit: cpu: 8 requested, 4 of 4 free, 0 used by 0 Pods -> give it 8 cpu in all"));
  EXPECT_THAT(Against("node a cpu=2\npod o on=a cpu=1\npod p cpu=3"),
              ElementsAre("NodeResourcesFit: cpu: 3 requested, 1 of 2 free, 1 used by 1 Pod -> give it 4 cpu in all"));
  EXPECT_THAT(Against("node a pods=1\npod o on=a\npod p"),
              ElementsAre("NodeResourcesFit: pods: its 1 places for Pods are taken -> take 1 Pod off it"));
  EXPECT_THAT(Against("node a example.com/gpu=1\npod o on=a example.com/gpu=1\npod p example.com/gpu=1"),
              ElementsAre(HasSubstr("1 requested, 0 of 1 free, 1 used by 1 Pod -> free 1 example.com/gpu")));
}

TEST(Explain, EveryUntoleratedTaint) {
  EXPECT_THAT(Against("node a taint=k=v:NoSchedule taint=l:NoExecute taint=m:PreferNoSchedule\npod p"),
              ElementsAre("TaintToleration: taint k=v:NoSchedule:  -> "
                          "tolerate k=v:NoSchedule",
                          "TaintToleration: taint l:NoExecute:  -> "
                          "tolerate l:NoExecute"));
  EXPECT_THAT(Against("node a taint=node.kubernetes.io/not-ready:NoExecute\npod p"),
              ElementsAre(HasSubstr("-> bring it back to Ready")))
      << "tolerating the taint of a broken node helps nobody";
}

TEST(Explain, ACordonedNodeNeedsOneStep) {
  EXPECT_THAT(Changes("node a cordoned taint=node.kubernetes.io/unschedulable:NoSchedule\npod p"),
              ElementsAre("uncordon it -> a"));
}

TEST(Explain, SelectorsNameTheKey) {
  EXPECT_THAT(Against("node a label=disk=hdd\npod p select=disk=ssd select=zone=z1"),
              ElementsAre("NodeAffinity: selector disk=ssd: it has disk=hdd -> label it disk=ssd",
                          "NodeAffinity: selector zone=z1: it has no label zone -> label it zone=z1"));
  EXPECT_THAT(Against("node a label=disk=hdd\npod p in=disk:ssd|nvme"),
              ElementsAre("NodeAffinity: affinity disk in (ssd,nvme): it has disk=hdd -> label it disk=ssd"));
  EXPECT_THAT(Against("node a label=disk=hdd\npod p not-in=disk:hdd"),
              ElementsAre("NodeAffinity: affinity disk not in (hdd): it has disk=hdd -> take its label disk away"));
  EXPECT_THAT(Against("node a\nnode b cordoned\npod p pin=b"),
              ElementsAre("PreFilter: node(s) didn't satisfy plugin(s) [NodeAffinity]:  -> ",
                          "NodeAffinity: affinity metadata.name=b: the Pod is bound to nodes by name -> "));
}

TEST(Explain, PortsAndWhoHoldsThem) {
  EXPECT_THAT(Against("node a\npod o on=a ns=shop label=app=web port=80\npod p port=80"),
              ElementsAre("NodePorts: host port 80/TCP: host port 80/TCP is held by a Pod of namespace shop, app=web, "
                          "uid o -> free host port 80/TCP"));
  EXPECT_THAT(Against("node a\npod o on=a port=127.0.0.1@80/UDP\npod p port=80/UDP"),
              ElementsAre(HasSubstr("host port 127.0.0.1:80/UDP is held")));
}

TEST(Explain, SkewWithNumbers) {
  const char* text = R"(
    node a label=zone=z1
    node b label=zone=z2
    pod o[1..3] on=a label=app=web
    pod q on=b label=app=web
    pod p label=app=web spread=zone:1:app=web
  )";
  EXPECT_THAT(
      Against(text),
      ElementsAre("PodTopologySpread: spread over zone (maxSkew 1) of app=web in namespace default: zone=z1 has "
                  "3 Pods, the least of 2 is 1: skew 3, at most 1 -> take 2 Pods (app=web in namespace default) "
                  "out of zone=z1"));
  EXPECT_THAT(Against("node a\npod p label=app=web spread=zone:1:app=web"),
              ElementsAre(HasSubstr("it has no label zone -> ")));
}

TEST(Explain, AffinityAndAntiAffinity) {
  EXPECT_THAT(
      Against("node a label=zone=z1\nnode b label=zone=z2\npod o on=b label=app=db\npod p affinity=zone:app=db"),
      ElementsAre("InterPodAffinity: affinity to app=db in namespace default per zone: no such Pod in zone=z1, 1 "
                  "elsewhere -> have a Pod (app=db in namespace default) run in zone=z1"));
  EXPECT_THAT(Against("node a label=zone=z1\npod o[1..2] on=a label=app=db\npod p anti=zone:app=db"),
              ElementsAre("InterPodAffinity: anti-affinity to app=db in namespace default per zone: 2 Pods in "
                          "zone=z1 -> take 2 Pods (app=db in namespace default) out of zone=z1"));
  EXPECT_THAT(Against("node a label=zone=z1\npod o on=a anti=zone:app=web\npod p label=app=web"),
              ElementsAre(AllOf(HasSubstr("other Pods' anti-affinity to app=web"), HasSubstr("1 Pod in zone=z1"))));
}

TEST(Explain, NominatedPodsHoldTheirPlace) {
  const Scenario scenario("node a cpu=2\npod o nominated=a cpu=2 prio=10\npod p cpu=1");
  const PodExplanation explanation = ExplainPod(scenario.cluster, scenario.pod("p"));
  ASSERT_THAT(explanation.nodes, SizeIs(1));
  EXPECT_TRUE(explanation.nodes[0].counts_nominated);
  EXPECT_THAT(explanation.nodes[0].objections.front().detail, HasSubstr("0 of 2 free, 2 used by 1 Pod"));
}

TEST(Explain, TheSmallestChangeFirst) {
  EXPECT_THAT(
      Changes(R"(
                node a cpu=4
                pod o on=a cpu=3
                node b cpu=4
                pod q on=b cpu=2500m
                node c cpu=4 cordoned
                pod r on=c cpu=4
                node g[1..3] cpu=4 taint=gpu=true:NoSchedule
                node tiny cpu=1
                pod p cpu=2
              )"),
      ElementsAre("tolerate gpu=true:NoSchedule -> g1 g2 g3", "free 500m cpu -> b +2", "uncordon it; free 2 cpu -> c"));
}

TEST(Explain, NodesWithoutAKnownRemedyAreNotPromised) {
  EXPECT_THAT(Changes("node a\nnode b cordoned\npod p pin=b"), ElementsAre("uncordon it -> b"));
  EXPECT_THAT(Changes("node a cpu=1\npod p cpu=1"), IsEmpty()) << "it fits";
}

TEST(Explain, NodesWithTheSameAnswerAreOneGroup) {
  const Scenario scenario(R"(
    node a[1..4] cpu=4
    pod o on=a2 cpu=3500m
    pod q on=a3 cpu=3
    node g[1..2] taint=gpu=true:NoSchedule
    virtual v
    pod p cpu=8
  )");
  const PodExplanation explanation = ExplainPod(scenario.cluster, scenario.pod("p"));
  const std::vector<NodeGroup> groups = GroupNodes(scenario.cluster, explanation);
  ASSERT_THAT(groups, SizeIs(3));
  EXPECT_EQ(groups[0].filter, "NodeResourcesFit");
  EXPECT_THAT(groups[0].subjects, ElementsAre("cpu"));
  std::vector<std::string> names;
  for (const std::size_t at : groups[0].members) {
    names.emplace_back(scenario.cluster.node(explanation.nodes[at].report.node).name);
  }
  EXPECT_THAT(names, ElementsAre("a1", "a4", "a3", "a2"));
  EXPECT_THAT(groups[1].subjects, ElementsAre("taint gpu=true:NoSchedule"));
  EXPECT_EQ(groups[2].role, NodeRole::kVirtual);
}

TEST(Explain, AnOutrightRejectionHasNoNodes) {
  const Scenario scenario("node a\nnode b\npod p pin=a pin=b");
  const PodExplanation explanation = ExplainPod(scenario.cluster, scenario.pod("p"));
  EXPECT_TRUE(explanation.rejected);
  EXPECT_THAT(explanation.nodes, IsEmpty());
  EXPECT_THAT(explanation.message, HasSubstr("pod affinity terms conflict"));
}

}  // namespace
}  // namespace spillway::sim::testing
