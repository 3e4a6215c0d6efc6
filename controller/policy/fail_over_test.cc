#include "controller/policy/fail_over.h"

#include <gmock/gmock.h>

namespace spillway::controller {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

kube::OwnerReference Owner(const std::string& kind = "ReplicaSet") {
  return {.api_version = "apps/v1", .kind = kind, .name = "web-1", .uid = "rs", .controller = true};
}

RefusedPod Refused() {
  return {.ns = "shop",
          .name = "web",
          .uid = "u",
          .resource_version = "7",
          .node = "v",
          .owner = Owner(),
          .why = "out of stock",
          .was_sent = true,
          .is_refused = true};
}

FailOverFacts Facts() {
  return {.now = Instant{} + 5min, .namespace_allows = true, .node_speaks = true, .has_another_node = true};
}

Policy Patient() {
  Policy policy;
  policy.virtual_grace = 5min;
  return policy;
}

TEST(FailOver, WhoWasRefusedForTheWholeGraceGoes) {
  EXPECT_EQ(WhyNotFailedOver(Refused(), Facts(), Patient()), FailOverWait::kNothing);
  FailOverFacts early = Facts();
  early.now -= 1ms;
  EXPECT_EQ(WhyNotFailedOver(Refused(), early, Patient()), FailOverWait::kGrace);
}

TEST(FailOver, WhatIsNotTrueNowIsNoReason) {
  RefusedPod taken = Refused();
  taken.is_refused = false;
  EXPECT_EQ(WhyNotFailedOver(taken, Facts(), Patient()), FailOverWait::kGrace);
  FailOverFacts silent = Facts();
  silent.node_speaks = false;
  EXPECT_EQ(WhyNotFailedOver(Refused(), silent, Patient()), FailOverWait::kGrace);
}

TEST(FailOver, NobodyGoesWhereItIsNotAllowed) {
  FailOverFacts facts = Facts();
  facts.namespace_allows = false;
  EXPECT_EQ(WhyNotFailedOver(Refused(), facts, Patient()), FailOverWait::kNotIts);
  RefusedPod pod = Refused();
  pod.own_word = "false";
  EXPECT_EQ(WhyNotFailedOver(pod, Facts(), Patient()), FailOverWait::kNotIts);
  pod = Refused();
  pod.owner.reset();
  EXPECT_EQ(WhyNotFailedOver(pod, Facts(), Patient()), FailOverWait::kNotIts) << "nobody makes another";
  pod = Refused();
  pod.was_sent = false;
  EXPECT_EQ(WhyNotFailedOver(pod, Facts(), Patient()), FailOverWait::kNotIts);
  pod = Refused();
  pod.owner = Owner("DaemonSet");
  EXPECT_EQ(WhyNotFailedOver(pod, Facts(), Patient()), FailOverWait::kNotIts);
}

TEST(FailOver, AJobsPodGoesOnlyIfItSaysSoItself) {
  RefusedPod pod = Refused();
  pod.owner = Owner("Job");
  EXPECT_EQ(WhyNotFailedOver(pod, Facts(), Patient()), FailOverWait::kNotIts);
  pod.own_word = "yes";
  EXPECT_EQ(WhyNotFailedOver(pod, Facts(), Patient()), FailOverWait::kNotIts);
  pod.own_word = "true";
  EXPECT_EQ(WhyNotFailedOver(pod, Facts(), Patient()), FailOverWait::kNothing);
}

TEST(FailOver, NobodyGoesWhileItIsSwitchedOff) {
  EXPECT_EQ(WhyNotFailedOver(Refused(), Facts(), Policy()), FailOverWait::kNotIts) << "no grace: off";
  Policy off = Patient();
  off.mode = Mode::kOff;
  EXPECT_EQ(WhyNotFailedOver(Refused(), Facts(), off), FailOverWait::kNotIts);
}

TEST(FailOver, ThereMustBeSomewhereElseAndNotTooManyBefore) {
  FailOverFacts facts = Facts();
  facts.has_another_node = false;
  EXPECT_EQ(WhyNotFailedOver(Refused(), facts, Patient()), FailOverWait::kNoOtherNode);
  facts.evictions = kMostFailOvers;
  EXPECT_EQ(WhyNotFailedOver(Refused(), facts, Patient()), FailOverWait::kTooManyEvicted);
  facts = Facts();
  facts.evictions = kMostFailOvers - 1;
  EXPECT_EQ(WhyNotFailedOver(Refused(), facts, Patient()), FailOverWait::kNothing);
}

TEST(FailOver, OnlyAPodThatNeverStartedIsRefused) {
  kube::Pod pod;
  pod.status_reason = "InstanceCreateFailed";
  EXPECT_TRUE(IsRefused(pod));
  pod.status_reason = "ProviderFailed";
  EXPECT_TRUE(IsRefused(pod)) << "virtual-kubelet's word";
  pod.has_started = true;
  EXPECT_FALSE(IsRefused(pod));
  pod.has_started = false;
  pod.phase = kube::PodPhase::kRunning;
  EXPECT_FALSE(IsRefused(pod));
  pod.phase = kube::PodPhase::kPending;
  pod.status_reason = "ContainerCreating";
  EXPECT_FALSE(IsRefused(pod));
}

const WallTime kNoon = WallTime(std::chrono::hours(12));

TEST(FailOverBook, CountsByOwnerAndKnowsTheNodes) {
  FailOverBook book;
  book.Note({"rs", "v", kNoon});
  book.Note({"rs", "w", kNoon + 1min});
  book.Note({"other", "v", kNoon});
  EXPECT_EQ(book.CountOf("rs"), 2);
  EXPECT_THAT(book.NodesOf("rs"), ElementsAre("v", "w"));
  EXPECT_TRUE(book.Has("rs", "w"));
  EXPECT_FALSE(book.Has("other", "w"));
  book.TakeBack({"rs", "v", kNoon});
  book.TakeBack({"rs", "v", kNoon});
  EXPECT_EQ(book.CountOf("rs"), 1);
  EXPECT_EQ(book.CountOf("nobody"), 0);
}

TEST(FailOverBook, ForgetsAfterAnHour) {
  FailOverBook book;
  book.Note({"rs", "v", kNoon});
  book.Note({"rs", "w", kNoon + 1min});
  book.Forget(kNoon + 59min);
  EXPECT_EQ(book.CountOf("rs"), 2);
  book.Forget(kNoon + 1h);
  EXPECT_THAT(book.NodesOf("rs"), ElementsAre("w"));
  book.Forget(kNoon + 2h);
  EXPECT_TRUE(book.empty());
  EXPECT_EQ(book.CountOf("rs"), 0);
}

TEST(FailOverBook, OutlivesItsProcessAsText) {
  FailOverBook book;
  book.Note({"rs", "v", kNoon});
  book.Note({"rs", "w", kNoon + 1min});
  const FailOverBook read = FailOverBook::FromText(book.ToText());
  EXPECT_EQ(read.ToText(), book.ToText());
  EXPECT_EQ(read.CountOf("rs"), 2);
  EXPECT_TRUE(FailOverBook::FromText("").empty());
  EXPECT_THAT(
      FailOverBook::FromText("rs v\n\n v 1970-01-01T12:00:00Z\nrs v noon\nrs x 1970-01-01T12:00:00Z").NodesOf("rs"),
      ElementsAre("x"));
  EXPECT_THAT(FailOverBook().NodesOf("rs"), IsEmpty());
}

}  // namespace
}  // namespace spillway::controller
