#include "controller/decide.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "controller/controller.h"
#include "scheduler_sim/testing/scenario.h"

namespace spillway::controller {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A cluster as text, and rounds of decisions on a clock that the test moves.
class Rig {
 public:
  explicit Rig(std::string_view text)
      : policy(ControllerOptions().policy), scenario_(text, {.virtual_nodes = ControllerOptions().virtual_nodes}) {
    for (const kube::Pod& pod : scenario_.pods) {
      if (pod.is_bound() || pod.is_terminal()) continue;
      pending[pod.metadata.uid].object = pod;
      if (pending[pod.metadata.uid].object.scheduler_name.empty()) {
        pending[pod.metadata.uid].object.scheduler_name = "default-scheduler";
      }
    }
  }

  Rig& Round() {
    plan = Decide(scenario_.cluster, pending, Simulate(scenario_.cluster, pending, policy), policy, now);
    for (const Decision& decision : plan.decisions) {
      pending[decision.uid].verdict = decision.verdict;
      pending[decision.uid].since = decision.since;
    }
    return *this;
  }
  // A first round, and one after `span`.
  Rig& RoundsApart(Duration span) {
    Round();
    now += span;
    return Round();
  }

  const Decision& Of(std::string_view pod) const {
    for (const Decision& decision : plan.decisions) {
      if (decision.uid == pod) return decision;
    }
    throw std::out_of_range(std::string(pod));
  }
  std::vector<std::string> Overflowing() const {
    std::vector<std::string> found;
    for (const Decision& decision : plan.decisions) {
      if (decision.outcome == Outcome::kOverflow) found.push_back(decision.uid + ">" + decision.node);
    }
    return found;
  }

  Policy policy;
  PendingPods pending;
  Instant now{std::chrono::hours(1)};
  Plan plan;

