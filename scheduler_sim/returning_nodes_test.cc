#include "scheduler_sim/returning_nodes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scheduler_sim/testing/scenario.h"

namespace spillway::sim::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// "pod>node" for Pods that would have a place if all nodes were ready.
std::vector<std::string> IfReady(std::string_view text) {
  const Scenario scenario(text);
  const std::vector<PodIndex> pods = scenario.waiting();
  std::vector<NodeIndex> nodes;
  for (const kube::Node& node : scenario.nodes) nodes.push_back(scenario.node(node.metadata.name));
  std::vector<std::string> placed;
  ReturningNodes returning(scenario.cluster, nodes);
  for (const PodIndex pod : pods) {
    const std::optional<NodeIndex> node = returning.Place(pod);
    for (const kube::Pod& each : scenario.pods) {
      if (!node || scenario.pod(each.metadata.uid) != pod) continue;
      placed.push_back(each.metadata.name + ">" + std::string(scenario.cluster.node(*node).name));
    }
  }
  return placed;
}

TEST(ReturningNodes, AsManyPodsAsThereIsRoomFor) {
  EXPECT_THAT(IfReady(R"(
    node a  cpu=4 taint=node.kubernetes.io/not-ready:NoSchedule
    pod  there   cpu=1 on=a
    pod  p[1..9] cpu=1500m
  )"),
              ElementsAre("p1>a", "p2>a"));
}

TEST(ReturningNodes, OnlyWhatReadinessEnds) {
  const auto takes = [](const std::string& node) { return IfReady("node a " + node + "\npod p"); };
  const char* kNotReady = "taint=node.kubernetes.io/not-ready:NoSchedule ";
  EXPECT_THAT(takes("taint=node.kubernetes.io/unreachable:NoExecute"), ElementsAre("p>a"));
  EXPECT_THAT(takes("taint=node.cloudprovider.kubernetes.io/uninitialized:NoSchedule"), ElementsAre("p>a"));
  EXPECT_THAT(takes(""), IsEmpty()) << "nothing to wait for";
  EXPECT_THAT(takes("taint=node.kubernetes.io/disk-pressure:NoSchedule"), IsEmpty());
  EXPECT_THAT(takes(kNotReady + std::string("cordoned")), IsEmpty());
  EXPECT_THAT(takes(kNotReady + std::string("taint=gpu:NoSchedule")), IsEmpty());
  EXPECT_THAT(takes(kNotReady + std::string("pods=0")), IsEmpty());
  EXPECT_THAT(IfReady("virtual v taint=node.kubernetes.io/not-ready:NoSchedule\n"
                      "pod p tolerate=virtual-kubelet.io/provider"),
              IsEmpty());
}

TEST(ReturningNodes, OtherConstraintsStand) {
  EXPECT_THAT(IfReady(R"(
    node a  label=zone=z1 taint=node.kubernetes.io/not-ready:NoSchedule
    node b  label=zone=z2 taint=node.kubernetes.io/not-ready:NoSchedule
    pod  p  select=zone=z2
    pod  q  select=zone=z3
    pod  r[1..3] label=app=web anti=hostname:app=web
    pod  s  label=scheduling.x-k8s.io/pod-group=g
  )"),
              ElementsAre("p>b", "r1>a", "r2>b"));
}

}  // namespace
}  // namespace spillway::sim::testing
