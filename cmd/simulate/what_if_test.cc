#include "cmd/simulate/what_if.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cmd/simulate/simulation.h"

namespace spillway::cmd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kShape = R"(
apiVersion: v1
kind: Node
metadata:
  name: big
  labels: {kubernetes.io/hostname: big, size: large}
status:
  capacity: {cpu: "4", memory: 8Gi, pods: "10"}
)";

std::string Node(const char* name, int cpu) {
  return fmt::format(
      R"({{"kind":"Node","metadata":{{"name":"{}"}},"status":{{"allocatable":{{"cpu":"{}","memory":"8Gi","pods":"10"}}}}}})",
      name, cpu);
}

// A Pod of the Deployment web, one second younger than the one before.
std::string WebPod(int number, const char* node, const char* extra = "") {
  return fmt::format(
      R"({{"kind":"Pod","metadata":{{"name":"web-{0}","creationTimestamp":"2026-11-22T10:00:0{0}Z","labels":{{"pod-template-hash":"5f6"}},)"
      R"("ownerReferences":[{{"kind":"ReplicaSet","name":"web-5f6","uid":"u","controller":true}}]{2}}},)"
      R"("spec":{{"nodeName":"{1}","containers":[{{"resources":{{"requests":{{"cpu":"1"}}}}}}]}}}})",
      number, node, extra);
}

Snapshot SnapshotOf(const std::vector<std::string>& objects, const std::vector<Scaling>& scalings = {}) {
  SnapshotOptions options;
  options.keeps = [scalings](const kube::Pod& pod) {
    return IsPacked(pod) ||
           std::any_of(scalings.begin(), scalings.end(), [&](const Scaling& scaling) { return scaling.Owns(pod); });
  };
  Snapshot snapshot(std::move(options));
  for (const std::string& object : objects) EXPECT_TRUE(snapshot.ReadText(object, "test"));
  return snapshot;
}

std::string ErrorOf(const Status& status) { return status ? "no error" : status.error().message; }

TEST(AddNodes, APodThatFitsNowhereFitsOnTheNewOne) {
  Snapshot snapshot = SnapshotOf({Node("small", 1), WebPod(1, "")});
  snapshot.Upsert(kube::Pod{});  // asks for nothing
  ASSERT_TRUE(AddNodes(snapshot, 2, kShape));
  EXPECT_EQ(snapshot.cluster().node_count(sim::NodeDomain::kAll), 3u);
  const auto added = snapshot.cluster().FindNode("big-2");
  ASSERT_TRUE(added);
  EXPECT_EQ(snapshot.cluster().node(*added).allocatable_milli_cpu, 4000) << "capacity stands in for allocatable";
}

TEST(AddNodes, RefusesWhatIsNoNode) {
  Snapshot snapshot = SnapshotOf({});
  EXPECT_THAT(ErrorOf(AddNodes(snapshot, 1, "kind: Pod\nmetadata: {name: x}\n")), HasSubstr("of kind Node"));
  EXPECT_THAT(ErrorOf(AddNodes(snapshot, 1, "{")), ::testing::Not("no error"));
  ASSERT_TRUE(AddNodes(snapshot, 1, kShape));
  EXPECT_EQ(ErrorOf(AddNodes(snapshot, 1, kShape)), "there is a node big-1 already");
}

TEST(Scale, NewReplicasArePendingCopies) {
  const Scaling scaling{"default", "deployment", "web", 5};
  Snapshot snapshot = SnapshotOf({Node("n", 4), WebPod(1, "n"), WebPod(2, "n")}, {scaling});
  ASSERT_TRUE(Rescale(snapshot, scaling));
  const auto pods = snapshot.PendingPods();
  ASSERT_EQ(pods.size(), 3u);
  std::vector<std::string> places;
  for (const Outcome& outcome : PackAll(snapshot, pods, {}))
    places.push_back(outcome.pod->name + "@" + outcome.placement);
  EXPECT_THAT(places, ElementsAre("web-new-1@n", "web-new-2@n", "web-new-3@")) << "two of four CPUs are free";
}

TEST(Scale, PendingThenCheapestThenYoungestPodsGoFirst) {
  const Scaling scaling{"default", "deployment", "web", 1};
  const char* cheap = R"(,"annotations":{"controller.kubernetes.io/pod-deletion-cost":"-5"})";
  Snapshot snapshot =
      SnapshotOf({Node("n", 9), WebPod(1, "n"), WebPod(2, "n"), WebPod(3, "n", cheap), WebPod(4, "")}, {scaling});
  ASSERT_TRUE(Rescale(snapshot, scaling));
  EXPECT_TRUE(snapshot.PendingPods().empty());
  ASSERT_EQ(snapshot.kept().size(), 1u);
  EXPECT_EQ(snapshot.kept().front().metadata.name, "web-1");
}

TEST(Scale, AnOwnerWithoutPodsIsNamed) {
  Snapshot snapshot = SnapshotOf({Node("n", 9)});
  EXPECT_EQ(ErrorOf(Rescale(snapshot, {"shop", "deployment", "web", 3})),
            "--scale: the snapshot has no Pod of shop/deployment/web");
}

TEST(CountNodes, SaysHowManyOfAShapeWouldTakeWhatFitsNowhere) {
  Snapshot snapshot = SnapshotOf({Node("small", 1)});
  for (int i = 1; i <= 9; ++i) ASSERT_TRUE(snapshot.ReadText(WebPod(i, ""), "test"));
  kube::Pod huge;
  huge.metadata.name = "huge";
  huge.containers.emplace_back().requests = {{"cpu", *kube::Quantity::Parse("64")}};
  snapshot.Upsert(std::move(huge));
  const auto pods = snapshot.PendingPods();
  const auto outcomes = PackAll(snapshot, pods, {});  // one has the node
  const NodesOfShape needed = CountNodes(snapshot, outcomes, *ParseNodeShape(kShape));
  EXPECT_EQ(needed.nodes, 2u) << "of four CPUs";
  EXPECT_EQ(needed.placed, 8u);
  EXPECT_THAT(needed.left_over, ElementsAre("default/huge"));
  EXPECT_THAT(AsTable(snapshot.cluster(), outcomes, needed),
              HasSubstr("\n2 nodes like big would take 8 of 9 Pods that fit on no real node; not default/huge\n"));
  EXPECT_THAT(AsJson(snapshot.cluster(), outcomes, needed),
              HasSubstr(R"(,"nodesNeeded":{"shape":"big","nodes":2,"placed":8,"leftOver":["default/huge"]}})"));
}

TEST(Scale, FlagsAreReadOrExplained) {
  const auto scalings = ParseScalings("shop/deploy/web=20,statefulsets/db=0");
  ASSERT_TRUE(scalings);
  EXPECT_EQ((*scalings)[0].Text(), "shop/deployment/web");
  EXPECT_EQ((*scalings)[0].replicas, 20);
  EXPECT_EQ((*scalings)[1].Text(), "default/statefulset/db");
  for (const char* bad :
       {"web=3", "shop/deployment/web", "shop/deployment/web=", "a/b/c/d=1", "deployment/web=-1", "/x=1"}) {
    EXPECT_FALSE(ParseScalings(bad)) << bad;
  }
  EXPECT_FALSE(ParseNodeAdditions("node.yaml"));
  EXPECT_FALSE(ParseNodeAdditions("x=node.yaml"));
  EXPECT_EQ(ParseNodeAdditions("3=a.yaml,1=b.yaml")->at(1).file, "b.yaml");
}

}  // namespace
}  // namespace spillway::cmd
