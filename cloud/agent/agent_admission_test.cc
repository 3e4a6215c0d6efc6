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

Json WithSelector(const std::string& name, const char* spec) {
  Json pod = SimplePod(name);
  pod["spec"].update(Json::parse(spec));
  return pod;
}
constexpr char kZoneB[] = R"({"nodeSelector": {"zone": "b"}})";

TEST_F(AgentAdmissionTest, APodThatAsksForAnotherNodeFailsAsAtAKubelet) {
  StartAgent();
  const char* const not_here = R"({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
      {"nodeSelectorTerms": [{"matchExpressions": [{"key": "type", "operator": "NotIn", "values": ["virtual-kubelet"]}]},
                             {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["other"]}]}]}}}})";
  const char* const here = R"({"nodeSelector": {"type": "virtual-kubelet"},
      "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms":
        [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["vnode"]}]}]}}}})";
  Json daemon = WithSelector("daemon", kZoneB);
  daemon["metadata"]["ownerReferences"] = Json::array({Json{{"kind", "DaemonSet"}, {"controller", true}}});
  cluster_.AddPod(WithSelector("selector", kZoneB));
  cluster_.AddPod(WithSelector("affinity", not_here));
  cluster_.AddPod(std::move(daemon));
  cluster_.AddPod(WithSelector("fits", here));
  ASSERT_TRUE(Until([&] { return IsRunning("fits"); }));
  for (const char* name : {"selector", "affinity", "daemon"}) {
    EXPECT_TRUE(Until([&] { return cluster_.Phase(name) == "Failed"; }, 10s)) << name;
    const Json& status = At(cluster_.Pod(name), "status");
    EXPECT_EQ(TextAt(status, "reason"), "NodeAffinity");
    EXPECT_EQ(TextAt(status, "message"),
              "Pod was rejected: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector");
    EXPECT_THAT(cluster_.EventReasons(name), ElementsAre("NodeAffinity"));
  }
  EXPECT_EQ(cloud_.counts().creates, 1u);
}

// As kubelet, which asks once more before it rejects.
TEST_F(AgentAdmissionTest, NoPodIsTurnedAwayForLabelsThatAreNewerThanWhatIsKnown) {
  StartAgent();
  ASSERT_TRUE(Until([&] { return !cluster_.node.is_null(); }));
  runtime_.RunFor(5s);
  cluster_.node["metadata"]["labels"]["zone"] = "b";  // nobody is told
  cluster_.AddPod(WithSelector("web", kZoneB));
  EXPECT_TRUE(Until([&] { return IsRunning("web"); }));
}

TEST_F(AgentAdmissionTest, NoPodIsTurnedAwayWhileTheNodeCannotBeRead) {
  StartAgent();
  ASSERT_TRUE(Until([&] { return !cluster_.node.is_null(); }));
  runtime_.RunFor(5s);
  cluster_.fault = [](const kube::Request& request) -> std::optional<Result<kube::Response>> {
    if (request.method != kube::Method::kGet || request.path.find("/nodes/vnode") == std::string::npos)
      return std::nullopt;
    return Fail(Code::kUnavailable, "no answer");
  };
  cluster_.AddPod(WithSelector("web", kZoneB));
  runtime_.RunFor(1min);
  EXPECT_EQ(cluster_.Phase("web"), "Pending");
  cluster_.fault = nullptr;
  EXPECT_TRUE(Until([&] { return cluster_.Phase("web") == "Failed"; }));
}

TEST_F(AgentAdmissionTest, WhatRunsStaysWhateverBecomesOfTheNodesLabels) {
  StartAgent();
  ASSERT_TRUE(Until([&] { return !cluster_.node.is_null(); }));
  cluster_.node["metadata"]["labels"]["zone"] = "b";
  cluster_.AddPod(WithSelector("web", kZoneB));
  ASSERT_TRUE(Until([&] { return IsRunning("web"); }));
  cluster_.node["metadata"]["labels"].erase("zone");
  cluster_.Annotate("a", "b");  // now it is told
  runtime_.RunFor(1min);
  StartAgent();
  runtime_.RunFor(5min);
  EXPECT_TRUE(IsRunning("web"));
  EXPECT_EQ(cloud_.counts().creates, 1u);
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
