#include "controller/policy/gates.h"

#include <gtest/gtest.h>

namespace spillway::controller {
namespace {

kube::Pod Gated(std::vector<std::string> gates = {std::string(kLocalReplicasGate)}) {
  kube::Pod pod;
  pod.has_scheduling_gates = !gates.empty();
  pod.scheduling_gates = std::move(gates);
  return pod;
}

GateFacts Deciding(std::int64_t local) {
  GateFacts facts{.age = 1s, .deadline = 30s, .decides = true, .may_overflow = true};
  facts.standing = ReplicaStanding{.keep = 1, .local = local};
  return facts;
}

TEST(Gates, AreKnownByName) {
  EXPECT_EQ(GateOf(Gated()), 0U);
  EXPECT_EQ(GateOf(Gated({"quota", std::string(kLocalReplicasGate)})), 1U);
  EXPECT_FALSE(GateOf(Gated({"quota"})));
  EXPECT_FALSE(GateOf(Gated({})));
  EXPECT_TRUE(WaitsForGateOnly(Gated()));
  EXPECT_FALSE(WaitsForGateOnly(Gated({"quota", std::string(kLocalReplicasGate)})));
}

TEST(Gates, LocalReplicasAreLetGoPlainlyAndTheOthersToVirtualNodes) {
  EXPECT_EQ(WhatOfGate(Gated(), Deciding(0)), GateRelease::kPlainly);
  EXPECT_EQ(WhatOfGate(Gated(), Deciding(1)), GateRelease::kToVirtualNodes);
}

TEST(Gates, WhoMayNotOverflowOrAsksForNothingIsLetGoPlainly) {
  GateFacts facts = Deciding(1);
  facts.may_overflow = false;
  EXPECT_EQ(WhatOfGate(Gated(), facts), GateRelease::kPlainly);
  facts = Deciding(1);
  facts.standing.reset();
  EXPECT_EQ(WhatOfGate(Gated(), facts), GateRelease::kPlainly);
}

TEST(Gates, NobodyIsHeldWhileNothingIsMoved) {
  for (const Mode mode : {Mode::kDryRun, Mode::kOff}) {
    GateFacts facts = Deciding(1);
    facts.mode = mode;
    EXPECT_EQ(WhatOfGate(Gated(), facts), GateRelease::kPlainly);
  }
}

TEST(Gates, WhoDoesNotDecideLiftsThemAtTheDeadlineOnly) {
  GateFacts facts = Deciding(1);
  facts.decides = false;
  EXPECT_EQ(WhatOfGate(Gated(), facts), GateRelease::kNotYet);
  facts.age = 30s;
  EXPECT_EQ(WhatOfGate(Gated(), facts), GateRelease::kPlainly);
}

TEST(Gates, TheGatesOfOthersAreWaitedFor) {
  const kube::Pod pod = Gated({"quota", std::string(kLocalReplicasGate)});
  GateFacts facts = Deciding(1);
  EXPECT_EQ(WhatOfGate(pod, facts), GateRelease::kNotYet);
  facts.age = 31s;
  EXPECT_EQ(WhatOfGate(pod, facts), GateRelease::kPlainly);
}

}  // namespace
}  // namespace spillway::controller
