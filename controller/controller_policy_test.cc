#include <gmock/gmock.h>

#include "controller/testing/running_controller.h"

namespace spillway::controller {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

// What a test writes as configuration: a mode, "capped" at two Pods, or "paid" up to 20 an hour; anything else is
// rejected.
Result<Policy> ReadForTest(std::string_view yaml, const Policy& flags, const std::string& set_in) {
  Policy policy = flags;
  policy.mode_set_in = set_in;
  for (const Mode mode : {Mode::kEnforce, Mode::kDryRun, Mode::kOff}) {
    policy.mode = mode;
    if (yaml == ToString(mode)) return policy;
  }
  policy.mode = Mode::kEnforce;
  policy.limits.caps = {{.scope = "", .set_in = "limits.cluster of " + set_in, .pods = 2}};
  if (yaml == "capped") return policy;
  policy.limits.caps = {{.scope = "", .set_in = "limits.cluster of " + set_in, .micro_money_per_hour = 20'000'000}};
  if (yaml == "paid") return policy;
  return Fail(Code::kMalformed, "config.yaml:1: not for a test");
}

class ControllerPolicyTest : public testing::RunningController {
 protected:
  void StartWith(const std::string& yaml) {
    if (!yaml.empty()) Configure(yaml);
    Start([](ControllerOptions& options) { options.configuration = {"kube-system/spillway", ReadForTest}; });
  }
  void Configure(const std::string& yaml) {
    api_.Put("configmaps/spillway",
             {{"metadata", {{"name", "spillway"}, {"namespace", "kube-system"}}}, {"data", {{"config.yaml", yaml}}}});
  }
  void Change(const std::string& node, const nlohmann::json& merge) {
    nlohmann::json object = api_.Get("nodes", node);
    object.merge_patch(merge);
    api_.Put("nodes", std::move(object));
  }
  void SwitchAutoScale(const std::string& value) {
    api_.Put("configmaps/eks-config", {{"metadata", {{"name", "eks-config"}, {"namespace", "kube-system"}}},
                                       {"data", {{"AUTO_SCALE_EKS", value}}}});
  }
  double ModeIs(const char* mode) const { return metrics_.Value(metrics::Id::kMode, {mode}); }
};

TEST_F(ControllerPolicyTest, TheSwitchOfTheClusterTakesHoldWhileItRuns) {
  SwitchAutoScale("false");
  Start();
  api_.AddPod("p", "8");
  api_.AddPod("q", "8", {{"metadata", {{"annotations", {{"AUTO_SCALE_EKS", "true"}}}}}});
  runtime_.RunFor(5s);
  EXPECT_THAT(BoundPods(), ElementsAre("default/q>v")) << "the Pod's own word wins";
  EXPECT_THAT(api_.binds[0].annotations.at("spillway.io/reason"), HasSubstr("real nodes fit"));
  ASSERT_THAT(Reasons(), Contains("default/p OverflowNotEligible"));
  EXPECT_THAT(Explained("p")["spillway"]["why"].get<std::string>(),
              HasSubstr("AUTO_SCALE_EKS=false on ConfigMap kube-system/eks-config keeps it on real nodes"));
  for (const auto& event : api_.events) {
    if (event.reason == "OverflowScheduled") {
      EXPECT_THAT(event.note, HasSubstr("let go by AUTO_SCALE_EKS=true on the Pod"));
    }
  }
  SwitchAutoScale("true");
  runtime_.RunFor(1s);
  EXPECT_THAT(BoundPods(), Contains("default/p>v"));
}

TEST_F(ControllerPolicyTest, ANamespaceSwitchesItsPodsWhileItRuns) {
  Start();
  api_.Put("namespaces", {{"metadata", {{"name", "default"}, {"annotations", {{"spillway.io/overflow", "false"}}}}}});
  api_.AddPod("p", "8");
  runtime_.RunFor(5s);
  EXPECT_THAT(BoundPods(), IsEmpty());
  EXPECT_THAT(Explained("p")["spillway"]["why"].get<std::string>(), HasSubstr("on Namespace default"));
  api_.Put("namespaces", {{"metadata", {{"name", "default"}}}});
  runtime_.RunFor(1s);
  EXPECT_THAT(BoundPods(), ElementsAre("default/p>v"));
}

TEST_F(ControllerPolicyTest, ModeOffAndDryRunTakeHoldWithinASecond) {
  StartWith("Off");
  EXPECT_EQ(ModeIs("Off"), 1);
  api_.AddPod("p", "8");
  runtime_.RunFor(10s);
  EXPECT_THAT(Reasons(), ElementsAre("kube-system/spillway ConfigurationTaken"));
  EXPECT_THAT(Explained("p")["spillway"]["why"].get<std::string>(),
              HasSubstr("nothing is, ConfigMap kube-system/spillway is Off"));
  Configure("DryRun");
  runtime_.RunFor(4s);
  EXPECT_THAT(Reasons(), Contains("default/p WouldOverflow"));
  EXPECT_THAT(api_.binds, IsEmpty());
  Configure("Enforce");
  runtime_.RunFor(1s);
  EXPECT_THAT(BoundPods(), ElementsAre("default/p>v"));
  Configure("Off");
  runtime_.RunFor(1s);
  api_.AddPod("q", "8");
  runtime_.RunFor(10s);
  EXPECT_THAT(api_.binds, SizeIs(1));
}

TEST_F(ControllerPolicyTest, SwitchedOffWhileATimeIsDueItStandsStillAndGoesOnLater) {
  StartWith("Enforce");
  api_.AddPod("p", "8");
  runtime_.RunFor(1s);  // --pending-grace is under way
  Configure("Off");
  runtime_.RunFor(20s);
  EXPECT_THAT(api_.binds, IsEmpty());
  EXPECT_LT(runtime_.turns(), 5000U) << "nothing runs meanwhile";
  Configure("Enforce");
  runtime_.RunFor(3s);
  EXPECT_THAT(BoundPods(), ElementsAre("default/p>v"));
}

TEST_F(ControllerPolicyTest, EachConfigurationAndEachMistakeIsToldInItsOwnWords) {
  StartWith("Enforce");
  for (const char* yaml : {"DryRun", "nonsense", "Off"}) {
    Configure(yaml);
    runtime_.RunFor(10s);
  }
  std::vector<std::string> told;
  for (const auto& event : api_.events) told.push_back(event.note);
  EXPECT_THAT(told, ElementsAre(HasSubstr("mode Enforce"), HasSubstr("mode DryRun"), HasSubstr("not for a test"),
                                HasSubstr("mode Off")));
}

TEST_F(ControllerPolicyTest, WhatCannotBeReadLeavesTheLastGoodInEffect) {
  StartWith("capped");
  Configure("nonsense");
  for (const char* name : {"a", "b", "c"}) api_.AddPod(name, "8");
  runtime_.RunFor(5s);
  EXPECT_THAT(api_.binds, SizeIs(2)) << "the cap holds";
  EXPECT_EQ(metrics_.Value(metrics::Id::kConfigurationRejected, {}), 1);
  ASSERT_THAT(Reasons(), Contains("kube-system/spillway ConfigurationRejected"));
  for (const auto& event : api_.events) {
    if (event.reason == "ConfigurationRejected") {
      EXPECT_THAT(event.note, AllOf(HasSubstr("config.yaml:1: not for a test"), HasSubstr("stays in effect")));
    }
  }
  metrics::Health health;
  controller_->AddChecks(health);
  net::ServerRequest request;
  request.method = "GET";
  request.path = "/readyz";
  request.query = "verbose";
  EXPECT_THAT(health.Answer(request).body, HasSubstr("[+]configuration ok: rejected: config.yaml:1"));
  EXPECT_EQ(api_.config_maps["spillway-last-good"]["data"]["config.yaml"], "capped");
  const nlohmann::json owner = api_.config_maps["spillway-last-good"]["metadata"]["ownerReferences"][0];
  EXPECT_EQ(owner["kind"], "ConfigMap");
  EXPECT_EQ(owner["name"], "spillway");
  EXPECT_EQ(owner["uid"], api_.Get("configmaps/spillway", "spillway")["metadata"]["uid"]) << "it goes with it";
}

TEST_F(ControllerPolicyTest, ARestartFindsTheLastGoodOne) {
  api_.config_maps["spillway-last-good"]["data"]["config.yaml"] = "capped";
  StartWith("nonsense");
  for (const char* name : {"a", "b", "c"}) api_.AddPod(name, "8");
  runtime_.RunFor(5s);
  EXPECT_EQ(ModeIs("Enforce"), 1);
  EXPECT_THAT(api_.binds, SizeIs(2));
}

TEST_F(ControllerPolicyTest, WithoutALastGoodOneEverythingIsADryRun) {
  StartWith("nonsense");
  api_.AddPod("p", "8");
  runtime_.RunFor(5s);
  EXPECT_EQ(ModeIs("DryRun"), 1);
  EXPECT_THAT(api_.binds, IsEmpty());
  EXPECT_THAT(Reasons(), Contains("default/p WouldOverflow"));
  api_.Remove("configmaps/spillway", "spillway");
  runtime_.RunFor(2s);
  EXPECT_THAT(BoundPods(), ElementsAre("default/p>v")) << "who deletes it means the flags";
}

TEST_F(ControllerPolicyTest, AtTheCapPodsWaitUntilOneOfThoseBeforeThemHasEnded) {
  StartWith("capped");
  for (const char* name : {"a", "b", "c", "d"}) api_.AddPod(name, "8");
  runtime_.RunFor(10s);
  EXPECT_THAT(BoundPods(), ElementsAre("default/a>v", "default/b>v"));
  ASSERT_THAT(Reasons(), Contains("default/c OverflowAtLimit"));
  EXPECT_THAT(
      Explained("c")["spillway"]["why"].get<std::string>(),
      HasSubstr("limits.cluster of ConfigMap kube-system/spillway of all namespaces: 2 of at most 2 Pods in use"));
  api_.Remove("pods", "a");
  runtime_.RunFor(1s);
  EXPECT_THAT(BoundPods(), ElementsAre("default/a>v", "default/b>v", "default/c>v"));
}

TEST_F(ControllerPolicyTest, WhereMoneyIsCappedANodeThatIsTooDearOrHasNoPriceIsLeftOut) {
  api_.AddVirtualNode("dear");
  api_.AddVirtualNode("cheap");
  const auto costs = [this](const char* node, const char* price) {
    Change(node, {{"metadata", {{"annotations", {{"spillway.io/price-per-cpu-hour", price}}}}}});
  };
  costs("dear", "3");
  costs("cheap", "1");
  StartWith("paid");
  for (const char* name : {"a", "b", "c"}) api_.AddPod(name, "8");
  runtime_.RunFor(5s);
  EXPECT_THAT(BoundPods(), ElementsAre("default/a>cheap", "default/b>cheap")) << "v has no price";
  EXPECT_THAT(Explained("c")["spillway"]["why"].get<std::string>(), HasSubstr("16 of at most 20 money per hour"));
  costs("dear", "0.5");
  runtime_.RunFor(5s);
  EXPECT_THAT(BoundPods(), Contains("default/c>dear")) << "it costs 4, which is left";
  for (const auto& event : api_.events) {
    if (event.reason != "OverflowScheduled") continue;
    EXPECT_THAT(event.note, HasSubstr("left out by a cap on money"));
  }
}

TEST_F(ControllerPolicyTest, ANodeThatIsWithinTheCapAndComesBackTakesWhoWaits) {
  StartWith("paid");
  api_.AddVirtualNode("cheap");
  Change("cheap", {{"metadata", {{"annotations", {{"spillway.io/price-per-cpu-hour", "1"}}}}},
                   {"spec", {{"unschedulable", true}}}});
  for (const char* name : {"a", "b"}) api_.AddPod(name, "8");
  runtime_.RunFor(5s);
  EXPECT_THAT(api_.binds, IsEmpty());
  ASSERT_THAT(Reasons(), Contains("default/a OverflowAtLimit"));
  Change("cheap", {{"spec", {{"unschedulable", false}}}});
  runtime_.RunFor(5s);
  EXPECT_THAT(BoundPods(), UnorderedElementsAre("default/a>cheap", "default/b>cheap")) << Explained("a");
}

TEST_F(ControllerPolicyTest, ACapHoldsWhileBindsAreInFlight) {
  api_.on_bind = [](const testing::ScriptedApi::Bound&) { return std::nullopt; };
  StartWith("capped");
  for (const char* name : {"a", "b", "c", "d"}) api_.AddPod(name, "8");
  runtime_.RunFor(5s);
  EXPECT_THAT(api_.binds, SizeIs(2));
}

TEST_F(ControllerPolicyTest, APodThatCannotBeReadAnyMoreStillCountsForCaps) {
  StartWith("capped");
  for (const char* name : {"a", "b"}) api_.AddPod(name, "8");
  runtime_.RunFor(5s);
  ASSERT_THAT(api_.binds, SizeIs(2));
  api_.ShowBound("a", "v");
  api_.ShowBound("b", "v");
  runtime_.RunFor(1s);
  api_.AddPod("a", "as much as there is", {{"metadata", {{"uid", "uid-a"}}}, {"spec", {{"nodeName", "v"}}}});
  api_.AddPod("c", "8");
  runtime_.RunFor(20s);
  EXPECT_THAT(api_.binds, SizeIs(2));
}

TEST_F(ControllerPolicyTest, WhoWantsToBeBesideAPodThatIsBeingBoundKeepsItsTurn) {
  Change("v", {{"metadata", {{"labels", {{"kubernetes.io/hostname", "v"}}}}},
               {"status", {{"allocatable", {{"cpu", "20"}}}}}});
  Start();
  const nlohmann::json beside = {{"labelSelector", {{"matchLabels", {{"app", "b"}}}}},
                                 {"topologyKey", "kubernetes.io/hostname"}};
  const nlohmann::json required = {{"requiredDuringSchedulingIgnoredDuringExecution", {beside}}};
  api_.AddPod("p0", "8", {{"metadata", {{"labels", {{"app", "b"}}}}}});
  api_.AddPod("p1", "8", {{"spec", {{"affinity", {{"podAffinity", required}}}}}});
  api_.AddPod("p2", "8");
  runtime_.RunFor(10s);
  EXPECT_THAT(BoundPods(), ElementsAre("default/p0>v", "default/p1>v"));
}

TEST_F(ControllerPolicyTest, TheNodeAutoscalerGetsItsTimeUnlessItGivesUp) {
  Start([](ControllerOptions& options) {
    options.policy.node_autoscaler = NodeAutoscaler::kDefer;
    options.policy.node_autoscaler_deadline = 60s;
  });
  api_.AddPod("p", "8");
  api_.AddPod("q", "8");
  runtime_.RunFor(30s);
  EXPECT_THAT(api_.binds, IsEmpty());
  EXPECT_THAT(Explained("p")["spillway"]["why"].get<std::string>(), HasSubstr("--node-autoscaler=defer"));
  api_.Put("events", {{"metadata", {{"name", "e"}, {"namespace", "default"}}},
                      {"reason", "NotTriggerScaleUp"},
                      {"involvedObject", {{"kind", "Pod"}, {"uid", "uid-q"}}}});
  runtime_.RunFor(1s);
  EXPECT_THAT(BoundPods(), ElementsAre("default/q>v")) << "no node would help it";
  runtime_.RunFor(31s);
  EXPECT_THAT(BoundPods(), ElementsAre("default/q>v", "default/p>v"));
}

TEST_F(ControllerPolicyTest, ARestrictionNamesTheFieldAndTheValue) {
  Start([](ControllerOptions& options) { options.policy.restrictions = *RestrictionsOf("tke"); });
  const nlohmann::json ports = {{{"containerPort", 61000}}};
  api_.AddPod(
      "p", "8",
      {{"spec", {{"containers", {{{"name", "c"}, {"ports", ports}, {"resources", {{"requests", {{"cpu", "8"}}}}}}}}}}});
  runtime_.RunFor(5s);
  EXPECT_THAT(api_.binds, IsEmpty());
  ASSERT_THAT(Reasons(), ElementsAre("default/p OverflowNotEligible"));
  EXPECT_THAT(api_.events[0].note, HasSubstr("spec.containers[0].ports[0].containerPort is 61000"));
}

nlohmann::json OfGroup(const char* size) {
  return {{"metadata", {{"annotations", {{"spillway.io/group", "train"}, {"spillway.io/group-size", size}}}}}};
}

TEST_F(ControllerPolicyTest, AGroupOverflowsAllTogether) {
  Start();
  api_.AddPod("p1", "8", OfGroup("3"));
  api_.AddPod("p2", "8", OfGroup("3"));
  runtime_.RunFor(10s);
  EXPECT_THAT(api_.binds, IsEmpty());
  EXPECT_THAT(Explained("p1")["spillway"]["why"].get<std::string>(),
              HasSubstr("2 of 3 Pods of group default/train are there"));
  ASSERT_THAT(Reasons(), Contains("default/p1 OverflowWaiting"));
  EXPECT_THAT(api_.events[0].note, HasSubstr("2 of 3 Pods of group default/train are there")) << "as kubectl shows it";
  api_.AddPod("p3", "8", OfGroup("3"));
  runtime_.RunFor(10s);
  EXPECT_THAT(BoundPods(), UnorderedElementsAre("default/p1>v", "default/p2>v", "default/p3>v"));
}

TEST_F(ControllerPolicyTest, AGroupWithAMemberOnARealNodeStays) {
  Start();
  api_.AddPod("p1", "1", OfGroup("2"));
  api_.ShowBound("p1", "a");
  api_.AddPod("p2", "8", OfGroup("2"));
  runtime_.RunFor(20s);
  EXPECT_THAT(api_.binds, IsEmpty());
  EXPECT_THAT(Explained("p2")["spillway"]["why"].get<std::string>(), HasSubstr("run on real nodes"));
}

TEST_F(ControllerPolicyTest, AGroupThatACapHasNoRoomForWaitsAsAWhole) {
  StartWith("capped");
  for (const char* name : {"p1", "p2", "p3"}) api_.AddPod(name, "8", OfGroup("3"));
  runtime_.RunFor(20s);
  EXPECT_THAT(api_.binds, IsEmpty());
  EXPECT_THAT(Explained("p1")["spillway"]["why"].get<std::string>(), HasSubstr("2 of at most 2 Pods in use"));
  for (const auto& event : api_.events) {
    if (event.reason != "OverflowWaiting") continue;
    EXPECT_THAT(event.note, HasSubstr("2 of at most 2 Pods in use"));
  }
  EXPECT_THAT(Reasons(), Contains("default/p1 OverflowWaiting"));
  api_.Remove("configmaps/spillway", "spillway");
  runtime_.RunFor(10s);
  EXPECT_THAT(api_.binds, SizeIs(3));
}

nlohmann::json OfWorkload(const char* keep) {
  return {{"metadata",
           {{"annotations", {{"LOCAL_REPLICAS", keep}}},
            {"ownerReferences",
             {{{"apiVersion", "apps/v1"},
               {"kind", "ReplicaSet"},
               {"name", "web-1"},
               {"uid", "rs"},
               {"controller", true}}}}}}};
}

TEST_F(ControllerPolicyTest, AllButTheLocalReplicasGoThoughThereIsRoom) {
  Start();
  for (const char* name : {"p1", "p2", "p3", "p4"}) api_.AddPod(name, "1", OfWorkload("1"));
  runtime_.RunFor(1s);
  EXPECT_THAT(BoundPods(), UnorderedElementsAre("default/p2>v", "default/p3>v", "default/p4>v"));
  EXPECT_THAT(api_.binds[0].annotations.at("spillway.io/reason"),
              HasSubstr("LOCAL_REPLICAS=1 on the Pod: of ReplicaSet default/web-1, 0 on real nodes and 1 that wait"));
  EXPECT_THAT(Explained("p1")["spillway"]["why"].get<std::string>(),
              AllOf(HasSubstr("real node a takes it"), HasSubstr("0 that wait before it are not enough")));
  EXPECT_EQ(metrics_.Value(metrics::Id::kDecisions, {"overflow", "beyond_local_replicas"}), 3);
  runtime_.RunFor(1min);
  EXPECT_THAT(api_.binds, SizeIs(3)) << "the first is kube-scheduler's to place";
}

TEST_F(ControllerPolicyTest, OnceEnoughAreLocalThoseThatWaitedForAPlaceGo) {
  Start();
  api_.AddPod("p1", "1", OfWorkload("1"));
  api_.AddPod("p2", "1", OfWorkload("1"));
  runtime_.RunFor(1s);
  EXPECT_THAT(BoundPods(), ElementsAre("default/p2>v"));
  api_.AddPod("p3", "1", OfWorkload("1"));
  api_.ShowBound("p3", "a");  // kube-scheduler was faster
  runtime_.RunFor(1s);
  EXPECT_THAT(BoundPods(), ElementsAre("default/p2>v", "default/p1>v"));
}

TEST_F(ControllerPolicyTest, TheSwitchDecidesWhetherAnyOfThemOverflow) {
  SwitchAutoScale("false");
  Start();
  for (const char* name : {"p1", "p2"}) api_.AddPod(name, "1", OfWorkload("1"));
  runtime_.RunFor(1min);
  EXPECT_THAT(api_.binds, IsEmpty());
  SwitchAutoScale("true");
  runtime_.RunFor(1s);
  EXPECT_THAT(BoundPods(), ElementsAre("default/p2>v"));
}

TEST_F(ControllerPolicyTest, LocalReplicasOverflowAsAnyOtherPodWhenTheyFitNowhere) {
  Start();
  for (const char* name : {"p1", "p2"}) api_.AddPod(name, "8", OfWorkload("1"));
  runtime_.RunFor(1s);
  EXPECT_THAT(BoundPods(), ElementsAre("default/p2>v")) << "no grace for who is beyond";
  runtime_.RunFor(2s);
  EXPECT_THAT(BoundPods(), ElementsAre("default/p2>v", "default/p1>v"));
}

TEST_F(ControllerPolicyTest, WhatIsWrongWithLocalReplicasIsToldOnceAWorkload) {
  Start();
  for (const char* name : {"p1", "p2"}) api_.AddPod(name, "1", OfWorkload("-1"));
  runtime_.RunFor(1min);
  EXPECT_THAT(api_.binds, IsEmpty());
  ASSERT_THAT(Reasons(), SizeIs(1));
  EXPECT_EQ(api_.events[0].reason, "LocalReplicasAdjusted");
  EXPECT_THAT(api_.events[0].note,
              HasSubstr("LOCAL_REPLICAS=-1 is no whole number of at least 0: treated as if it was"));
}

TEST_F(ControllerPolicyTest, MoreLocalReplicasThanThereArePodsIsTold) {
  Start();
  api_.AddPod("p1", "8", OfWorkload("3"));
  runtime_.RunFor(1s);
  EXPECT_THAT(Reasons(), IsEmpty()) << "more may be on their way";
  SwitchAutoScale("false");
  runtime_.RunFor(6s);
  SwitchAutoScale("true");
  runtime_.RunFor(1s);
  ASSERT_THAT(Reasons(), Contains("default/p1 LocalReplicasAdjusted"));
  for (const auto& event : api_.events) {
    if (event.reason != "LocalReplicasAdjusted") continue;
    EXPECT_THAT(event.note, HasSubstr("3 are to stay local and there are 1"));
  }
}

}  // namespace
}  // namespace spillway::controller
