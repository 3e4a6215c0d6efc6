#include "controller/controller.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "base/scope.h"
#include "base/sim_runtime.h"
#include "controller/testing/scripted_api.h"

namespace spillway::controller {
namespace {

using kube::testing::FakeTransport;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;
using testing::ScriptedApi;
using ::testing::SizeIs;
using ::testing::StartsWith;

const nlohmann::json kUnschedulable = {
    {"status",
     {{"conditions",
       nlohmann::json::array({{{"type", "PodScheduled"}, {"status", "False"}, {"reason", "Unschedulable"}}})}}}};

class ControllerTest : public ::testing::Test {
 protected:
  ControllerTest() : runtime_(7), api_(runtime_), metrics_(metrics::Component::kController), flows_(runtime_) {
    log::Quiet();
    api_.AddNode("a", "4");
    api_.AddVirtualNode("v");
  }

  void Start(std::function<void(ControllerOptions&)> change = nullptr) {
    ControllerOptions options;
    options.identity = "me";
    if (change) change(options);
    controller_ = std::make_unique<Controller>(runtime_, api_.transport(), std::move(options), metrics_);
    controller_->Start([this](std::string why) { lost_ = std::move(why); });
    runtime_.RunFor(1s);
    ASSERT_TRUE(controller_->Ready()) << controller_->Ready().error().message;
  }
  std::vector<std::string> BoundPods() const {
    std::vector<std::string> pods;
    for (const auto& bind : api_.binds) pods.push_back(bind.pod + ">" + bind.node);
    return pods;
  }
  std::vector<std::string> Reasons() const {
    std::vector<std::string> reasons;
    for (const auto& event : api_.events) reasons.push_back(event.pod + " " + event.reason);
    return reasons;
  }
  double Binds(const char* result) const { return metrics_.Value(metrics::Id::kBinds, {result, "v"}); }

