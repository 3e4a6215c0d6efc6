#include <gmock/gmock.h>

#include "controller/testing/running_controller.h"

namespace spillway::controller {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ControllerGateTest : public testing::RunningController {
 protected:
  // One of a ReplicaSet that keeps one local, as the webhook lets it through.
  void AddGated(const std::string& name, const std::string& cpu = "1", const nlohmann::json& merge = {}) {
    nlohmann::json pod = {{"metadata",
                           {{"annotations", {{"LOCAL_REPLICAS", "1"}}},
                            {"ownerReferences",
                             {{{"apiVersion", "apps/v1"},
                               {"kind", "ReplicaSet"},
                               {"name", "web-1"},
                               {"uid", "rs"},
                               {"controller", true}}}}}},
                          {"spec", {{"schedulingGates", {{{"name", "spillway.io/local-replicas"}}}}}}};
    if (!merge.is_null()) pod.merge_patch(merge);
    api_.AddPod(name, cpu, pod);
  }
  bool IsGated(const std::string& name) const { return api_.Get("pods", name)["spec"].contains("schedulingGates"); }
  bool IsForVirtualNodes(const std::string& name) const {
    return api_.Get("pods", name)["spec"].value("nodeSelector", nlohmann::json::object()).contains("type");
  }
};

TEST_F(ControllerGateTest, TheFirstIsLetGoPlainlyAndTheOthersToVirtualNodesInOneWrite) {
  Start();
  for (const char* name : {"p1", "p2", "p3"}) AddGated(name);
  runtime_.RunFor(1s);
  EXPECT_THAT(api_.patches, SizeIs(3));
  EXPECT_FALSE(IsGated("p1"));
  EXPECT_FALSE(IsForVirtualNodes("p1"));
  for (const char* name : {"p2", "p3"}) {
    const nlohmann::json pod = api_.Get("pods", name);
    EXPECT_FALSE(IsGated(name));
    EXPECT_EQ(pod["spec"]["nodeSelector"], nlohmann::json({{"type", "virtual-kubelet"}}));
    EXPECT_EQ(pod["spec"]["tolerations"][0]["key"], "virtual-kubelet.io/provider");
    EXPECT_EQ(pod["metadata"]["annotations"]["controller.kubernetes.io/pod-deletion-cost"], "-1000");
    EXPECT_THAT(pod["metadata"]["annotations"]["spillway.io/decision-id"].get<std::string>(), SizeIs(8));
    EXPECT_THAT(pod["metadata"]["annotations"]["spillway.io/reason"].get<std::string>(), HasSubstr("LOCAL_REPLICAS=1"));
  }
  EXPECT_THAT(Reasons(), Contains("default/p2 OverflowReleased"));
  EXPECT_THAT(api_.binds, IsEmpty()) << "kube-scheduler places them";
  EXPECT_EQ(metrics_.Value(metrics::Id::kGatesLifted, {"plainly"}), 1);
  EXPECT_EQ(metrics_.Value(metrics::Id::kGatesLifted, {"virtual_nodes"}), 2);
}

TEST_F(ControllerGateTest, WhoWasReleasedAndIsNotPlacedIsBoundAfterAMinute) {
  Start();
  AddGated("p1");
  AddGated("p2");
  runtime_.RunFor(50s);
  EXPECT_THAT(api_.binds, IsEmpty());
  runtime_.RunFor(20s);
  EXPECT_THAT(BoundPods(), Contains("default/p2>v"));
}

TEST_F(ControllerGateTest, WithoutRoomOnAVirtualNodeItIsLetGoPlainly) {
  Start();
  api_.Remove("nodes", "v");
  AddGated("p1");
  AddGated("p2");
  runtime_.RunFor(1s);
  EXPECT_FALSE(IsGated("p2"));
  EXPECT_FALSE(IsForVirtualNodes("p2"));
}

TEST_F(ControllerGateTest, ACapIsNotExceededByThoseThatAreReleased) {
  Start([](ControllerOptions& options) {
    options.policy.limits.caps = {{.scope = "", .set_in = "limits.cluster", .pods = 1}};
  });
  for (const char* name : {"p1", "p2", "p3", "p4"}) AddGated(name);
  runtime_.RunFor(1s);
  EXPECT_TRUE(IsForVirtualNodes("p2"));
  EXPECT_FALSE(IsGated("p3") || IsForVirtualNodes("p3"));
  EXPECT_FALSE(IsGated("p4") || IsForVirtualNodes("p4"));
}

TEST_F(ControllerGateTest, SwitchedOffOnesAreLetGoPlainly) {
  Start();
  const nlohmann::json opted_out = {{"metadata", {{"annotations", {{"spillway.io/overflow", "false"}}}}}};
  AddGated("p1", "1", opted_out);
  AddGated("p2", "1", opted_out);
  runtime_.RunFor(1s);
  EXPECT_FALSE(IsGated("p2") || IsForVirtualNodes("p2"));
}

TEST_F(ControllerGateTest, WhileNothingIsMovedGatesAreLiftedPlainly) {
  Start([](ControllerOptions& options) { options.policy.mode = Mode::kOff; });
  AddGated("p1");
  AddGated("p2");
  runtime_.RunFor(1s);
  EXPECT_FALSE(IsGated("p1") || IsGated("p2") || IsForVirtualNodes("p2"));
}

TEST_F(ControllerGateTest, WhoDoesNotLeadLiftsThemPlainlyAtTheDeadline) {
  api_.lease_holder = "another";
  Start([](ControllerOptions& options) {
    options.leader_election = kube::LeaderElectionOptions{.ns = "kube-system", .name = "spillway", .identity = "me"};
  });
  AddGated("p1");
  AddGated("p2");
  runtime_.RunFor(28s);
  EXPECT_TRUE(IsGated("p1") && IsGated("p2"));
  runtime_.RunFor(4s);
  EXPECT_FALSE(IsGated("p1") || IsGated("p2") || IsForVirtualNodes("p2"));
}

TEST_F(ControllerGateTest, WhoWritesNothingLiftsNone) {
  Start([](ControllerOptions& options) { options.gates.lifts = false; });
  AddGated("p1");
  runtime_.RunFor(1min);
  EXPECT_THAT(api_.patches, IsEmpty());
}

TEST_F(ControllerGateTest, ARefusedPatchIsTriedAgainAndHoldsNoPlace) {
  Start();
  int status = 500;
  api_.on_patch = [&] { return status; };
  AddGated("p1");
  AddGated("p2");
  runtime_.RunFor(1s);
  EXPECT_TRUE(IsGated("p1") && IsGated("p2"));
  EXPECT_LE(api_.patches.size(), 4U);
  api_.on_patch = nullptr;
  runtime_.RunFor(5s);
  EXPECT_FALSE(IsGated("p1") || IsForVirtualNodes("p1"));
  EXPECT_TRUE(IsForVirtualNodes("p2"));
}

// Its instance costs on, and the next controller does not know what the node was.
TEST_F(ControllerGateTest, WhoWasReleasedCountsThoughItsNodeIsGoneWhenTheControllerStarts) {
  api_.AddPod("p1", "8",
              {{"metadata", {{"annotations", {{"spillway.io/decision-id", "7f3a2c91"}}}}},
               {"spec", {{"nodeName", "gone"}, {"nodeSelector", {{"type", "virtual-kubelet"}}}}}});
  Start([](ControllerOptions& options) {
    options.policy.limits.caps = {{.scope = "", .set_in = "limits.cluster", .pods = 1}};
  });
  api_.AddPod("p2", "8");
  runtime_.RunFor(5s);
  EXPECT_THAT(api_.binds, IsEmpty());
  EXPECT_THAT(Reasons(), Contains("default/p2 OverflowAtLimit"));
}

TEST_F(ControllerGateTest, AMissingPermissionIsNotAskedForInALoop) {
  Start();
  api_.on_patch = [] { return 403; };
  AddGated("p1");
  runtime_.RunFor(25s);
  EXPECT_LE(api_.patches.size(), 4U);
}

TEST_F(ControllerGateTest, ThreeThousandAreLiftedWithinTheDeadline) {
  Start();
  for (int i = 0; i < 3000; ++i) AddGated("p" + std::to_string(i), "10m");
  runtime_.RunFor(28s);
  EXPECT_THAT(api_.patches, SizeIs(3000));
  int to_virtual = 0;
  for (int i = 0; i < 3000; ++i) to_virtual += IsForVirtualNodes("p" + std::to_string(i)) ? 1 : 0;
  EXPECT_EQ(to_virtual, 2999);
}

}  // namespace
}  // namespace spillway::controller
