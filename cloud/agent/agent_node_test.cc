// What a node says of its cloud.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cloud/testing/agent_fixture.h"

namespace spillway::cloud {
namespace {

using kube::testing::FakeTransport;
using testing::SimplePod;

class AgentNodeTest : public testing::AgentFixture {
 protected:
  const Json& Condition(const char* type) { return Named(At(cluster_.node, "status", "conditions"), type, "type"); }
  std::string StatusOf(const char* type) { return TextAt(Condition(type), "status"); }
  bool HasTaint(const char* key) { return !Named(At(cluster_.node, "spec", "taints"), key, "key").is_null(); }
  // As for an identity under NodeRestriction.
  void ForbidTaints() {
    cluster_.fault = [this](const kube::Request& request) -> std::optional<Result<kube::Response>> {
      const bool is_node = request.method == kube::Method::kPatch && request.path == "/api/v1/nodes/vnode";
      if (!is_node || request.body.find("\"taints\"") == std::string::npos) return std::nullopt;
      ++refused_;
      return FakeTransport::Reply(403, FakeTransport::StatusBody(403, "Forbidden", "is not allowed to modify taints"));
    };
  }
  int refused_ = 0;
};

constexpr const char* kTrouble = "spillway.io/cloud-unreachable";

TEST_F(AgentNodeTest, IsNotReadyBeforeTheCloudHasAnsweredOnce) {
  cloud_.faults().auth_lost = true;
  StartAgent();
  runtime_.RunFor(40s);
  EXPECT_EQ(StatusOf("Ready"), "False");
  EXPECT_EQ(TextAt(Condition("Ready"), "reason"), "CloudNotAnswered");
  EXPECT_EQ(StatusOf("CloudReachable"), "False");
  cloud_.faults().auth_lost = false;
  EXPECT_TRUE(Until([&] { return StatusOf("Ready") == "True" && StatusOf("CloudReachable") == "True"; }, 10s));
  EXPECT_FALSE(HasTaint(kTrouble));
}

TEST_F(AgentNodeTest, ANodeMadeAnewIsReadyThoughItsListingIsSuspect) {
  StartAgent();
  cluster_.AddPod(SimplePod("web"));
  ASSERT_TRUE(Until([&] { return IsRunning("web"); }));
  KillAgent();
  ASSERT_TRUE(cloud_.Lose(cloud_.Instances().front().id));
  cluster_.DeleteNode();
  StartAgent();
  EXPECT_TRUE(Until([&] { return StatusOf("CloudReachable") == "False"; }, 10s));
  runtime_.RunFor(1min);
  EXPECT_EQ(StatusOf("Ready"), "True") << "its Pods would be evicted";
  EXPECT_EQ(TextAt(Condition("CloudReachable"), "reason"), "ListingSuspect");
}

TEST_F(AgentNodeTest, TellsOfTroubleWithin30SecondsIsNeverNotReadyForItAndHeals) {
  StartAgent();
  cluster_.AddPod(SimplePod("web"));
  ASSERT_TRUE(Until([&] { return IsRunning("web"); }));
  for (int round = 0; round < 2; ++round) {
    (round == 0 ? cloud_.faults().auth_lost : cloud_.faults().down) = true;
    const char* cause = round == 0 ? "[auth]" : "[transient]";
    EXPECT_TRUE(Until(
        [&] {
          const std::string message = TextAt(Condition("CloudReachable"), "message");
          return StatusOf("CloudReachable") == "False" && HasTaint(kTrouble) && message.starts_with(cause);
        },
        30s));
    runtime_.RunFor(5min);
    EXPECT_EQ(StatusOf("Ready"), "True");
    EXPECT_TRUE(HasTaint("virtual-kubelet.io/provider"));
    cloud_.faults() = SimulatedFaults();
    EXPECT_TRUE(Until([&] { return StatusOf("CloudReachable") == "True" && !HasTaint(kTrouble); }, 30s));
  }
  EXPECT_TRUE(IsRunning("web"));
}

TEST_F(AgentNodeTest, ARestartInTroubleDoesNotMakeTheNodeNotReady) {
  StartAgent();
  ASSERT_TRUE(Until([&] { return StatusOf("Ready") == "True"; }));
  KillAgent();
  cloud_.faults().auth_lost = true;
  StartAgent();
  for (int i = 0; i < 60; ++i) {
    runtime_.RunFor(1s);
    ASSERT_EQ(StatusOf("Ready"), "True");
  }
  EXPECT_EQ(StatusOf("CloudReachable"), "False");
}

TEST_F(AgentNodeTest, AnIdentityThatMayNotSetTaintsHasTheCondition) {
  ForbidTaints();
  StartAgent();
  ASSERT_TRUE(Until([&] { return StatusOf("Ready") == "True"; }));
  EXPECT_TRUE(HasTaint("virtual-kubelet.io/provider")) << "set when it was created";
  cloud_.faults().down = true;
  EXPECT_TRUE(Until([&] { return StatusOf("CloudReachable") == "False"; }, 30s));
  runtime_.RunFor(5min);
  EXPECT_EQ(refused_, 1) << "remembered";
  EXPECT_EQ(StatusOf("Ready"), "True");
  cloud_.faults().down = false;
  EXPECT_TRUE(Until([&] { return StatusOf("CloudReachable") == "True"; }, 30s));
}

TEST_F(AgentNodeTest, AThrottlingCloudIsThere) {
  StartAgent();
  ASSERT_TRUE(Until([&] { return StatusOf("CloudReachable") == "True"; }));
  cloud_.faults().throttled = 1;
  runtime_.RunFor(3min);
  EXPECT_EQ(StatusOf("CloudReachable"), "True");
}

// ---- how many instances are left in the cloud

class InstancesLeftTest : public AgentNodeTest {
 protected:
  Json Left() {
    return Json::parse(TextAt(At(cluster_.node, "metadata", "annotations"), kInstancesLeft), nullptr, false);
  }
  std::int64_t Count() { return Integer(At(Left(), "count"), -1); }
  Duration Age() {
    return runtime_.WallNow() - base::ParseRfc3339(TextAt(Left(), "observedAt")).value_or(runtime_.WallNow() - 24h);
  }
  // Writes of the Node's status from now on.
  void CountWrites() {
    cluster_.fault = [this](const kube::Request& request) -> std::optional<Result<kube::Response>> {
      if (request.method == kube::Method::kPatch && request.path == "/api/v1/nodes/vnode/status") ++writes_;
      return std::nullopt;
    };
  }
  int writes_ = 0;
};

TEST_F(InstancesLeftTest, AreToldWithTheTimeOfTheListingThatShowedThem) {
  StartAgent();
  EXPECT_TRUE(Until([&] { return Count() == 0; }, 15s));
  EXPECT_LE(Age(), 15s);
  for (const char* name : {"a", "b", "c"}) cluster_.AddPod(SimplePod(name));
  EXPECT_TRUE(Until([&] { return Count() == 3; }, 90s));
  EXPECT_LE(Age(), 75s) << "of a listing, told within a minute";
  for (const char* name : {"a", "b", "c"}) cluster_.DeletePod(name);
  EXPECT_TRUE(Until([&] { return Count() == 0; }, 45s)) << "that nothing is left is told at once";
}

TEST_F(InstancesLeftTest, ThoseThatNoPodStandsBehindCount) {
  StartAgent();
  cluster_.AddPod(SimplePod("web"));
  ASSERT_TRUE(Until([&] { return Count() == 1; }, 90s));
  KillAgent();
  cluster_.DeletePod("web", 0);
  StartAgent();
  runtime_.RunFor(20s);  // too early to delete what is left
  EXPECT_EQ(Count(), 1);
  EXPECT_TRUE(Until([&] { return Count() == 0; }, 3min));
}

TEST_F(InstancesLeftTest, AListingThatIsNotToBeBelievedSaysNothing) {
  StartAgent();
  for (const char* name : {"a", "b", "c"}) cluster_.AddPod(SimplePod(name));
  ASSERT_TRUE(Until([&] { return Count() == 3; }, 90s));
  provider_->hides = [](const Instance&) { return true; };
  runtime_.RunFor(10min);
  EXPECT_EQ(Count(), 3);
  EXPECT_GE(Age(), 9min) << "its age tells";
}

TEST_F(InstancesLeftTest, CostNoWriteOfTheirOwn) {
  StartAgent();
  cluster_.AddPod(SimplePod("first"));
  ASSERT_TRUE(Until([&] { return Count() == 1; }, 90s));
  CountWrites();
  runtime_.RunFor(10min);
  EXPECT_LE(writes_, 11);
  cluster_.AddPod(SimplePod("second"));
  runtime_.RunFor(10min);
  EXPECT_LE(writes_, 22);
  EXPECT_EQ(Count(), 2);
}

}  // namespace
}  // namespace spillway::cloud
