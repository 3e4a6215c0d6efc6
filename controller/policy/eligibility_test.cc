#include "controller/policy/eligibility.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

namespace spillway::controller {
namespace {

kube::Pod Plain() {
  kube::Pod pod;
  pod.metadata.ns = "default";
  pod.metadata.name = "p";
  pod.metadata.uid = "u";
  pod.scheduler_name = "default-scheduler";
  return pod;
}

struct Case {
  const char* what;
  std::function<void(kube::Pod&)> change;
  Rule rule;
};

TEST(Eligibility, APlainPodIsScheduledAndEligible) {
  EXPECT_FALSE(WhyNotScheduled(Plain(), Policy()));
  EXPECT_FALSE(WhyNotEligible(Plain(), Policy(), Surroundings()));
}

TEST(Eligibility, WhatKubeSchedulerDoesNotPlaceTakesNoPart) {
  const Case cases[] = {
      {"gates", [](kube::Pod& p) { p.has_scheduling_gates = true; }, Rule::kSchedulingGated},
      {"deleted", [](kube::Pod& p) { p.metadata.deletion_timestamp = WallTime(); }, Rule::kTerminating},
      {"scheduler", [](kube::Pod& p) { p.scheduler_name = "volcano"; }, Rule::kOtherScheduler},
  };
  for (const Case& each : cases) {
    kube::Pod pod = Plain();
    each.change(pod);
    const auto held = WhyNotScheduled(pod, Policy());
    ASSERT_TRUE(held) << each.what;
    EXPECT_EQ(held->rule, each.rule) << each.what;
  }
}

TEST(Eligibility, WhatTakesPartButMayNotOverflow) {
  const Case cases[] = {
      {"error", [](kube::Pod& p) { p.pod_scheduled = {.reason = "SchedulerError"}; }, Rule::kSchedulerError},
      {"daemon set", [](kube::Pod& p) { p.metadata.owner_references = {{"apps/v1", "DaemonSet", "d", "1", true}}; },
       Rule::kDaemonSet},
      {"mirror", [](kube::Pod& p) { p.metadata.annotations = {{"kubernetes.io/config.mirror", "x"}}; },
       Rule::kMirrorPod},
      {"namespace", [](kube::Pod& p) { p.metadata.ns = "kube-system"; }, Rule::kNamespaceExcluded},
      {"a cloud's name for it", [](kube::Pod& p) { p.metadata.annotations = {{"AUTO_SCALE_EKS", "false"}}; },
       Rule::kSwitchedOff},
      {"opt-out", [](kube::Pod& p) { p.metadata.annotations = {{"spillway.io/overflow", "false"}}; }, Rule::kOptedOut},
  };
  for (const Case& each : cases) {
    kube::Pod pod = Plain();
    each.change(pod);
    EXPECT_FALSE(WhyNotScheduled(pod, Policy())) << each.what;
    const auto held = WhyNotEligible(pod, Policy(), Surroundings());
    ASSERT_TRUE(held) << each.what;
    EXPECT_EQ(held->rule, each.rule) << each.what;
    EXPECT_FALSE(held->text.empty()) << each.what;
  }
}

TEST(Eligibility, OnlyTheWordFalseOptsOut) {
  for (const char* value : {"true", "", "False", "no"}) {
    kube::Pod pod = Plain();
    pod.metadata.annotations = {{"spillway.io/overflow", value}};
    EXPECT_FALSE(WhyNotEligible(pod, Policy(), Surroundings())) << value;
  }
}

TEST(Eligibility, APodWithoutSchedulerNameIsTheDefaultSchedulers) {
  kube::Pod pod = Plain();
  pod.scheduler_name.clear();
  EXPECT_FALSE(WhyNotScheduled(pod, Policy()));
}

TEST(Eligibility, TheTriggerAsksForAShortageOfResources) {
  sim::Explanation nowhere;
  nowhere.nodes = 2;
  nowhere.reasons = {{"node(s) had untolerated taint(s)", 2}};
  ASSERT_TRUE(WhyNotTriggered(nowhere, Policy()));
  EXPECT_EQ(WhyNotTriggered(nowhere, Policy())->rule, Rule::kTrigger);
  Policy any;
  any.trigger = Trigger::kAny;
  EXPECT_FALSE(WhyNotTriggered(nowhere, any));
  nowhere.short_of_resources = true;
  EXPECT_FALSE(WhyNotTriggered(nowhere, Policy()));
}

TEST(Eligibility, CapacityThatIsGoneIsCapacityThatLacks) {
  sim::Explanation nowhere;
  nowhere.nodes = 2;
  nowhere.reasons = {{"node(s) had untolerated taint(s)", 2}};
  nowhere.lost = {{"not ready", 1}};
  EXPECT_FALSE(WhyNotTriggered(nowhere, Policy()));
}

}  // namespace
}  // namespace spillway::controller
