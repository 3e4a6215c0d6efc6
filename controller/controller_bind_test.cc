#include <gmock/gmock.h>

#include "controller/testing/running_controller.h"

namespace spillway::controller {
namespace {

using kube::testing::FakeTransport;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kUnschedulable;
using ::testing::Not;
using testing::ScriptedApi;
using ::testing::SizeIs;

class ControllerBindTest : public testing::RunningController {
 protected:
  // The watch shows it at once.
  std::optional<Result<kube::Response>> Succeed(const ScriptedApi::Bound& bound) {
    runtime_.Post([this, bound] { api_.ShowBound(bound.pod.substr(bound.pod.find('/') + 1), bound.node); });
    return FakeTransport::Reply(201, "{}");
  }
  // It was bound, ran and ended, all of which the watch shows in one.
  void ShowEnded(const std::string& pod) {
    nlohmann::json object = api_.Get("pods", pod);
    object["spec"]["nodeName"] = api_.binds.back().node;
    object["status"]["phase"] = "Succeeded";
    for (const auto& [key, value] : api_.binds.back().annotations) object["metadata"]["annotations"][key] = value;
    api_.Put("pods", std::move(object));
  }
};

TEST_F(ControllerBindTest, AConflictIsDecidedAnewOnWhatTheWatchShowsNext) {
  api_.on_bind = [](const ScriptedApi::Bound&) {
    return FakeTransport::Reply(409, FakeTransport::StatusBody(409, "Conflict", "the object has been modified"));
  };
  Start();
  api_.AddPod("p", "8");
  runtime_.RunFor(8s);
  EXPECT_THAT(api_.binds, SizeIs(1)) << "not simply tried again";
  EXPECT_EQ(Binds("conflict"), 1);
  api_.on_bind = nullptr;
  api_.Put("pods", api_.Get("pods", "p"));  // the change that we were refused for
  const std::string version = api_.Version("p");
  runtime_.RunFor(1s);
  ASSERT_THAT(api_.binds, SizeIs(2));
  EXPECT_EQ(api_.binds[1].version, version);
}

TEST_F(ControllerBindTest, AConflictThatNoChangeFollowsIsTriedAgainLater) {
  api_.on_bind = [this](const ScriptedApi::Bound&) {
    api_.on_bind = nullptr;
    return FakeTransport::Reply(409, FakeTransport::StatusBody(409, "Conflict", "the object has been modified"));
  };
  Start();
  api_.AddPod("p", "8");
  runtime_.RunFor(1min);
  EXPECT_THAT(api_.binds, SizeIs(2)) << "the watch had the change already";
}

TEST_F(ControllerBindTest, AnUnknownOutcomeCountsAsPlacedUntilTheWatchTells) {
  api_.AddVirtualNode("w");
  int lost = 0;
  api_.on_bind = [&lost](const ScriptedApi::Bound&) {
    return ++lost == 1 ? FakeTransport::Broken(Code::kDeadlineExceeded, "no answer") : FakeTransport::Reply(201, "{}");
  };
  Start();
  api_.AddPod("p", "8");
  runtime_.RunFor(3s);
  ASSERT_THAT(BoundPods(), ElementsAre("default/p>v"));
  api_.AddPod("q", "8");
  api_.ShowBound("p", "v");  // it had been carried out
  runtime_.RunFor(1min);
  EXPECT_THAT(BoundPods(), ElementsAre("default/p>v", "default/q>w")) << "p only once; q beside it";
}

TEST_F(ControllerBindTest, ABindOfWhichNothingWasHeardIsToldWhenTheWatchShowsIt) {
  api_.on_bind = [](const ScriptedApi::Bound&) { return FakeTransport::Broken(Code::kDeadlineExceeded, "no answer"); };
  Start();
  api_.AddPod("p", "8");
  ASSERT_TRUE(runtime_.RunUntil([this] { return api_.binds.size() == 1; }, 10s));
  runtime_.RunFor(100ms);
  EXPECT_THAT(api_.events, IsEmpty());
  api_.ShowBound("p", "v");  // it had been carried out
  runtime_.RunFor(1s);
  ASSERT_THAT(Reasons(), ElementsAre("default/p OverflowScheduled"));
  EXPECT_THAT(api_.events[0].note, HasSubstr("decision=" + api_.binds[0].annotations.at("spillway.io/decision-id")));
}

TEST_F(ControllerBindTest, ABindThatTheWatchShowsBeforeItsAnswerIsLostIsToldOnce) {
  api_.on_bind = [](const ScriptedApi::Bound&) { return std::nullopt; };
  Start();
  api_.AddPod("p", "8");
  ASSERT_TRUE(runtime_.RunUntil([this] { return api_.binds.size() == 1; }, 10s));
  api_.ShowBound("p", "v");
  runtime_.RunFor(1s);
  api_.AnswerOpenBinds(500);
  runtime_.RunFor(1s);
  EXPECT_THAT(Reasons(), ElementsAre("default/p OverflowScheduled"));
}

TEST_F(ControllerBindTest, ABindOfWhichNothingWasHeardIsToldThoughThePodHasEndedBeforeTheWatchShowsItOnItsNode) {
  api_.on_bind = [](const ScriptedApi::Bound&) { return FakeTransport::Broken(Code::kDeadlineExceeded, "no answer"); };
  Start();
  api_.AddPod("p", "8");
  ASSERT_TRUE(runtime_.RunUntil([this] { return api_.binds.size() == 1; }, 10s));
  runtime_.RunFor(100ms);
  ShowEnded("p");
  runtime_.RunFor(1s);
  ASSERT_THAT(Reasons(), ElementsAre("default/p OverflowScheduled"));
  EXPECT_THAT(api_.events[0].note, HasSubstr("decision=" + api_.binds[0].annotations.at("spillway.io/decision-id")));
}

TEST_F(ControllerBindTest, APodThatEndsBeforeTheAnswerToItsBindIsLostIsToldOfOnce) {
  api_.on_bind = [](const ScriptedApi::Bound&) { return std::nullopt; };
  Start();
  api_.AddPod("p", "8");
  ASSERT_TRUE(runtime_.RunUntil([this] { return api_.binds.size() == 1; }, 10s));
  ShowEnded("p");
  runtime_.RunFor(1s);
  EXPECT_THAT(api_.events, IsEmpty());
  api_.AnswerOpenBinds(500);
  runtime_.RunFor(1s);
  EXPECT_THAT(Reasons(), ElementsAre("default/p OverflowScheduled"));
}

TEST_F(ControllerBindTest, ABindThatWasNotCarriedOutIsNotToldWhenItsPodIsDeleted) {
  api_.on_bind = [](const ScriptedApi::Bound&) { return FakeTransport::Broken(Code::kDeadlineExceeded, "no answer"); };
  Start();
  for (const char* name : {"gone", "ended"}) api_.AddPod(name, "8");
  ASSERT_TRUE(runtime_.RunUntil([this] { return api_.binds.size() == 2; }, 10s));
  runtime_.RunFor(100ms);
  api_.Remove("pods", "gone");
  nlohmann::json ended = api_.Get("pods", "ended");  // evicted by hand while it was pending
  ended["status"]["phase"] = "Failed";
  api_.Put("pods", std::move(ended));
  runtime_.RunFor(1min);
  EXPECT_THAT(api_.events, IsEmpty());
}

TEST_F(ControllerBindTest, AnUnknownOutcomeThatTheWatchNeverShowsIsRepeatedWithTheSamePreconditions) {
  int lost = 0;
  api_.on_bind = [&lost](const ScriptedApi::Bound&) {
    return ++lost == 1 ? FakeTransport::Reply(500, FakeTransport::StatusBody(500, "InternalError", "etcd"))
                       : FakeTransport::Reply(201, "{}");
  };
  Start();
  api_.AddPod("p", "8");
  runtime_.RunFor(10s);
  ASSERT_THAT(api_.binds, SizeIs(2));
  EXPECT_EQ(api_.binds[0].version, api_.binds[1].version);
  EXPECT_GE(api_.binds[1].at - api_.binds[0].at, 1s);
  EXPECT_EQ(Binds("error"), 1);
}

TEST_F(ControllerBindTest, ABindThatKeepsFailingIsToldOnceAndTriedEverMoreRarely) {
  api_.on_bind = [](const ScriptedApi::Bound&) {
    return FakeTransport::Reply(500, FakeTransport::StatusBody(500, "InternalError", "etcd is full"));
  };
  Start();
  api_.AddPod("p", "8");
  runtime_.RunFor(2min);
  EXPECT_GE(api_.binds.size(), 4u);
  EXPECT_LE(api_.binds.size(), 8u);
  EXPECT_THAT(Reasons(), Contains("default/p OverflowBindFailed"));
  const std::vector<std::string> reasons = Reasons();
  const auto failed = std::count(reasons.begin(), reasons.end(), "default/p OverflowBindFailed");
  EXPECT_LE(failed, 1);
}

TEST_F(ControllerBindTest, AnAdmissionPluginThatRefusesOnePodHoldsBackThatPodAlone) {
  api_.on_bind = [this](const ScriptedApi::Bound& bound) -> std::optional<Result<kube::Response>> {
    if (bound.pod != "default/p0") return Succeed(bound);
    return FakeTransport::Reply(403, FakeTransport::StatusBody(403, "Forbidden",
                                                               "pods \"p0\" is forbidden: ValidatingAdmissionPolicy "
                                                               "'no-clouds' denied request: keep p0 at home"));
  };
  Start([](ControllerOptions& options) { options.overflow.max_binds_in_flight = 1; });
  for (int i = 0; i < 60; ++i) api_.AddPod("p" + std::to_string(i), "8");
  runtime_.RunFor(10s);
  EXPECT_EQ(Binds("bound"), 59);
  EXPECT_GE(Binds("forbidden"), 2) << "it is tried again, ever more rarely";
  EXPECT_LE(Binds("forbidden"), 5);
  EXPECT_THAT(api_.events, Contains(AllOf(Field(&ScriptedApi::Noted::pod, "default/p0"),
                                          Field(&ScriptedApi::Noted::reason, "OverflowBindFailed"),
                                          Field(&ScriptedApi::Noted::type, "Warning"),
                                          Field(&ScriptedApi::Noted::note, HasSubstr("keep p0 at home")))));
}

// It stays the emptiest for ever, since nothing gets there.
TEST_F(ControllerBindTest, AVirtualNodeWhoseBindsAreRefusedIsTriedLast) {
  api_.AddVirtualNode("w");
  api_.on_bind = [this](const ScriptedApi::Bound& bound) -> std::optional<Result<kube::Response>> {
    if (bound.node != "v") return Succeed(bound);
    return FakeTransport::Reply(403, FakeTransport::StatusBody(403, "Forbidden", "not onto v"));
  };
  Start();
  for (int i = 0; i < 6; ++i) api_.AddPod("p" + std::to_string(i), "8");
  runtime_.RunFor(10s);
  EXPECT_EQ(metrics_.Value(metrics::Id::kBinds, {"bound", "w"}), 6);
  EXPECT_THAT(api_.events,
              Contains(Field(&ScriptedApi::Noted::note, HasSubstr("1 left out since its bind there was refused"))));
}

TEST_F(ControllerBindTest, WhyItsBindFailedIsExplained) {
  api_.on_bind = [](const ScriptedApi::Bound&) {
    return FakeTransport::Reply(403, FakeTransport::StatusBody(403, "Forbidden", "keep it at home"));
  };
  Start();
  api_.AddPod("p", "8");
  runtime_.RunFor(10s);
  EXPECT_THAT(Explained("p")["spillway"]["why"].get<std::string>(),
              HasSubstr("times, last on virtual node v: keep it at home"));
}

TEST_F(ControllerBindTest, AWebhookThatPutsOnePodOffHoldsBackThatPodAloneAndAFullServerAll) {
  std::string answer = R"({"kind":"Status","status":"Failure","message":"admission webhook denied","code":429,
                           "details":{"retryAfterSeconds":45}})";
  std::string whom = "default/p0";
  api_.on_bind = [&](const ScriptedApi::Bound& bound) -> std::optional<Result<kube::Response>> {
    if (bound.pod != whom) return Succeed(bound);
    return FakeTransport::Reply(429, answer, 45s);
  };
  Start([](ControllerOptions& options) { options.overflow.max_binds_in_flight = 1; });
  for (int i = 0; i < 10; ++i) api_.AddPod("p" + std::to_string(i), "8");
  runtime_.RunFor(10s);
  EXPECT_EQ(Binds("bound"), 9);

