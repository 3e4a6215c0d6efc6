#include "controller/explainer.h"

#include <gmock/gmock.h>

#include "controller/testing/running_controller.h"

namespace spillway::controller {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

class ExplainerTest : public testing::RunningController {};

TEST_F(ExplainerTest, APendingPodsVerdictAndWhyItIsNotMovedYet) {
  Start([](ControllerOptions& options) { options.policy.pending_grace = std::chrono::seconds(30); });
  api_.AddPod("p", "8");
  runtime_.RunFor(std::chrono::seconds(10));
  const json answer = Explained("p");
  EXPECT_EQ(answer["verdict"], "Nowhere");
  EXPECT_EQ(answer["message"], "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint(s).");
  EXPECT_EQ(answer["placement"]["node"], "v");
  EXPECT_FALSE(answer.contains("nodes"));
  EXPECT_EQ(Explained("p", ExplainDetail::kAllNodes)["nodes"].size(), 2u);
  const json& spillway = answer["spillway"];
  EXPECT_EQ(spillway["identity"], "me");
  EXPECT_EQ(spillway["leads"], true);
  EXPECT_EQ(spillway["outcome"], "waiting");
  EXPECT_THAT(spillway["why"].get<std::string>(),
              MatchesRegex("not moved yet: .* --pending-grace=30s, 2[01]\\.?[0-9]*s to go"));
  EXPECT_EQ(spillway["told"][0]["reason"], "OverflowWaiting");
  EXPECT_EQ(spillway["told"][0]["id"], controller_->decisions().all().front().id);
}

TEST_F(ExplainerTest, WhyItIsNotMovedAtAll) {
  Start();
  api_.AddPod("out", "8", {{"metadata", {{"annotations", {{"spillway.io/overflow", "false"}}}}}});
  api_.AddPod("gated", "1", {{"spec", {{"schedulingGates", json::array({{{"name", "g"}}})}}}});
  api_.AddPod("fits", "1");
  runtime_.RunFor(std::chrono::seconds(5));
  EXPECT_THAT(Explained("out")["spillway"]["why"].get<std::string>(),
              HasSubstr("not moved: it is annotated spillway.io/overflow=false"));
  const json gated = Explained("gated");
  EXPECT_EQ(gated["verdict"], "Undecidable");
  EXPECT_EQ(gated["why"], "it has scheduling gates");
  EXPECT_EQ(Explained("fits")["fitsOn"], "a");
  EXPECT_THAT(Explained("fits")["spillway"]["why"].get<std::string>(), HasSubstr("not moved: real node a takes it"));
}

TEST_F(ExplainerTest, ABoundPodIsDescribedFromTheApiServerAndTheLog) {
  Start();
  api_.AddPod("p", "8");
  runtime_.RunFor(std::chrono::seconds(10));
  ASSERT_EQ(api_.binds.size(), 1u);
  const json answer = Explained("p");
  EXPECT_EQ(answer["state"], "bound");
  EXPECT_EQ(answer["node"], "v");
  EXPECT_EQ(answer["nodeRole"], "virtual");
  EXPECT_EQ(answer["spillway"]["told"][0]["reason"], "OverflowScheduled");
  EXPECT_EQ(answer["spillway"]["told"][0]["id"], api_.binds[0].annotations.at("spillway.io/decision-id"));
}

TEST_F(ExplainerTest, WhileItsBindIsUnderWay) {
  Start();
  api_.on_bind = [](const testing::ScriptedApi::Bound&) { return std::nullopt; };
  api_.AddPod("p", "8");
  runtime_.RunFor(std::chrono::seconds(5));
  const json answer = Explained("p");
  EXPECT_EQ(answer["state"], "binding");
  EXPECT_EQ(answer["node"], "v");
}

TEST_F(ExplainerTest, WhatCannotBeAnsweredSaysWhy) {
  Start();
  EXPECT_EQ(Ask("nobody").error().message, "there is no Pod default/nobody");
  EXPECT_EQ(Ask("nobody").error().code, Code::kNotFound);
  for (const char* name : {"", "..", "a/b", "UPPER", "a%2fb", "x\n"}) {
    const auto answer = Ask(name);
    ASSERT_FALSE(answer) << name;
    EXPECT_TRUE(answer.error().code == Code::kInvalidArgument || answer.error().code == Code::kNotFound) << name;
  }
  EXPECT_EQ(Ask(std::string(300, 'a')).error().code, Code::kInvalidArgument);
  api_.SetDown(true);
  runtime_.RunFor(std::chrono::minutes(1));
  EXPECT_EQ(Ask("p").error().code, Code::kUnavailable);
  EXPECT_THAT(Ask("p").error().message, HasSubstr("not in step with the API server"));
}

TEST_F(ExplainerTest, BeforeItKnowsTheClusterItSaysSo) {
  api_.SetDown(true);
  controller_ = std::make_unique<Controller>(runtime_, api_.transport(), ControllerOptions(), metrics_);
  controller_->Start();
  runtime_.RunFor(std::chrono::seconds(3));
  EXPECT_EQ(Ask("p").error().code, Code::kUnavailable);
  EXPECT_THAT(Ask("p").error().message, HasSubstr("not started yet"));
}

TEST_F(ExplainerTest, AStandbyAnswersAndNamesTheLeader) {
  api_.lease_holder = "other";
  Start([](ControllerOptions& options) {
    options.leader_election = kube::LeaderElectionOptions{.ns = "n", .name = "l", .identity = "me"};
  });
  api_.AddPod("p", "8");
  runtime_.RunFor(std::chrono::seconds(10));
  const json answer = Explained("p");
  EXPECT_EQ(answer["verdict"], "Nowhere");
  EXPECT_EQ(answer["spillway"]["leads"], false);
  EXPECT_EQ(answer["spillway"]["leader"], "other");
}

Task<void> CountThrottled(Controller& controller, int& count) {
  const Result<std::string> answer = co_await controller.Explain("default", "nobody", ExplainDetail::kGroups);
  if (!answer && answer.error().code == Code::kThrottled && answer.error().retry_after > Duration(0)) ++count;
}

TEST_F(ExplainerTest, FewPodsAreFetchedAtOnce) {
  Start();
  api_.HoldPodReads();
  TaskScope flows(runtime_);
  int throttled = 0;
  for (int i = 0; i < 10; ++i) flows.Spawn(CountThrottled(*controller_, throttled));
  runtime_.RunFor(std::chrono::seconds(1));
  EXPECT_EQ(throttled, 6);
}

}  // namespace
}  // namespace spillway::controller
