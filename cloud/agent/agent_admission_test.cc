// Which of the Pods that are bound to it an agent runs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cloud/testing/agent_fixture.h"

namespace spillway::cloud {
namespace {

using ::testing::ElementsAre;
using testing::SimplePod;

class AgentAdmissionTest : public testing::AgentFixture {};

TEST_F(AgentAdmissionTest, DaemonSetPodsAreHeldAndNeverGetAnInstance) {
  Json pod = SimplePod("ds");
  pod["metadata"]["ownerReferences"] = Json::array({Json{{"kind", "DaemonSet"}, {"controller", true}}});
  StartAgent();
  cluster_.AddPod(pod);
  runtime_.RunFor(5min);
  EXPECT_EQ(cluster_.Phase("ds"), "Pending");
  EXPECT_EQ(TextAt(cluster_.Pod("ds"), "status", "reason"), "DaemonSetForbidden");
  EXPECT_THAT(cluster_.EventReasons("ds"), ElementsAre("DaemonSetForbidden"));
  EXPECT_EQ(cloud_.counts().creates, 0u);
}

// At once, and a ReplicaSet would make one after the other.
TEST_F(AgentAdmissionTest, APodThatTheNodeCannotRunIsHeldForAWhileAndFails) {
  Json pod = SimplePod("root");
  pod["spec"]["hostPID"] = true;
  StartAgent();
  cluster_.AddPod(pod);
  runtime_.RunFor(4min);
  EXPECT_EQ(cluster_.Phase("root"), "Pending");
  EXPECT_EQ(TextAt(cluster_.Pod("root"), "status", "reason"), "UnsupportedFeature");
  EXPECT_THAT(cluster_.EventReasons("root"), ElementsAre("UnsupportedFeature"));
  ASSERT_TRUE(Until([&] { return cluster_.Phase("root") == "Failed"; }, 2min));
  EXPECT_EQ(TextAt(cluster_.Pod("root"), "status", "message"),
            "Pod was rejected: This virtual node's provider cannot run hostPID (spec.hostPID)");
  EXPECT_EQ(cloud_.counts().creates, 0u);
}

TEST_F(AgentAdmissionTest, AnAgentThatComesBackTellsNothingAnewAndHoldsNoLonger) {
  Json root = SimplePod("root"), ds = SimplePod("ds");
  root["spec"]["hostPID"] = true;
  ds["metadata"]["ownerReferences"] = Json::array({Json{{"kind", "DaemonSet"}, {"controller", true}}});
  StartAgent();
  cluster_.AddPod(root);
  cluster_.AddPod(ds);
  for (int i = 0; i < 4; ++i) {
    runtime_.RunFor(1min);
    StartAgent();
  }
  EXPECT_TRUE(Until([&] { return cluster_.Phase("root") == "Failed"; }, 70s));
  const Json& main = Named(At(cluster_.Pod("root"), "status", "containerStatuses"), "main");
  EXPECT_EQ(TextAt(main, "state", "waiting", "reason"), "UnsupportedFeature") << "kubectl get pods shows that";
  EXPECT_THAT(cluster_.EventReasons("root"), ElementsAre("UnsupportedFeature"));
  EXPECT_THAT(cluster_.EventReasons("ds"), ElementsAre("DaemonSetForbidden"));
}

TEST_F(AgentAdmissionTest, RunsWhatTheOptionsSayItCan) {
  options_.extra_capabilities = {"hostPID"};
  options_.capacity["nvidia.com/gpu"] = "2";
  Json pod = SimplePod("root");
  pod["spec"]["hostPID"] = true;
  pod["spec"]["containers"][0]["resources"]["requests"]["nvidia.com/gpu"] = "1";
  StartAgent();
  cluster_.AddPod(pod);
  EXPECT_TRUE(Until([&] { return IsRunning("root"); }));
  EXPECT_EQ(TextAt(cluster_.node, "status", "allocatable", "nvidia.com/gpu"), "2");
}

TEST_F(AgentAdmissionTest, APodBeyondTheBudgetFailsAsAtAKubelet) {
  StartAgent();
  for (int i = 0; i < 11; ++i) {
    Json pod = SimplePod("web-" + std::to_string(i));
    pod["spec"]["containers"][0]["resources"]["requests"]["cpu"] = "1";
    cluster_.AddPod(pod);
  }
  ASSERT_TRUE(Until([&] { return agent_->counts().running == 10; }));
  std::vector<std::string> failed;
  for (int i = 0; i < 11; ++i) {
    const Json& pod = cluster_.Pod("web-" + std::to_string(i));
    if (TextAt(pod, "status", "phase") == "Failed") failed.push_back(TextAt(pod, "status", "reason"));
  }
  EXPECT_THAT(failed, ElementsAre("OutOfpods"));
  EXPECT_EQ(cloud_.counts().creates, 10u);
}

// A Pod that was bound to where the controller sees room would fail for nothing, and so would the one that follows it.
TEST_F(AgentAdmissionTest, WhatSomebodyElseEndedHoldsNoPlaceThoughItsInstanceCannotGo) {
  options_.capacity["pods"] = "1";
  StartAgent();
  cluster_.AddPod(SimplePod("old"));
  ASSERT_TRUE(Until([&] { return IsRunning("old"); }));
  cloud_.faults().auth_lost = true;
  cluster_.PatchPodStatus("old", {{"phase", "Failed"}, {"reason", "Evicted"}});
  runtime_.RunFor(10s);
  cluster_.AddPod(SimplePod("new"));
  runtime_.RunFor(10s);
  EXPECT_EQ(cluster_.Phase("new"), "Pending") << "it waits for the cloud";
  cloud_.faults().auth_lost = false;
  EXPECT_TRUE(Until([&] { return IsRunning("new"); }, 3min));
}

}  // namespace
}  // namespace spillway::cloud