  whom = "default/q0";
  answer = "Too many requests, please try again later.\n";
  for (int i = 0; i < 10; ++i) api_.AddPod("q" + std::to_string(i), "8");
  runtime_.RunFor(10s);
  EXPECT_EQ(Binds("bound"), 9);
}

TEST_F(ControllerBindTest, ThoseThatWereThereBeforeGoByAge) {
  api_.on_bind = [this](const ScriptedApi::Bound& bound) { return Succeed(bound); };
  for (const auto& [name, created] : {std::pair("a", "2025-12-31T23:00:03Z"), std::pair("b", "2025-12-31T23:00:02Z"),
                                      std::pair("c", "2025-12-31T23:00:01Z")}) {
    api_.AddPod(name, "8", {{"metadata", {{"creationTimestamp", created}}}});
  }
  Start([](ControllerOptions& options) { options.overflow.max_binds_in_flight = 1; });
  runtime_.RunFor(10s);
  EXPECT_THAT(BoundPods(), ElementsAre("default/c>v", "default/b>v", "default/a>v"));
}

TEST_F(ControllerBindTest, AMissingPermissionHoldsBackItsNamespaceUntilItIsThere) {
  bool granted = false;
  api_.may_bind = [&granted](const std::string& ns) { return granted || ns != "shop"; };
  api_.on_bind = [this, &granted](const ScriptedApi::Bound& bound) -> std::optional<Result<kube::Response>> {
    if (granted || !bound.pod.starts_with("shop/")) return Succeed(bound);
    return FakeTransport::Reply(403, FakeTransport::StatusBody(403, "Forbidden",
                                                               "User \"spillway\" cannot create resource "
                                                               "\"pods/binding\" in the namespace \"shop\""));
  };
  Start([](ControllerOptions& options) { options.overflow.max_binds_in_flight = 1; });
  for (int i = 0; i < 10; ++i) {
    api_.AddPod("s" + std::to_string(i), "8", {{"metadata", {{"namespace", "shop"}}}});
    api_.AddPod("d" + std::to_string(i), "8");
  }
  runtime_.RunFor(30s);
  EXPECT_EQ(Binds("bound"), 10) << "those of the other namespace";
  EXPECT_EQ(Binds("forbidden"), 1) << "the others would fare no better";
  EXPECT_THAT(api_.events, Contains(AllOf(Field(&ScriptedApi::Noted::reason, "OverflowBindFailed"),
                                          Field(&ScriptedApi::Noted::note, HasSubstr("pods/binding")))));
  granted = true;
  runtime_.RunFor(2min);
  EXPECT_EQ(Binds("bound"), 20);
}

