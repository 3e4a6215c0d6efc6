#include "tests/simulation/naive_cluster.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sandbox/standins/objects.h"

namespace spillway::simulation {
namespace {

using sandbox::Json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class NaiveClusterTest : public ::testing::Test {
 protected:
  void Put(const std::string& resource, const Json& object) { (void)cluster_.Put(resource, object.dump(), now_); }
  void AddNode(const std::string& name, const std::string& cpu) {
    Put("nodes", {{"metadata", {{"name", name}, {"uid", name}}},
                  {"status", {{"allocatable", {{"cpu", cpu}, {"memory", "8Gi"}, {"pods", "10"}}}}}});
  }
  static Json PodOf(const std::string& name, const std::string& cpu) {
    const Json container = {{"name", "c"}, {"resources", {{"requests", {{"cpu", cpu}}}}}};
    return {{"metadata", {{"name", name}, {"namespace", "default"}, {"uid", name}}},
            {"spec", {{"containers", Json::array({container})}, {"schedulerName", "default-scheduler"}}}};
  }
  void AddPod(const std::string& name, const std::string& cpu, const std::string& node = "",
              std::int64_t priority = 0) {
    Json pod = PodOf(name, cpu);
    pod["spec"]["nodeName"] = node;
    pod["spec"]["priority"] = priority;
    Put("pods", pod);
  }
  void AddTriedPod(const std::string& name, const std::string& cpu) {
    Json pod = PodOf(name, cpu);
    pod["status"]["conditions"] =
        Json::array({{{"type", "PodScheduled"}, {"status", "False"}, {"reason", "Unschedulable"}}});
    Put("pods", pod);
  }
  // Of the DaemonSet "d", for that node.
  void AddDaemon(const std::string& name, const std::string& cpu, const std::string& node) {
    Json pod = PodOf(name, cpu);
    pod["metadata"]["ownerReferences"] =
        Json::array({{{"kind", "DaemonSet"}, {"name", "d"}, {"uid", "d"}, {"controller", true}}});
    const Json here = {{"key", "metadata.name"}, {"operator", "In"}, {"values", Json::array({node})}};
    pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"] =
        Json::array({{{"matchFields", Json::array({here})}}});
    Put("pods", pod);
  }
  const kube::Pod& Pod(const std::string& uid) { return *cluster_.FindPod(uid); }

  Instant now_{};
  NaiveCluster cluster_{Duration(60s)};
};

TEST_F(NaiveClusterTest, APodFitsWhereThereIsRoom) {
  AddNode("a", "2");
  AddNode("b", "4");
  AddPod("there", "1", "a");
  AddPod("p", "2");
  EXPECT_THAT(RealNodesFor(cluster_.objects(), Pod("p")), ElementsAre("b"));
  (void)cluster_.Remove("pods", "there", now_);
  EXPECT_THAT(RealNodesFor(cluster_.objects(), Pod("p")), ElementsAre("a", "b"));
}

TEST_F(NaiveClusterTest, ANodeIsLeftOnlyIfWhoWaitsAheadCannotFillThemAll) {
  AddNode("a", "2");
  AddPod("first", "2");
  AddPod("p", "2");
  EXPECT_FALSE(NodeLeftFor(cluster_.objects(), Pod("p")));
  AddNode("b", "2");
  EXPECT_EQ(NodeLeftFor(cluster_.objects(), Pod("p")), "a");
  AddPod("urgent", "2", "", 100);
  EXPECT_FALSE(NodeLeftFor(cluster_.objects(), Pod("p")));
  EXPECT_TRUE(NodeLeftFor(cluster_.objects(), Pod("urgent")));
}

TEST_F(NaiveClusterTest, ADaemonSetsPodFillsItsNodeThoughAnotherOfItsPodsFitsNowhere) {
  AddNode("a", "2");
  AddNode("b", "2");
  AddPod("full", "2", "a");
  AddDaemon("d-a", "1", "a");
  AddDaemon("d-b", "1", "b");
  AddPod("p", "2");
  EXPECT_FALSE(NodeLeftFor(cluster_.objects(), Pod("p")));
  (void)cluster_.Remove("pods", "d-b", now_);
  EXPECT_EQ(NodeLeftFor(cluster_.objects(), Pod("p")), "b");
}

TEST_F(NaiveClusterTest, ANewPodMayHaveItsTurnBeforeThoseThatWereTried) {
  AddNode("a", "2");
  AddNode("b", "1");
  AddTriedPod("old", "1");
  AddTriedPod("p", "1");
  AddPod("young", "2");
  EXPECT_FALSE(NodeLeftFor(cluster_.objects(), Pod("p"))) << "it takes a, and old takes b";
  AddTriedPod("young", "2");
  EXPECT_FALSE(NodeLeftFor(cluster_.objects(), Pod("p"))) << "nobody knows whose last attempt was first";
  AddTriedPod("young", "3");
  EXPECT_TRUE(NodeLeftFor(cluster_.objects(), Pod("p"))) << "what fits nowhere is in nobody's way";
}

TEST_F(NaiveClusterTest, APodThatNoVirtualNodeCanRunNeedNotMove) {
  const auto add_virtual = [this](const std::string& can, const std::string& largest) {
    const Json says = {{"spillway.io/capabilities", can}, {"spillway.io/largest-instances", largest}};
    Put("nodes",
        {{"metadata", {{"name", "v"}, {"uid", "v"}, {"labels", {{"type", "virtual-kubelet"}}}, {"annotations", says}}},
         {"status",
          {{"allocatable", {{"cpu", "100"}, {"memory", "80Gi"}, {"pods", "10"}}},
           {"conditions", Json::array({{{"type", "Ready"}, {"status", "True"}}})}}}});
  };
  AddNode("a", "1");
  Json pod = PodOf("p", "2");
  pod["spec"]["hostPID"] = true;
  Put("pods", pod);
  add_virtual("imageEntrypoint,hostIPC", "");
  EXPECT_FALSE(OughtToMove(cluster_.objects(), Pod("p")));
  add_virtual("imageEntrypoint,hostPID", "cpu=1");
  EXPECT_FALSE(OughtToMove(cluster_.objects(), Pod("p"))) << "no instance has two CPUs";
  add_virtual("imageEntrypoint,hostPID", "cpu=2,memory=4Gi");
  EXPECT_TRUE(OughtToMove(cluster_.objects(), Pod("p")));
}

TEST_F(NaiveClusterTest, ThePastIsAsItWas) {
  AddPod("p", "2");
  now_ += 10s;
  AddNode("a", "4");
  now_ += 10s;
  AddPod("q", "3", "a");
  const auto fits = [&](const Objects& then) { return !RealNodesFor(then, Pod("p")).empty(); };
  EXPECT_FALSE(cluster_.WalkBack(now_ + 1s, fits));
  EXPECT_TRUE(cluster_.WalkBack(now_, fits));  // before q took its place
  const auto has_no_node = [](const Objects& then) { return then.nodes.empty(); };
  EXPECT_FALSE(cluster_.WalkBack(now_ - 9s, has_no_node));
  EXPECT_TRUE(cluster_.WalkBack(now_ - 10s, has_no_node));
}

TEST_F(NaiveClusterTest, ANodeThatCannotBeReadIsNoNode) {
  AddNode("a", "4");
  AddPod("p", "2");
  Put("nodes", {{"metadata", {{"name", "a"}, {"uid", "a"}}}, {"status", {{"allocatable", {{"cpu", "four"}}}}}});
  EXPECT_THAT(RealNodesFor(cluster_.objects(), Pod("p")), IsEmpty());
}

TEST_F(NaiveClusterTest, ANodeThatOnlySpillwayCannotReadIsThere) {
  AddNode("a", "4");
  AddPod("p", "2");
  const Json allocatable = {{"cpu", "4"}, {"memory", "8Gi"}, {"pods", "10"}};
  const Json node = {{"metadata", {{"name", "a"}, {"uid", "a"}}},
                     {"status", {{"allocatable", allocatable}, {kGarbledField, false}}}};
  EXPECT_FALSE(kube::Decoder().Decode<kube::Node>(node.dump()));
  Put("nodes", node);
  EXPECT_THAT(RealNodesFor(cluster_.objects(), Pod("p")), ElementsAre("a"));
}

}  // namespace
}  // namespace spillway::simulation