 private:
  sim::testing::Scenario scenario_;
};

TEST(Decide, NothingIsActedOnBeforeTheGraceIsOver) {
  Rig rig(R"(
    node a  cpu=1
    virtual v
    pod  p  cpu=2
  )");
  rig.Round();
  EXPECT_THAT(rig.Overflowing(), IsEmpty());
  EXPECT_EQ(rig.Of("p").outcome, Outcome::kWaiting);
  EXPECT_EQ(rig.Of("p").wait, Wait::kGrace);
  EXPECT_EQ(rig.plan.look_again, rig.now + 2s);
  rig.now += 1999ms;
  EXPECT_THAT(rig.Round().Overflowing(), IsEmpty());
  rig.now += 1ms;
  EXPECT_THAT(rig.Round().Overflowing(), ElementsAre("p>v"));
}

TEST(Decide, TheGraceStartsAnewWhenThePodFitsInBetween) {
  Rig rig(R"(
    node a  cpu=2
    virtual v
    pod  first   cpu=2
    pod  second  cpu=2
  )");
  rig.Round();
  EXPECT_EQ(rig.Of("first").outcome, Outcome::kFits);
  rig.pending["first"].object.metadata.annotations = {{"spillway.io/overflow", "false"}};
  rig.now += 1500ms;
  const PendingPod gone = rig.pending["first"];
  rig.pending.erase("first");  // for a moment there is room for the second
  rig.Round();
  EXPECT_EQ(rig.Of("second").outcome, Outcome::kFits);
  rig.pending["first"] = gone;
  rig.now += 1s;
  rig.Round();
  EXPECT_EQ(rig.Of("second").outcome, Outcome::kWaiting);
  EXPECT_EQ(rig.Of("second").until, rig.now + 2s);
}

TEST(Decide, FreeSlotsAbsorbExactlyAsManyAndTheRestOverflows) {
  Rig rig(R"(
    node a  cpu=4
    virtual v  pods=3000
    pod  p[1..5]  cpu=1500m
  )");
  EXPECT_THAT(rig.RoundsApart(2s).Overflowing(), ElementsAre("p3>v", "p4>v", "p5>v"));
  EXPECT_EQ(rig.Of("p1").outcome, Outcome::kFits);
  EXPECT_EQ(rig.Of("p2").node, "a");
}

TEST(Decide, PodsThatMayNotOverflowUseUpTheFreeSlotsAllTheSame) {
  Rig rig(R"(
    node a  cpu=4
    virtual v
    pod  system    cpu=2 ns=kube-system
    pod  optedout  cpu=2 annotation=spillway.io/overflow=false
    pod  p         cpu=2
  )");
  EXPECT_THAT(rig.RoundsApart(2s).Overflowing(), ElementsAre("p>v"));
  EXPECT_EQ(rig.Of("system").outcome, Outcome::kFits);
  EXPECT_EQ(rig.Of("optedout").outcome, Outcome::kFits);
}

TEST(Decide, PodsThatMayNotOverflowStayAndSayWhy) {
  Rig rig(R"(
    node a  cpu=1
    virtual v
    pod  system    cpu=2 ns=kube-system
    pod  optedout  cpu=2 annotation=spillway.io/overflow=false
    pod  daemon    cpu=2 owner=DaemonSet/d
    pod  picky     cpu=0 select=zone=none
  )");
  EXPECT_THAT(rig.RoundsApart(2s).Overflowing(), IsEmpty());
  EXPECT_EQ(rig.Of("system").held_back->rule, Rule::kNamespaceExcluded);
  EXPECT_EQ(rig.Of("optedout").held_back->rule, Rule::kOptedOut);
  EXPECT_EQ(rig.Of("daemon").held_back->rule, Rule::kDaemonSet);
  EXPECT_EQ(rig.Of("picky").held_back->rule, Rule::kTrigger);
  EXPECT_TRUE(rig.Of("picky").nowhere);
  rig.policy.trigger = Trigger::kAny;
  rig.Round();
  EXPECT_NE(rig.Of("picky").outcome, Outcome::kNotEligible);
}

TEST(Decide, WhatFitsIsLeftAloneHoweverLongKubeSchedulerSaysOtherwise) {
  Rig rig(R"(
    node a  cpu=2
    virtual v
    pod  p  cpu=2 tried
  )");
  ASSERT_TRUE(IsMarkedUnschedulable(rig.pending["p"].object));
  rig.Round();
  for (int hour = 0; hour < 48; ++hour) {
    rig.now += 1h;
    EXPECT_THAT(rig.Round().Overflowing(), IsEmpty());
    EXPECT_EQ(rig.Of("p").outcome, Outcome::kFits);
  }
}

TEST(Decide, PodsOfAnotherSchedulerTakeNoSlots) {
  Rig rig(R"(
    node a  cpu=2
    virtual v
    pod  foreign  cpu=2
    pod  p        cpu=2
  )");
  rig.pending["foreign"].object.scheduler_name = "volcano";
  rig.Round();
  EXPECT_EQ(rig.Of("p").outcome, Outcome::kFits);
  EXPECT_EQ(rig.Of("foreign").held_back->rule, Rule::kOtherScheduler);
  EXPECT_FALSE(rig.Of("foreign").nowhere);
}

TEST(Decide, WherePreemptionMightHelpTheConditionComesFirst) {
  Rig rig(R"(
    node a  cpu=2
    virtual v
    pod  low   cpu=2 on=a prio=0
    pod  high  cpu=2 prio=10
  )");
  rig.RoundsApart(1h);
  EXPECT_EQ(rig.Of("high").outcome, Outcome::kWaiting);
  EXPECT_EQ(rig.Of("high").wait, Wait::kCondition);
  rig.pending["high"].object.pod_scheduled = {.reason = "Unschedulable"};
  EXPECT_THAT(rig.Round().Overflowing(), ElementsAre("high>v"));
}

TEST(Decide, WherePreemptionCannotHelpNobodyWaitsForTheCondition) {
  Rig rig(R"(
    node a  cpu=2
    virtual v
    pod  same  cpu=2 on=a prio=10
    pod  high  cpu=2 prio=10
  )");
  EXPECT_THAT(rig.RoundsApart(2s).Overflowing(), ElementsAre("high>v"));
}

TEST(Decide, NominatedPodsAndSchedulerErrorsAreHandsOff) {
  Rig rig(R"(
    node a  cpu=1
    virtual v
    pod  nominated  cpu=2 nominated=a
    pod  broken     cpu=2
  )");
  rig.pending["broken"].object.pod_scheduled = {.reason = "SchedulerError"};
  EXPECT_THAT(rig.RoundsApart(1h).Overflowing(), IsEmpty());
  EXPECT_EQ(rig.Of("nominated").held_back->rule, Rule::kNominated);
  EXPECT_EQ(rig.Of("broken").held_back->rule, Rule::kSchedulerError);
}

TEST(Decide, TheUndecidableIsLeftAlone) {
  Rig rig(R"(
    node a  cpu=1
    virtual v
    pod  p  cpu=2 label=scheduling.x-k8s.io/pod-group=g
  )");
  EXPECT_THAT(rig.RoundsApart(1h).Overflowing(), IsEmpty());
  EXPECT_EQ(rig.Of("p").outcome, Outcome::kUndecidable);
  EXPECT_THAT(rig.Of("p").detail, HasSubstr("gang"));
}

TEST(Decide, SaysWhyNoVirtualNodeTakesIt) {
  Rig full(R"(
    node a  cpu=1
    virtual v  pods=0
    virtual w  not-ready
    pod  p  cpu=2
  )");
  full.RoundsApart(2s);
  EXPECT_EQ(full.Of("p").outcome, Outcome::kNoVirtualNode);
  EXPECT_THAT(full.Of("p").detail, HasSubstr("0/2 virtual nodes fit"));
  Rig none(R"(
    node a  cpu=1
    pod  p  cpu=2
  )");
  none.RoundsApart(2s);
  EXPECT_EQ(none.Of("p").outcome, Outcome::kNoVirtualNode);
  EXPECT_THAT(none.Of("p").detail, HasSubstr("--virtual-node-selector=type=virtual-kubelet"));
}

TEST(Decide, AFailedBindWaitsForItsTime) {
  Rig rig(R"(
    node a  cpu=1
    virtual v
    pod  p  cpu=2
  )");
  rig.Round();
  rig.pending["p"].bind.retry_at = rig.now + 10s;
  rig.now += 5s;
  rig.Round();
  EXPECT_EQ(rig.Of("p").wait, Wait::kBackoff);
  EXPECT_EQ(rig.plan.look_again, rig.now + 5s);
  rig.now += 5s;
  EXPECT_THAT(rig.Round().Overflowing(), ElementsAre("p>v"));
}

TEST(Decide, ACrowdIsSharedOutEvenly) {
  Rig rig(R"(
    node a  cpu=1
    virtual v1  pods=3000
    virtual v2  pods=3000
    virtual v3  pods=3000
    pod  p[1..10]  cpu=2
  )");
  rig.RoundsApart(2s);
  std::map<std::string, int> counts;
  for (const Decision& decision : rig.plan.decisions) ++counts[decision.node];
  EXPECT_THAT(counts, ElementsAre(std::pair("v1", 4), std::pair("v2", 3), std::pair("v3", 3)));
}

}  // namespace
}  // namespace spillway::controller