TEST_F(ControllerBindTest, WithoutAnAnswerToWhetherItMayNothingIsHeldBack) {
  api_.HoldAccessReviews();
  api_.on_bind = [this](const ScriptedApi::Bound& bound) -> std::optional<Result<kube::Response>> {
    if (bound.pod != "default/p0") return Succeed(bound);
    return FakeTransport::Reply(403, FakeTransport::StatusBody(403, "Forbidden", "not p0"));
  };
  Start([](ControllerOptions& options) { options.overflow.max_binds_in_flight = 1; });
  for (int i = 0; i < 5; ++i) api_.AddPod("p" + std::to_string(i), "8");
  runtime_.RunFor(5s);
  EXPECT_EQ(Binds("bound"), 4);
}

TEST_F(ControllerBindTest, WhatComesFreeBetweenThePlanAndTheBindVoidsThePlan) {
  Start([](ControllerOptions& options) {
    options.kube_api_qps = 1;
    options.kube_api_burst = 1;
    options.overflow.batch_idle = options.overflow.batch_max = 3s;  // the next round comes after the next binds
  });
  for (const char* name : {"p1", "p2", "p3", "p4", "p5", "p6"}) api_.AddPod(name, "8", kUnschedulable);
  ASSERT_TRUE(runtime_.RunUntil([this] { return api_.binds.size() == 2; }, 10s));
  api_.AddNode("big", "16");  // room for two, while the rest of the plan waits for its turn
  runtime_.RunFor(1min);
  EXPECT_THAT(BoundPods(), ElementsAre("default/p1>v", "default/p2>v", "default/p5>v", "default/p6>v"));
}

