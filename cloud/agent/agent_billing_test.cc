// What instances cost: told on their Pods, counted, and told of the cloud on the Node.
#include <gmock/gmock.h>

#include "cloud/agent/billing.h"
#include "cloud/agent/client_token.h"
#include "cloud/testing/agent_fixture.h"

namespace spillway::cloud {
namespace {

using testing::SimplePod;

class AgentBillingTest : public testing::AgentFixture {
 protected:
  void SetUp() override {
    AgentFixture::SetUp();
    options_.price = kube::Price{100'000, 10'000};  // 0.1 and 0.01
  }
  // At 0.1 a vCPU and 0.01 a GiB it costs 0.24 an hour.
  static Json TwoByFour(const std::string& name) {
    Json pod = SimplePod(name);
    pod["spec"]["containers"][0]["resources"]["requests"] = {{"cpu", "2"}, {"memory", "4Gi"}};
    return pod;
  }
  std::string Note(const std::string& pod, const char* annotation) {
    return TextAt(cluster_.Pod(pod), "metadata", "annotations", annotation);
  }
  std::string OnNode(std::string_view annotation) {
    return TextAt(At(cluster_.node, "metadata", "annotations"), std::string(annotation).c_str());
  }
  Json JsonOnNode(const char* annotation) { return Json::parse(OnNode(annotation), nullptr, false); }
  void Run(const std::string& name) {
    cluster_.AddPod(TwoByFour(name));
    ASSERT_TRUE(Until([&] { return IsRunning(name); }));
  }
};

TEST_F(AgentBillingTest, ThePodSaysWhatItIsBilledAsInTheWriteThatNotesTheRequest) {
  int notes = 0, writes = 0;
  cluster_.fault = [&](const kube::Request& request) -> std::optional<Result<kube::Response>> {
    if (request.method != kube::Method::kPatch || request.path.find("/pods/web/status") == std::string::npos) {
      return std::nullopt;
    }
    ++writes;
    const Json body = Json::parse(request.body, nullptr, false);
    const Json& annotations = At(body, "metadata", "annotations");
    if (annotations.is_null()) return std::nullopt;
    ++notes;
    EXPECT_EQ(At(annotations, kBilledSize), "cpu=2,memory=4Gi");
    return std::nullopt;
  };
  StartAgent();
  Run("web");
  EXPECT_EQ(Note("web", kBilledSize), "cpu=2,memory=4Gi");
  EXPECT_EQ(Note("web", kPricePerHour), "0.24");
  EXPECT_EQ(notes, 1);
  EXPECT_EQ(writes, 2) << "the note, and that it runs";
}

TEST_F(AgentBillingTest, WithoutAPriceOnlyTheSizeIsTold) {
  options_.price.reset();
  StartAgent();
  Json copied = TwoByFour("web");
  copied["metadata"]["annotations"] = {{kPricePerHour, "77"}, {kNotedFor, "another"}};
  cluster_.AddPod(std::move(copied));
  ASSERT_TRUE(Until([&] { return IsRunning("web"); }));
  EXPECT_EQ(Note("web", kBilledSize), "cpu=2,memory=4Gi");
  EXPECT_EQ(Note("web", kPricePerHour), "") << "what a copied manifest says is another Pod's price";
  EXPECT_EQ(agent_->costs().per_hour(), 0);
  EXPECT_EQ(agent_->costs().without_price(), 1u);
}

TEST_F(AgentBillingTest, WhatLivesIsPaidForAndWhatHasEndedIsNot) {
  StartAgent();
  Json job = TwoByFour("b");
  job["metadata"]["annotations"]["spillway.io/simulated-run-seconds"] = "7200";
  job["spec"]["restartPolicy"] = "Never";
  cluster_.AddPod(std::move(job));
  Run("a");
  ASSERT_TRUE(Until([&] { return IsRunning("b"); }));
  EXPECT_DOUBLE_EQ(agent_->costs().per_hour(), 0.48);
  const double before = agent_->costs().total();
  runtime_.RunFor(1h);
  EXPECT_NEAR(agent_->costs().total() - before, 0.48, 1e-9);

  ASSERT_TRUE(Until([&] { return cluster_.Phase("b") == "Succeeded"; }, 2h));
  EXPECT_DOUBLE_EQ(agent_->costs().per_hour(), 0.24) << "one has ended: it costs nothing, though its Pod is there";
  for (const char* name : {"a", "b"}) cluster_.DeletePod(name);
  ASSERT_TRUE(Until([&] { return agent_->costs().per_hour() == 0; }));
  const double after = agent_->costs().total();
  runtime_.RunFor(1h);
  EXPECT_EQ(agent_->costs().total(), after);
}

TEST_F(AgentBillingTest, AnotherAgentGoesOnAtThePriceThatThePodSays) {
  StartAgent();
  Run("a");
  KillAgent();
  options_.price = kube::Price{900'000, 90'000};  // for those who come now
  StartAgent();
  ASSERT_TRUE(Until([&] { return agent_->costs().per_hour() > 0; }));
  EXPECT_DOUBLE_EQ(agent_->costs().per_hour(), 0.24);
  EXPECT_EQ(Note("a", kPricePerHour), "0.24");
}

TEST_F(AgentBillingTest, APriceThatBecomesKnownLaterCountsFromThenOn) {
  options_.price.reset();
  StartAgent();
  Run("a");
  KillAgent();
  options_.price = kube::Price{100'000, 10'000};
  StartAgent();
  ASSERT_TRUE(Until([&] { return agent_->costs().per_hour() > 0; }));
  EXPECT_DOUBLE_EQ(agent_->costs().per_hour(), 0.24) << "the Pod says none: today's";
  EXPECT_EQ(agent_->costs().without_price(), 0u);
}

TEST_F(AgentBillingTest, NotesOfMoneyMakeNoOtherRequest) {
  Json pod = TwoByFour("web");
  pod["metadata"]["uid"] = "u";
  const std::string before = RequestDigest(pod, {});
  pod["metadata"]["annotations"] = BillAnnotations({"cpu=2,memory=4Gi", 0, 0, 240'000});
  EXPECT_EQ(RequestDigest(pod, {}), before);
}

// ---- on the Node

TEST_F(AgentBillingTest, TheNodeSaysPricesByFlagsAndTakesThemBack) {
  StartAgent();
  ASSERT_TRUE(Until([&] { return OnNode(kube::kPricePerCpu) == "0.1"; }));
  EXPECT_EQ(OnNode(kube::kPricePerGib), "0.01");
  EXPECT_EQ(JsonOnNode(kPriceSource), (Json{{"source", "flags"}}));
  options_.price.reset();
  StartAgent();
  EXPECT_TRUE(Until([&] { return OnNode(kube::kPricePerCpu).empty() && OnNode(kPriceSource).empty(); }, 2min));
}

TEST_F(AgentBillingTest, TheNodeSaysWhatTheCloudSellsAndWhenThatWasSeen) {
  options_.price.reset();
  const WallTime seen = *base::ParseRfc3339("2026-11-30T08:00:00Z");
  Market market;
  market.prices = PriceList{{176'400, 22'068}, "CNY", "DescribeContainerGroupPrice", seen};
  market.stock = {{"cn-hangzhou-i", "ecs.c7.large", "WithStock", seen}, {"vsw-b", "", "OutOfStock", seen}};
  market.quotas = {{"cpu", 16.5, 1000, seen}};
  sells_ = [&] { return market; };
  StartAgent();
  ASSERT_TRUE(Until([&] { return OnNode(kube::kPricePerCpu) == "0.1764"; }, 2min));
  EXPECT_EQ(OnNode(kube::kPricePerGib), "0.022068");
  EXPECT_EQ(
      JsonOnNode(kPriceSource),
      (Json{{"source", "DescribeContainerGroupPrice"}, {"currency", "CNY"}, {"observedAt", "2026-11-30T08:00:00Z"}}));
  const char* when = "2026-11-30T08:00:00Z";
  const Json type = {
      {"place", "cn-hangzhou-i"}, {"kind", "ecs.c7.large"}, {"status", "WithStock"}, {"observedAt", when}};
  const Json subnet = {{"place", "vsw-b"}, {"status", "OutOfStock"}, {"observedAt", when}};
  EXPECT_EQ(JsonOnNode(kStock), Json::array({type, subnet}));
  EXPECT_EQ(JsonOnNode(kQuota),
            (Json{{"cpu", {{"used", 16.5}, {"limit", 1000.0}, {"observedAt", "2026-11-30T08:00:00Z"}}}}));
}

// ---- the meter

TEST(CostMeter, CountsByTheSecondWhateverChanges) {
  SimRuntime runtime(1);
  CostMeter meter(runtime);
  CostMeter::Share a(meter);
  {
    CostMeter::Share b(meter);
    a.Run(1'000'000);
    b.Run(std::nullopt);
    EXPECT_EQ(meter.without_price(), 1u);
    runtime.RunFor(30min);
    b.Run(2'000'000);
    runtime.RunFor(30min);
    EXPECT_DOUBLE_EQ(meter.per_hour(), 3);
    EXPECT_DOUBLE_EQ(meter.total(), 2);
  }
  EXPECT_DOUBLE_EQ(meter.per_hour(), 1) << "gone with its Pod";
  EXPECT_EQ(meter.without_price(), 0u);
  a.Stop();
  runtime.RunFor(1h);
  EXPECT_DOUBLE_EQ(meter.total(), 2);
}

}  // namespace
}  // namespace spillway::cloud
