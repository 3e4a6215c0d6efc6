#include <gmock/gmock.h>

#include "controller/testing/running_controller.h"

namespace spillway::controller {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kUnschedulable;

class ControllerWatchTest : public testing::RunningController {};

TEST_F(ControllerWatchTest, WhatNoVerdictDependsOnIsNotWatched) {
  Start();
  EXPECT_THAT(api_.asked, ElementsAre("configmaps/eks-config", "csidrivers", "csinodes", "csistoragecapacities",
                                      "namespaces", "nodes", "persistentvolumeclaims", "persistentvolumes", "pods",
                                      "storageclasses", "volumeattachments"));
}

TEST_F(ControllerWatchTest, NothingIsDecidedOnALostWatch) {
  Start();
  api_.SetDown(true);
  runtime_.RunFor(100ms);
  api_.AddPod("p", "8");
  runtime_.RunFor(30s);
  EXPECT_THAT(api_.binds, IsEmpty());
  EXPECT_FALSE(controller_->Ready());
  api_.SetDown(false);
  runtime_.RunFor(90s);
  EXPECT_TRUE(controller_->Ready());
  EXPECT_THAT(BoundPods(), ElementsAre("default/p>v"));
}

TEST_F(ControllerWatchTest, NothingIsBoundWhenTheWatchIsLostDuringTheGrace) {
  Start();
  api_.AddPod("p", "8");
  runtime_.RunFor(1500ms);
  api_.SetDown(true);
  runtime_.RunFor(1min);
  EXPECT_THAT(api_.binds, IsEmpty());
}

TEST_F(ControllerWatchTest, StartsWhileTheApiServerIsAway) {
  api_.SetDown(true);
  controller_ = std::make_unique<Controller>(runtime_, api_.transport(), ControllerOptions(), metrics_);
  controller_->Start();
  runtime_.RunFor(10s);
  ASSERT_FALSE(controller_->Ready());
  EXPECT_FALSE(controller_->Ready().error().message.empty());
  api_.SetDown(false);
  runtime_.RunFor(1min);
  EXPECT_TRUE(controller_->Ready());
}

nlohmann::json WithClaim(const std::string& claim) {
  nlohmann::json pod = kUnschedulable;
  pod["spec"]["volumes"] =
      nlohmann::json::array({{{"name", "data"}, {"persistentVolumeClaim", {{"claimName", claim}}}}});
  return pod;
}

nlohmann::json Claim(const std::string& name, const std::string& volume) {
  nlohmann::json claim = {{"metadata", {{"name", name}, {"namespace", "default"}}},
                          {"spec", {{"storageClassName", "wait"}, {"accessModes", {"ReadWriteOnce"}}}}};
  if (volume.empty()) return claim;
  claim["spec"]["volumeName"] = volume;
  claim["metadata"]["annotations"] = {{"pv.kubernetes.io/bind-completed", "yes"}};
  return claim;
}

TEST_F(ControllerWatchTest, APodWithABoundClaimIsMovedWhenRealNodesAreShortAndTheVolumeReachesTheVirtualNode) {
  api_.Put("persistentvolumes", {{"metadata", {{"name", "pv"}}}, {"spec", {{"storageClassName", "wait"}}}});
  api_.Put("persistentvolumeclaims", Claim("bound", "pv"));
  Start();
  api_.AddPod("p", "8", WithClaim("bound"));
  runtime_.RunFor(10s);
  ASSERT_EQ(api_.binds.size(), 1u);
  EXPECT_EQ(api_.binds[0].pod, "default/p");
}

TEST_F(ControllerWatchTest, APodIsLeftWhereItsVolumeIs) {
  api_.Put("persistentvolumes",
           {{"metadata", {{"name", "pv"}}},
            {"spec",
             {{"storageClassName", "wait"},
              {"nodeAffinity",
               {{"required",
                 {{"nodeSelectorTerms",
                   {{{"matchExpressions", {{{"key", "rack"}, {"operator", "In"}, {"values", {"r1"}}}}}}}}}}}}}}});
  api_.Put("persistentvolumeclaims", Claim("bound", "pv"));
  Start();
  api_.AddPod("p", "8", WithClaim("bound"));
  runtime_.RunFor(10s);
  EXPECT_THAT(api_.binds, IsEmpty());
  EXPECT_THAT(api_.events[0].note, HasSubstr("didn't match PersistentVolume's node affinity"));
}

TEST_F(ControllerWatchTest, APodWhoseClaimWaitsForItIsNotMoved) {
  api_.Put("storageclasses", {{"metadata", {{"name", "wait"}}},
                              {"provisioner", "csi.example.com"},
                              {"volumeBindingMode", "WaitForFirstConsumer"}});
  api_.Put("persistentvolumeclaims", Claim("waiting", ""));
  Start();
  api_.AddPod("p", "8", WithClaim("waiting"));
  runtime_.RunFor(10s);
  EXPECT_THAT(api_.binds, IsEmpty());
  ASSERT_THAT(Reasons(), ElementsAre("default/p OverflowNoCapacity"));
  EXPECT_THAT(api_.events[0].note, HasSubstr("its claim waiting has no volume yet"));
}

TEST_F(ControllerWatchTest, ANodeThatCannotBeReadMightTakeAnyPod) {
  Start();
  api_.AddNode("b", "plenty");
  api_.AddPod("p", "8", kUnschedulable);
  runtime_.RunFor(1min);
  EXPECT_THAT(api_.binds, IsEmpty());
  ASSERT_THAT(Reasons(), ElementsAre("default/p OverflowUndecidable"));
  EXPECT_THAT(api_.events[0].note, AllOf(HasSubstr("Node b"), HasSubstr("allocatable"), HasSubstr("plenty")));
  api_.AddNode("b", "4");
  runtime_.RunFor(10s);
  EXPECT_THAT(BoundPods(), ElementsAre("default/p>v"));
}

TEST_F(ControllerWatchTest, ANodeThatCannotBeReadIsNoMatterOnceItIsGone) {
  api_.AddNode("b", "plenty");
  Start();
  api_.AddPod("p", "8");
  runtime_.RunFor(10s);
  EXPECT_THAT(api_.binds, IsEmpty());
  api_.Remove("nodes", "b");
  runtime_.RunFor(10s);
  EXPECT_THAT(BoundPods(), ElementsAre("default/p>v"));
}

TEST_F(ControllerWatchTest, ANodeThatIsDeletedTakesNoPods) {
  api_.AddNode("b", "16");
  Start();
  api_.AddPod("p", "8");
  runtime_.RunFor(10s);
  EXPECT_THAT(api_.binds, IsEmpty()) << "it fits on b";
  api_.Remove("nodes", "b");
  runtime_.RunFor(10s);
  EXPECT_THAT(BoundPods(), ElementsAre("default/p>v"));
}

TEST_F(ControllerWatchTest, APodThatCannotBeReadCountsAsUsingNoRoom) {
  api_.AddPod("large", "4", {{"spec", {{"nodeName", "a"}}}});
  Start();
  api_.AddPod("large", "as much as there is", {{"spec", {{"nodeName", "a"}}}});
  api_.AddPod("may-fit", "2");
  api_.AddPod("cannot-fit", "8");
  runtime_.RunFor(10s);
  EXPECT_THAT(BoundPods(), ElementsAre("default/cannot-fit>v"));
}

TEST_F(ControllerWatchTest, APodThatCannotBeReadLeavesThoseUndecidableThatLookAtOthers) {
  api_.AddPod("odd", "as much as there is", {{"spec", {{"nodeName", "a"}}}});
  Start();
  nlohmann::json near = kUnschedulable;
  near["spec"]["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"] = nlohmann::json::array(
      {{{"topologyKey", "kubernetes.io/hostname"}, {"labelSelector", {{"matchLabels", {{"app", "db"}}}}}}});
  api_.AddPod("near", "8", near);
  api_.AddPod("plain", "8", kUnschedulable);
  runtime_.RunFor(10s);
  EXPECT_THAT(BoundPods(), ElementsAre("default/plain>v"));
  EXPECT_THAT(Reasons(), Contains("default/near OverflowUndecidable"));
}

TEST_F(ControllerWatchTest, AStorageWatchThatComesBackWithoutChangesIsAChange) {
  api_.Put("persistentvolumes", {{"metadata", {{"name", "pv"}}}, {"spec", {{"storageClassName", "wait"}}}});
  api_.Put("persistentvolumeclaims", Claim("bound", "pv"));
  Start();
  api_.Forbid("csinodes");
  api_.BreakWatches("csinodes");
  api_.AddPod("p", "8", WithClaim("bound"));
  runtime_.RunFor(5s);
  EXPECT_EQ(Explained("p")["spillway"]["outcome"], "undecidable");
  api_.Forbid("");
  runtime_.RunFor(60s);
  EXPECT_THAT(BoundPods(), ElementsAre("default/p>v"));
}

TEST_F(ControllerWatchTest, WhileStorageCannotBeListedOnlyPodsWithVolumesAreUndecidable) {
  api_.Forbid("csinodes");
  api_.Put("persistentvolumes", {{"metadata", {{"name", "pv"}}}, {"spec", {{"storageClassName", "wait"}}}});
  api_.Put("persistentvolumeclaims", Claim("bound", "pv"));
  Start();
  api_.AddPod("with", "8", WithClaim("bound"));
  api_.AddPod("without", "8", kUnschedulable);
  runtime_.RunFor(10s);
  ASSERT_EQ(api_.binds.size(), 1u);
  EXPECT_EQ(api_.binds[0].pod, "default/without");
  ASSERT_THAT(Reasons(), ::testing::Contains("default/with OverflowUndecidable"));
  api_.Forbid("");
  runtime_.RunFor(60s);
  ASSERT_EQ(api_.binds.size(), 2u);
  EXPECT_EQ(api_.binds[1].pod, "default/with");
}

}  // namespace
}  // namespace spillway::controller