TEST_F(ControllerBindTest, APodThatLeavesItsPlaceInTheSimulationVoidsThePlan) {
  Start([](ControllerOptions& options) {
    options.kube_api_qps = 1;
    options.kube_api_burst = 1;
  });
  for (const char* name : {"p1", "p2", "p3", "p4"}) api_.AddPod(name, "4", kUnschedulable);
  ASSERT_TRUE(runtime_.RunUntil([this] { return api_.binds.size() == 1; }, 10s));
  api_.Remove("pods", "p1");  // node a was to be its
  runtime_.RunFor(1min);
  EXPECT_THAT(BoundPods(), SizeIs(2)) << "one of the two that were to follow fits on node a now";
}

TEST_F(ControllerBindTest, PodsThatEndMeanwhileDoNotVoidThePlan) {
  constexpr int kPods = 100;
  for (int i = 0; i < kPods; ++i) api_.AddPod("ends" + std::to_string(i), "10m", {{"spec", {{"nodeName", "a"}}}});
  Start([](ControllerOptions& options) { options.kube_api_burst = 1; });
  for (int i = 0; i < kPods; ++i) api_.AddPod("p" + std::to_string(i), "8");
  ASSERT_TRUE(runtime_.RunUntil([this] { return !api_.binds.empty(); }, 10s));
  for (int i = 0; i < kPods; ++i) {  // one for each bind
    api_.Remove("pods", "ends" + std::to_string(i));
    runtime_.RunFor(20ms);
  }
  EXPECT_THAT(api_.binds, SizeIs(kPods));
  EXPECT_LE(metrics_.Value(metrics::Id::kDecisionDuration), 12) << "rounds";
}

