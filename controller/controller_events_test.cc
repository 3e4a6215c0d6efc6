#include <gmock/gmock.h>

#include <set>

#include "controller/testing/running_controller.h"

namespace spillway::controller {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kUnschedulable;
using ::testing::Not;
using testing::ScriptedApi;
using ::testing::StartsWith;

class ControllerEventsTest : public testing::RunningController {};

TEST_F(ControllerEventsTest, EachStateIsToldOnce) {
  api_.Remove("nodes", "v");
  Start();
  api_.AddPod("p", "8");
  for (int i = 0; i < 20; ++i) {
    runtime_.RunFor(30s);
    api_.Put("pods", api_.Get("pods", "p"));
  }
  ASSERT_THAT(Reasons(), ElementsAre("default/p OverflowNoCapacity"));
  EXPECT_THAT(api_.events[0].note, HasSubstr("there is no virtual node: none has the label --virtual-node-selector="));
  EXPECT_EQ(metrics_.Value(metrics::Id::kDecisions, {"no_virtual_node", "none_exists"}), 1);
  api_.AddVirtualNode("v");
  runtime_.RunFor(2min);  // the watch falls silent now and then, and comes back
  EXPECT_THAT(BoundPods(), ElementsAre("default/p>v"));
}

TEST_F(ControllerEventsTest, TheFieldThatNoVirtualNodeCanRunIsNamed) {
  Start();
  api_.AddPod("p", "8", {{"spec", {{"hostPID", true}}}});
  runtime_.RunFor(10s);
  EXPECT_THAT(api_.binds, ::testing::IsEmpty());
  ASSERT_THAT(Reasons(), ElementsAre("default/p OverflowUnsupported"));
  EXPECT_THAT(api_.events[0].note, HasSubstr("0/1 virtual nodes fit: 1 cannot run hostPID (spec.hostPID); 0/"));
}

TEST_F(ControllerEventsTest, WhetherRoomLacksOrAnotherPodIsNeededIsToldApart) {
  nlohmann::json unready = api_.Get("nodes", "v");
  unready["status"]["conditions"][0]["status"] = "False";
  api_.Put("nodes", unready);
  nlohmann::json full = api_.Get("nodes", "v");
  full["metadata"] = {{"name", "full"}, {"labels", full["metadata"]["labels"]}};
  full["metadata"]["annotations"] = {{"spillway.io/capabilities", "imageEntrypoint,hostPID"}};
  full["status"]["allocatable"]["pods"] = "0";
  api_.Put("nodes", full);
  Start();
  api_.AddPod("p", "8", {{"spec", {{"hostPID", true}}}});
  runtime_.RunFor(10s);
  ASSERT_THAT(Reasons(), ElementsAre("default/p OverflowNoCapacity"));
  api_.Remove("nodes", "full");
  runtime_.RunFor(2min);
  ASSERT_THAT(Reasons(), ElementsAre("default/p OverflowNoCapacity", "default/p OverflowUnsupported"));
  EXPECT_THAT(api_.events[1].note, HasSubstr("0/1 virtual nodes fit: 1 cannot run hostPID (spec.hostPID); 0/"));
  EXPECT_EQ(metrics_.Value(metrics::Id::kDecisions, {"no_virtual_node", "none_can_run"}), 1);
}

// Of two equal Pods one was looked at in the very round that finds another reason for both.
TEST_F(ControllerEventsTest, WhoWaitsForRoomGoesOnWaitingWhenTheReasonChanges) {
  nlohmann::json node = api_.Get("nodes", "v");
  const nlohmann::json can = node["metadata"]["annotations"];
  node["status"]["allocatable"]["pods"] = "0";
  api_.Put("nodes", node);
  Start([](ControllerOptions& options) { options.policy.pending_grace = Duration(0); });
  api_.AddPod("p1", "8", kUnschedulable);
  runtime_.RunFor(10s);
  node["metadata"]["annotations"] = {{"spillway.io/capabilities", "persistentVolumeClaim"}};
  api_.Put("nodes", node);
  api_.AddPod("p2", "8", kUnschedulable);
  runtime_.RunFor(10s);
  EXPECT_THAT(api_.binds, IsEmpty());
  node["metadata"]["annotations"] = can;
  node["status"]["allocatable"]["pods"] = "2";
  api_.Put("nodes", node);
  runtime_.RunFor(5s);
  EXPECT_THAT(BoundPods(), ElementsAre("default/p1>v", "default/p2>v"));
}

TEST_F(ControllerEventsTest, WhatFoundNoRoomIsToldLater) {
  constexpr int kPods = 3000;  // more than the recorder queues and sends at once
  api_.Remove("nodes", "v");
  Start();
  for (int i = 0; i < kPods; ++i) api_.AddPod("p" + std::to_string(i), "8");
  // Looking at those who wait to be told does not make them wait longer.
  for (int second = 0; second < 400; ++second) {
    Mark("p" + std::to_string(kPods - 1 - second), "0/1 nodes are available: 1 Insufficient cpu.");
    runtime_.RunFor(1s);
  }
  EXPECT_EQ(api_.events.size(), kPods);
  std::set<std::string> told;
  for (const auto& event : api_.events) {
    EXPECT_EQ(event.reason, "OverflowNoCapacity");
    EXPECT_TRUE(told.insert(event.pod).second) << event.pod << " was told twice";
  }
}

TEST_F(ControllerEventsTest, EveryBindIsToldEvenWhenThereIsNoRoomAtTheTime) {
  constexpr int kPods = 1300;
  api_.AddVirtualNode("w");
  Start([](ControllerOptions& options) { options.kube_api_qps = 0; });
  for (int i = 0; i < kPods; ++i) api_.AddPod("p" + std::to_string(i), "1500m", kUnschedulable);
  ASSERT_TRUE(runtime_.RunUntil([this] { return api_.binds.size() == kPods - 2; }, 1min)) << api_.binds.size();
  ASSERT_TRUE(runtime_.RunUntil([this] { return api_.events.size() == kPods - 2; }, 10min)) << api_.events.size();
}

TEST_F(ControllerEventsTest, EventsAreAsFastAsBinds) {
  constexpr int kPods = 400;
  for (const char* node : {"w", "x", "y"}) api_.AddVirtualNode(node);
  Start();
  for (int i = 0; i < kPods; ++i) api_.AddPod("p" + std::to_string(i), "8");
  ASSERT_TRUE(runtime_.RunUntil([this] { return api_.binds.size() == kPods; }, 1min)) << api_.binds.size();
  EXPECT_TRUE(runtime_.RunUntil([this] { return api_.events.size() == kPods; }, 2s)) << api_.events.size();
}

TEST_F(ControllerEventsTest, ALongGraceIsAnnounced) {
  Start([](ControllerOptions& options) { options.policy.pending_grace = 30s; });
  api_.AddPod("p", "8");
  runtime_.RunFor(10s);
  ASSERT_THAT(Reasons(), ElementsAre("default/p OverflowWaiting"));
  EXPECT_THAT(api_.events[0].note, HasSubstr("(--pending-grace=30s) before overflowing: 0/1 real nodes fit"));
  runtime_.RunFor(30s);
  EXPECT_THAT(Reasons(), ElementsAre("default/p OverflowWaiting", "default/p OverflowScheduled"));
}

TEST_F(ControllerEventsTest, APodThatFitsAndIsStillMarkedUnschedulableIsToldAfterHalfAMinute) {
  Start();
  api_.AddPod("p", "1", kUnschedulable);
  runtime_.RunFor(29s);
  EXPECT_THAT(api_.events, IsEmpty());
  runtime_.RunFor(5s);
  ASSERT_THAT(Reasons(), ElementsAre("default/p OverflowNotNeeded"));
  EXPECT_THAT(api_.events[0].note, StartsWith("Fits real node a for 30s, yet kube-scheduler has not placed it; "));
}

TEST_F(ControllerEventsTest, IneligibleAndUndecidablePodsAreToldWhy) {
  Start();
  api_.AddPod("optedout", "8", {{"metadata", {{"annotations", {{"spillway.io/overflow", "false"}}}}}});
  nlohmann::json claims = kUnschedulable;
  claims["spec"]["resourceClaims"] = nlohmann::json::array({{{"name", "gpu"}, {"resourceClaimName", "gpu"}}});
  api_.AddPod("claims", "8", claims);
  runtime_.RunFor(10s);
  EXPECT_THAT(Reasons(), ::testing::UnorderedElementsAre("default/optedout OverflowNotEligible",
                                                         "default/claims OverflowUndecidable"));
  EXPECT_THAT(api_.binds, IsEmpty());
}

TEST_F(ControllerEventsTest, TheCountersOfAVirtualNodeGoWithIt) {
  api_.AddVirtualNode("w");
  Start();
  EXPECT_THAT(metrics_.Text(), HasSubstr("spillway_binds_total{result=\"bound\",virtual_node=\"w\"} 0\n"));
  api_.Remove("nodes", "w");
  runtime_.RunFor(1s);
  const std::string text = metrics_.Text();
  EXPECT_THAT(text, Not(HasSubstr("virtual_node=\"w\"")));
  EXPECT_THAT(text, HasSubstr("spillway_binds_total{result=\"bound\",virtual_node=\"v\"} 0\n"));
}

TEST_F(ControllerEventsTest, GaugesComeFromStateAtTheScrape) {
  Start();
  api_.on_bind = [](const ScriptedApi::Bound&) { return std::nullopt; };
  api_.AddPod("p", "8");
  api_.AddPod("q", "1");
  runtime_.RunFor(5s);
  const std::string text = metrics_.Text();
  EXPECT_THAT(text, HasSubstr("spillway_pods_pending{state=\"binding\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("spillway_pods_pending{state=\"fits_real_node\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("spillway_pods_unschedulable{reason=\"insufficient_cpu\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("spillway_virtual_node_requested_cpu_cores{virtual_node=\"v\"} 8\n"));
  EXPECT_THAT(text, HasSubstr("spillway_virtual_node_capacity_pods{virtual_node=\"v\"} 3000\n"));
  EXPECT_THAT(text, HasSubstr("spillway_virtual_node_ready{virtual_node=\"v\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("spillway_cache_synced{resource=\"pods\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("spillway_cache_objects{resource=\"nodes\"} 2\n"));
}

}  // namespace
}  // namespace spillway::controller
