#include "cloud/providers/simulated/cloud.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/scope.h"
#include "base/sim_runtime.h"
#include "cloud/restart_policy.h"

namespace spillway::cloud {
namespace {

using ::testing::SizeIs;

class SimulatedCloudTest : public ::testing::Test {
 protected:
  using Made = CloudResult<Instance>;

  static Task<void> CreateInto(Provider& provider, CreateRequest request, std::optional<Made>& out) {
    out = co_await provider.Create(std::move(request));
  }
  Made Create(const std::string& uid, const std::string& token, Json annotations = Json::object(),
              const std::string& policy = "Always") {
    CreateRequest request;
    request.identity = {"cluster", "node", uid, "default", "pod-" + uid};
    request.client_token = token;
    request.pod["metadata"]["annotations"] = std::move(annotations);
    request.pod["spec"] = {{"restartPolicy", policy},
                           {"containers", Json::array({Json{{"name", "main"}, {"image", "i"}}})}};
    request.pod["spec"]["containers"][0]["resources"]["requests"]["cpu"] = "2";
    std::optional<Made> made;
    scope_.Spawn(CreateInto(*provider_, std::move(request), made));
    EXPECT_TRUE(runtime_.RunUntil([&] { return made.has_value(); }, 60s));
    return *made;
  }
  ContainerState Main() { return cloud_.Instances().at(0).containers.at(0); }

  static SimulatedCloudOptions Options() {
    SimulatedCloudOptions options;
    options.quota_pods = 3;
    return options;
  }

  SimRuntime runtime_{1};
  SimulatedCloud cloud_{runtime_, Options()};
  std::unique_ptr<Provider> provider_ = cloud_.NewProvider();
  TaskScope scope_{runtime_};
};

TEST_F(SimulatedCloudTest, TheSameTokenFindsTheSameInstance) {
  const Made first = Create("a", "t");
  const Made again = Create("a", "t");
  ASSERT_TRUE(first && again);
  EXPECT_EQ(first->id, again->id);
  EXPECT_EQ(cloud_.counts().creates, 1u);
  cloud_.Lose(first->id);
  EXPECT_EQ(Create("a", "t").error().error.code, Code::kAlreadyExists) << "a token is never used for a second one";
}

TEST_F(SimulatedCloudTest, TwoInstancesOfOnePodAreNoticed) {
  ASSERT_TRUE(Create("a", "t1"));
  EXPECT_THAT(cloud_.violations(), SizeIs(0));
  ASSERT_TRUE(Create("a", "t2"));
  EXPECT_THAT(cloud_.violations(), SizeIs(1));
}

TEST_F(SimulatedCloudTest, ALostReplyHasBeenCarriedOut) {
  cloud_.faults().lost_reply = 1;
  const Made lost = Create("a", "t");
  ASSERT_FALSE(lost);
  EXPECT_TRUE(lost.error().is_uncertain());
  EXPECT_THAT(cloud_.Instances(), SizeIs(1));
}

TEST_F(SimulatedCloudTest, QuotaIsADefiniteRefusal) {
  for (const char* uid : {"a", "b", "c"}) ASSERT_TRUE(Create(uid, uid));
  const Made refused = Create("d", "d");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().refusal, Refusal::kQuota);
  EXPECT_FALSE(refused.error().is_uncertain());
  EXPECT_FALSE(refused.error().request_id.empty());
}

TEST_F(SimulatedCloudTest, RestartsFollowThePolicyAndBackOff) {
  ASSERT_TRUE(Create("a", "t", {{"spillway.io/simulated-run-seconds", "10"}, {"spillway.io/simulated-exit-code", "2"}},
                     "OnFailure"));
  runtime_.RunFor(12s);  // started at 1 s, ended at 11 s, and again at once
  EXPECT_EQ(Main().kind, ContainerState::Kind::kRunning);
  EXPECT_EQ(Main().restart_count, 1);
  runtime_.RunFor(10s);  // ended at 21 s: 10 s of pause
  EXPECT_EQ(Main().reason, "CrashLoopBackOff");
  EXPECT_EQ(Main().last->exit_code, 2);
  runtime_.RunFor(10s);
  EXPECT_EQ(Main().kind, ContainerState::Kind::kRunning);
  EXPECT_EQ(Main().restart_count, 2);
}

TEST_F(SimulatedCloudTest, NeverMeansOnce) {
  ASSERT_TRUE(Create("a", "t", {{"spillway.io/simulated-run-seconds", "10"}}, "Never"));
  runtime_.RunFor(20s);
  EXPECT_EQ(cloud_.Instances()[0].state, InstanceState::kSucceeded);
  EXPECT_EQ(Main().ended->reason, "Completed");
}

TEST_F(SimulatedCloudTest, ASpotReclaimFailsTheInstance) {
  const Made made = Create("a", "t");
  runtime_.RunFor(5s);
  ASSERT_TRUE(cloud_.Reclaim(made->id));
  EXPECT_EQ(cloud_.Instances()[0].state, InstanceState::kFailed);
  EXPECT_EQ(cloud_.Instances()[0].reason, "SpotReclaimed");
}

TEST_F(SimulatedCloudTest, SurvivesASaveAndLoad) {
  ASSERT_TRUE(Create("a", "ta", {{"spillway.io/simulated-run-seconds", "30"}}, "Never"));
  ASSERT_TRUE(Create("b", "tb"));
  runtime_.RunFor(5s);
  SimulatedCloud copy(runtime_, Options());
  ASSERT_TRUE(copy.Load(Json::parse(cloud_.Save().dump())));
  EXPECT_EQ(copy.Instances(), cloud_.Instances());
  runtime_.RunFor(60s);
  EXPECT_EQ(copy.Instances(), cloud_.Instances());
  EXPECT_EQ(copy.Instances()[0].state, InstanceState::kSucceeded);
  EXPECT_FALSE(copy.Load(Json{{"version", 2}}));
}

TEST(Latency, ParsesWhatScenariosWrite) {
  SimRuntime runtime(3);
  EXPECT_EQ(Latency::Parse("1s")->Draw(runtime.random()), 1s);
  const auto uniform = Latency::Parse("uniform(1s,3s)");
  ASSERT_TRUE(uniform);
  for (int i = 0; i < 100; ++i) {
    const Duration drawn = uniform->Draw(runtime.random());
    EXPECT_GE(drawn, 1s);
    EXPECT_LE(drawn, 3s);
  }
  Duration sum{0};
  for (int i = 0; i < 2000; ++i) sum += Latency::Parse("exp(2s)")->Draw(runtime.random());
  EXPECT_NEAR(static_cast<double>(sum / 2000 / 1ms), 2000, 150);
  for (const char* wrong : {"", "1", "exp(2s", "exp()", "uniform(3s,1s)", "uniform(1s)", "-1s", "normal(1s)"}) {
    EXPECT_FALSE(Latency::Parse(wrong)) << wrong;
  }
}

TEST(CrashBackoff, IsKubelets) {
  CrashBackoff backoff;
  EXPECT_EQ(backoff.Next(1s), 0s);
  EXPECT_EQ(backoff.Next(1s), 10s);
  EXPECT_EQ(backoff.Next(1s), 20s);
  for (int i = 0; i < 10; ++i) (void)backoff.Next(1s);
  EXPECT_EQ(backoff.Next(1s), 5min);
  EXPECT_EQ(backoff.Next(11min), 0s) << "a long run is forgiven";
}

}  // namespace
}  // namespace spillway::cloud