TEST_F(ControllerBindTest, APodThatIsGatedOrDeletedOrOptsOutMeanwhileIsNotBound) {
  Start([](ControllerOptions& options) {
    options.kube_api_qps = 1;
    options.kube_api_burst = 1;
  });
  for (const char* name : {"p1", "p2", "p3"}) api_.AddPod(name, "8");
  ASSERT_TRUE(runtime_.RunUntil([this] { return api_.binds.size() == 1; }, 10s));
  nlohmann::json opted_out = api_.Get("pods", "p2");
  opted_out["metadata"]["annotations"] = {{"spillway.io/overflow", "false"}};
  api_.Put("pods", opted_out);
  api_.Remove("pods", "p3");
  runtime_.RunFor(1min);
  EXPECT_THAT(BoundPods(), ElementsAre("default/p1>v"));
}

TEST_F(ControllerBindTest, AConditionThatArrivesMeanwhileOnlyMovesTheVersion) {
  Start([](ControllerOptions& options) {
    options.kube_api_qps = 1;
    options.kube_api_burst = 1;
  });
  for (const char* name : {"p1", "p2"}) api_.AddPod(name, "8");
  ASSERT_TRUE(runtime_.RunUntil([this] { return api_.binds.size() == 1; }, 10s));
  nlohmann::json tried = api_.Get("pods", "p2");
  tried.merge_patch(kUnschedulable);
  api_.Put("pods", tried);
  const std::string version = api_.Version("p2");
  runtime_.RunFor(1500ms);
  ASSERT_THAT(api_.binds, SizeIs(2));
  EXPECT_EQ(api_.binds[1].version, version);
}

TEST_F(ControllerBindTest, BindsInFlightFillTheVirtualNode) {
  nlohmann::json small = api_.Get("nodes", "v");
  small["status"]["allocatable"]["pods"] = "2";
  api_.Put("nodes", small);
  api_.on_bind = [](const ScriptedApi::Bound&) { return std::nullopt; };  // no answer yet
  Start();
  for (const char* name : {"p1", "p2"}) api_.AddPod(name, "8");
  runtime_.RunFor(4s);
  ASSERT_THAT(api_.binds, SizeIs(2));
  api_.AddPod("p3", "8");
  runtime_.RunFor(5s);
  EXPECT_THAT(api_.binds, SizeIs(2));
  EXPECT_THAT(Reasons(), ElementsAre("default/p3 OverflowNoCapacity"));
  EXPECT_THAT(api_.events[0].note, HasSubstr("0/1 virtual nodes fit: 1 Too many pods; 0/1 real nodes fit"));
}

}  // namespace
}  // namespace spillway::controller