  SimRuntime runtime_;
  ScriptedApi api_;
  metrics::Registry metrics_;
  std::unique_ptr<Controller> controller_;
  std::string lost_;
  TaskScope flows_;
};

TEST_F(ControllerTest, KSlotsAbsorbExactlyKOfPEqualPods) {
  Start();
  for (const char* name : {"p1", "p2", "p3", "p4", "p5"}) api_.AddPod(name, "1500m");
  runtime_.RunFor(10s);
  EXPECT_THAT(BoundPods(), ElementsAre("default/p3>v", "default/p4>v", "default/p5>v"));
  EXPECT_THAT(Reasons(), ElementsAre("default/p3 OverflowScheduled", "default/p4 OverflowScheduled",
                                     "default/p5 OverflowScheduled"));
}

TEST_F(ControllerTest, ABindCarriesItsPreconditionsAndItsReasons) {
  Start();
  api_.AddPod("p", "8");
  const std::string version = api_.Version("p");
  runtime_.RunFor(5s);
  ASSERT_THAT(api_.binds, SizeIs(1));
  const auto& bind = api_.binds[0];
  EXPECT_EQ(bind.uid, "uid-p");
  EXPECT_EQ(bind.version, version);
  EXPECT_THAT(bind.annotations, AllOf(Contains(Pair("controller.kubernetes.io/pod-deletion-cost", "-1000")),
                                      Contains(Pair("spillway.io/virtual-node", "v")),
                                      Contains(Pair("spillway.io/reason", "0/1 real nodes fit (1 Insufficient cpu)")),
                                      Contains(Pair("spillway.io/decided-at", StartsWith("20")))));
  const std::string id = bind.annotations.at("spillway.io/decision-id");
  ASSERT_THAT(api_.events, SizeIs(1));
  EXPECT_THAT(api_.events[0].note, StartsWith("Bound to virtual node v after 2."));
  EXPECT_THAT(api_.events[0].note,
              HasSubstr("pending: 0/1 real nodes fit (1 Insufficient cpu); the only virtual node"));
  EXPECT_THAT(api_.events[0].note, HasSubstr(". decision=" + id));
  ASSERT_NE(controller_->decisions().FindById(id), nullptr);
  EXPECT_EQ(controller_->decisions().FindById(id)->pod, "default/p");
  EXPECT_EQ(Binds("bound"), 1);
  EXPECT_EQ(metrics_.Value(metrics::Id::kDecisions, {"overflow", "short_of_resources"}), 1);
}

TEST_F(ControllerTest, ADeletionCostOfTheUserIsLeftAlone) {
  Start();
  api_.AddPod("p", "8", {{"metadata", {{"annotations", {{"controller.kubernetes.io/pod-deletion-cost", "5"}}}}}});
  runtime_.RunFor(5s);
  ASSERT_THAT(api_.binds, SizeIs(1));
  EXPECT_FALSE(api_.binds[0].annotations.contains("controller.kubernetes.io/pod-deletion-cost"));
}

TEST_F(ControllerTest, NothingIsBoundBeforeTheGrace) {
  Start();
  const Instant created = runtime_.Now();
  api_.AddPod("p", "8");
  runtime_.RunFor(5s);
  ASSERT_THAT(api_.binds, SizeIs(1));
  EXPECT_GE(api_.binds[0].at - created, 2s);
  EXPECT_LE(api_.binds[0].at - created, 2500ms);
}

TEST_F(ControllerTest, DryRunWritesNothingButEvents) {
  Start([](ControllerOptions& options) {
    options.overflow.mode = Reporter::Mode::kDryRun;
    options.leader_election = kube::LeaderElectionOptions{.ns = "n", .name = "l", .identity = "me"};
  });
  api_.AddPod("p", "8");
  runtime_.RunFor(1min);
  EXPECT_THAT(api_.binds, IsEmpty());
  EXPECT_EQ(api_.lease_writes, 0);
  EXPECT_EQ(api_.other_writes, 0);
  ASSERT_THAT(Reasons(), ElementsAre("default/p WouldOverflow"));
  EXPECT_THAT(api_.events[0].note, StartsWith("[dry-run] Would bind to virtual node v after"));
}

TEST_F(ControllerTest, DefaultConstraintsFollowTheServices) {
  api_.Put("nodes", {{"metadata", {{"name", "v"}, {"labels", {{"type", "virtual-kubelet"}, {"zone", "cloud"}}}}},
                     {"status",
                      {{"allocatable", {{"cpu", "1000"}, {"memory", "4Ti"}, {"pods", "3000"}}},
                       {"conditions", nlohmann::json::array({{{"type", "Ready"}, {"status", "True"}}})}}}});
  Start([](ControllerOptions& options) {
    options.policy.trigger = Trigger::kAny;
    kube::TopologySpreadConstraint zone;
    zone.topology_key = "zone";
    options.scheduler.profiles[0].default_constraints = {zone};
  });
  api_.AddPod("p", "1", {{"metadata", {{"labels", {{"app", "web"}}}}}});
  runtime_.RunFor(10s);
  EXPECT_THAT(BoundPods(), IsEmpty());  // node a takes it
  api_.Put("services",
           {{"metadata", {{"name", "s"}, {"namespace", "default"}}}, {"spec", {{"selector", {{"app", "web"}}}}}});
  runtime_.RunFor(10s);
  EXPECT_THAT(BoundPods(), ElementsAre("default/p>v"));  // node a has no zone
}

TEST_F(ControllerTest, WhatNoVerdictDependsOnIsNotWatched) {
  Start();
  EXPECT_THAT(api_.asked, ElementsAre("csidrivers", "csinodes", "csistoragecapacities", "namespaces", "nodes",
                                      "persistentvolumeclaims", "persistentvolumes", "pods", "storageclasses",
                                      "volumeattachments"));
}

TEST_F(ControllerTest, PodsThatAskForDevicesAreLeftAlone) {
  api_.Put("deviceclasses", {{"metadata", {{"name", "gpu"}}}, {"spec", {{"extendedResourceName", "example.com/gpu"}}}});
  Start();
  EXPECT_THAT(api_.asked, Contains("deviceclasses"));
  api_.AddPod("p", "8",
              {{"spec",
                {{"containers",
                  nlohmann::json::array(
                      {{{"name", "c"}, {"resources", {{"requests", {{"cpu", "8"}, {"example.com/gpu", "1"}}}}}}})}}}});
  runtime_.RunFor(1min);
  EXPECT_THAT(api_.binds, IsEmpty());
  api_.Remove("deviceclasses", "gpu");
  api_.Put("nodes",
           {{"metadata", {{"name", "v"}, {"labels", {{"type", "virtual-kubelet"}}}}},
            {"status",
             {{"allocatable", {{"cpu", "1000"}, {"memory", "4Ti"}, {"pods", "3000"}, {"example.com/gpu", "4"}}},
              {"conditions", nlohmann::json::array({{{"type", "Ready"}, {"status", "True"}}})}}}});
  runtime_.RunFor(1min);
  EXPECT_THAT(BoundPods(), ElementsAre("default/p>v"));
}

TEST_F(ControllerTest, AConflictIsDecidedAnewOnWhatTheWatchShowsNext) {
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

TEST_F(ControllerTest, AnUnknownOutcomeCountsAsPlacedUntilTheWatchTells) {
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

TEST_F(ControllerTest, AnUnknownOutcomeThatTheWatchNeverShowsIsRepeatedWithTheSamePreconditions) {
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

TEST_F(ControllerTest, ABindThatKeepsFailingIsToldOnceAndTriedEverMoreRarely) {
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

TEST_F(ControllerTest, AMissingPermissionHoldsEverythingBackAndIsNamed) {
  api_.on_bind = [](const ScriptedApi::Bound&) {
    return FakeTransport::Reply(
        403, FakeTransport::StatusBody(403, "Forbidden", "User system:serviceaccount:x cannot create pods/binding"));
  };
  Start([](ControllerOptions& options) { options.actuator.max_in_flight = 1; });
  for (const char* name : {"p1", "p2", "p3"}) api_.AddPod(name, "8");
  runtime_.RunFor(3s);
  EXPECT_THAT(api_.binds, SizeIs(1)) << "the others would fare no better";
  EXPECT_EQ(Binds("forbidden"), 1);
  runtime_.RunFor(1s);
  ASSERT_THAT(api_.events, Not(IsEmpty()));
  EXPECT_EQ(api_.events[0].reason, "OverflowBindFailed");
  EXPECT_EQ(api_.events[0].type, "Warning");
  EXPECT_THAT(api_.events[0].note, HasSubstr("create"));
  EXPECT_THAT(api_.events[0].note, HasSubstr("pods/binding"));
}

TEST_F(ControllerTest, NothingIsDecidedOnALostWatch) {
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

TEST_F(ControllerTest, NothingIsBoundWhenTheWatchIsLostDuringTheGrace) {
  Start();
  api_.AddPod("p", "8");
  runtime_.RunFor(1500ms);
  api_.SetDown(true);
  runtime_.RunFor(1min);
  EXPECT_THAT(api_.binds, IsEmpty());
}

TEST_F(ControllerTest, WhatComesFreeBetweenThePlanAndTheBindVoidsThePlan) {
  Start([](ControllerOptions& options) {
    options.kube_api_qps = 1;
    options.kube_api_burst = 1;
  });
  for (const char* name : {"p1", "p2", "p3", "p4", "p5", "p6"}) api_.AddPod(name, "8");
  ASSERT_TRUE(runtime_.RunUntil([this] { return api_.binds.size() == 2; }, 10s));
  api_.AddNode("big", "16");  // room for two, while the rest of the plan waits for its turn
  runtime_.RunFor(1min);
  EXPECT_THAT(api_.binds, SizeIs(4)) << "two of the last four fit now";
}

TEST_F(ControllerTest, APodThatLeavesItsPlaceInTheSimulationVoidsThePlan) {
  Start([](ControllerOptions& options) {
    options.kube_api_qps = 1;
    options.kube_api_burst = 1;
  });
  for (const char* name : {"p1", "p2", "p3", "p4"}) api_.AddPod(name, "4");
  ASSERT_TRUE(runtime_.RunUntil([this] { return api_.binds.size() == 1; }, 10s));
  api_.Remove("pods", "p1");  // node a was to be its
  runtime_.RunFor(1min);
  EXPECT_THAT(BoundPods(), SizeIs(2)) << "one of the two that were to follow fits on node a now";
}

TEST_F(ControllerTest, APodThatIsGatedOrDeletedOrOptsOutMeanwhileIsNotBound) {
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

TEST_F(ControllerTest, AConditionThatArrivesMeanwhileOnlyMovesTheVersion) {
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

TEST_F(ControllerTest, BindsInFlightFillTheVirtualNode) {
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

TEST_F(ControllerTest, EachStateIsToldOnce) {
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

TEST_F(ControllerTest, ALongGraceIsAnnounced) {
  Start([](ControllerOptions& options) { options.policy.pending_grace = 30s; });
  api_.AddPod("p", "8");
  runtime_.RunFor(10s);
  ASSERT_THAT(Reasons(), ElementsAre("default/p OverflowWaiting"));
  EXPECT_THAT(api_.events[0].note, HasSubstr("(--pending-grace=30s) before overflowing: 0/1 real nodes fit"));
  runtime_.RunFor(30s);
  EXPECT_THAT(Reasons(), ElementsAre("default/p OverflowWaiting", "default/p OverflowScheduled"));
}

TEST_F(ControllerTest, APodThatFitsAndIsStillMarkedUnschedulableIsToldAfterHalfAMinute) {
  Start();
  api_.AddPod("p", "1", kUnschedulable);
  runtime_.RunFor(29s);
  EXPECT_THAT(api_.events, IsEmpty());
  runtime_.RunFor(5s);
  ASSERT_THAT(Reasons(), ElementsAre("default/p OverflowNotNeeded"));
  EXPECT_THAT(api_.events[0].note, StartsWith("Fits real node a for 30s, yet kube-scheduler has not placed it; "));
}

TEST_F(ControllerTest, IneligibleAndUndecidablePodsAreToldWhy) {
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

TEST_F(ControllerTest, APodWithABoundClaimIsMovedWhenRealNodesAreShortAndTheVolumeReachesTheVirtualNode) {
  api_.Put("persistentvolumes", {{"metadata", {{"name", "pv"}}}, {"spec", {{"storageClassName", "wait"}}}});
  api_.Put("persistentvolumeclaims", Claim("bound", "pv"));
  Start();
  api_.AddPod("p", "8", WithClaim("bound"));
  runtime_.RunFor(10s);
  ASSERT_EQ(api_.binds.size(), 1u);
  EXPECT_EQ(api_.binds[0].pod, "default/p");
}

TEST_F(ControllerTest, APodIsLeftWhereItsVolumeIs) {
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

TEST_F(ControllerTest, APodWhoseClaimWaitsForItIsNotMoved) {
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

TEST_F(ControllerTest, WhileStorageCannotBeListedOnlyPodsWithVolumesAreUndecidable) {
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

TEST_F(ControllerTest, WithoutTheLeaseNothingIsDone) {
  api_.lease_holder = "other";
  Start([](ControllerOptions& options) {
    options.leader_election = kube::LeaderElectionOptions{.ns = "n", .name = "l", .identity = "me"};
  });
  api_.AddPod("p", "8");
  runtime_.RunFor(1min);
  EXPECT_THAT(api_.binds, IsEmpty());
  EXPECT_THAT(api_.events, IsEmpty());
  EXPECT_TRUE(controller_->Ready()) << "a standby is ready";
  EXPECT_FALSE(controller_->is_leading());
  api_.lease_holder.clear();
  runtime_.RunFor(1min);
  EXPECT_THAT(BoundPods(), ElementsAre("default/p>v"));
}

TEST_F(ControllerTest, NothingPendingNoRounds) {
  Start();
  runtime_.RunFor(1s);
  for (int i = 0; i < 10; ++i) {
    api_.AddPod("bound", "1", {{"spec", {{"nodeName", "a"}}}});
    runtime_.RunFor(1s);
    api_.Remove("pods", "bound");
  }
  EXPECT_EQ(metrics_.Value(metrics::Id::kDecisionDuration), 0);
}

TEST_F(ControllerTest, DyingAtAnyMomentLeavesNothingBehind) {
  for (int turn = 0; turn < 40; ++turn) {
    Start();
    api_.on_bind = [](const ScriptedApi::Bound&) { return std::nullopt; };
    api_.AddPod("p" + std::to_string(turn), "8");
    runtime_.RunFor(turn * 83ms);
    controller_.reset();  // as a kill would
    runtime_.RunFor(1min);
    EXPECT_EQ(flows_.size(), 0u);
  }
}

TEST_F(ControllerTest, ShutdownFinishesWhatIsInFlightAndGivesTheLeaseBack) {
  api_.on_bind = [](const ScriptedApi::Bound&) { return std::nullopt; };
  Start([](ControllerOptions& options) {
    options.leader_election = kube::LeaderElectionOptions{.ns = "n", .name = "l", .identity = "me"};
  });
  api_.AddPod("p", "8");
  ASSERT_TRUE(runtime_.RunUntil([this] { return api_.binds.size() == 1; }, 10s));
  const int lease_writes = api_.lease_writes;
  flows_.Spawn(controller_->Shutdown(20s));
  runtime_.RunFor(500ms);
  EXPECT_FALSE(controller_->Ready());
  EXPECT_EQ(flows_.size(), 1u) << "the bind is not answered yet";
  api_.AddPod("late", "8");
  api_.AnswerOpenBinds(201);
  runtime_.RunFor(5s);
  EXPECT_EQ(flows_.size(), 0u);
  EXPECT_THAT(Reasons(), ElementsAre("default/p OverflowScheduled"));
  EXPECT_GT(api_.lease_writes, lease_writes);
  EXPECT_THAT(BoundPods(), ElementsAre("default/p>v"));
}

TEST_F(ControllerTest, ShutdownWaitsNoLongerThanItsGrace) {
  api_.on_bind = [](const ScriptedApi::Bound&) { return std::nullopt; };
  Start();
  api_.AddPod("p", "8");
  ASSERT_TRUE(runtime_.RunUntil([this] { return api_.binds.size() == 1; }, 10s));
  flows_.Spawn(controller_->Shutdown(5s));
  runtime_.RunFor(6s);
  EXPECT_EQ(flows_.size(), 0u);
}

TEST_F(ControllerTest, GaugesComeFromStateAtTheScrape) {
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

TEST_F(ControllerTest, StartsWhileTheApiServerIsAway) {
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

}  // namespace
}  // namespace spillway::controller
