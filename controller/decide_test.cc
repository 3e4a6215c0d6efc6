#include "controller/decide.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "controller/controller.h"
#include "controller/plan.h"
#include "metrics/names.h"
#include "scheduler_sim/testing/scenario.h"

namespace spillway::controller {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

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
    for (auto& [uid, pod] : pending) pod.index = *scenario_.cluster.FindPod(uid);
    plan = MakePlan(scenario_.cluster, pending, policy, around, returns, now);
    for (const Plan::Entry& entry : plan.entries) pending[entry.uid].decision = entry.decision;
    return *this;
  }
  // A first round, and one after `span`.
  Rig& RoundsApart(Duration span) {
    Round();
    now += span;
    return Round();
  }

  const Decision& Of(std::string_view pod) const {
    for (const Plan::Entry& entry : plan.entries) {
      if (entry.uid == pod) return entry.decision;
    }
    throw std::out_of_range(std::string(pod));
  }
  std::vector<std::string> Overflowing() const {
    std::vector<std::string> found;
    for (const Plan::Entry& entry : plan.entries) {
      if (entry.decision.outcome == Outcome::kOverflow) found.push_back(entry.uid + ">" + entry.decision.node);
    }
    return found;
  }

  // Of the only Pod.
  Decision Decide(const Evidence& evidence) const {
    return controller::Decide(scenario_.cluster, pending.begin()->second, evidence, policy, around, now);
  }
  // What caps make of its going to v.
  Decision KeptWithinLimits(const OverflowLedger& ledger) const {
    const PendingPod& pod = pending.begin()->second;
    Decision decision = *pod.decision;
    TakePlace({.node = "v", .why = {}, .limit = WhyAtLimit(scenario_.cluster, pod, "v", policy, ledger)}, decision);
    return decision;
  }

  Policy policy;
  PendingPods pending;
  Surroundings around;
  NodeReturns returns;
  Instant now{std::chrono::hours(1)};
  Plan plan;

 private:
  sim::testing::Scenario scenario_;
};

TEST(Decide, EveryRuleIsAKnownMetricLabel) {
  std::set<std::string> known;
  for (const auto& values : metrics::Describe(metrics::Id::kDecisions).known) {
    if (values[0] == "not_eligible") known.insert(values[1]);
  }
  std::set<std::string> rules;
  for (int rule = 0; rule <= static_cast<int>(Rule::kTrigger); ++rule) {
    rules.emplace(ToString(static_cast<Rule>(rule)));
  }
  EXPECT_EQ(rules, known);
}

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
  EXPECT_EQ(rig.Of("p").until, rig.now + 2s);
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

// Of the same ReplicaSet, with one local replica.
void MakeReplicas(Rig& rig) {
  for (auto& [uid, pod] : rig.pending) {
    pod.object.metadata.annotations = {{"LOCAL_REPLICAS", "1"}};
    pod.object.metadata.owner_references = {{.kind = "ReplicaSet", .name = "web-1", .uid = "rs", .controller = true}};
    rig.around.Wait(pod.object, true);
  }
}

TEST(Decide, WhoIsBeyondItsLocalReplicasGoesAtOnceAndLeavesRoomToTheOthers) {
  Rig rig(R"(
    node a  cpu=4
    virtual v  pods=3000
    pod  p[1..3]  cpu=4
  )");
  MakeReplicas(rig);
  EXPECT_THAT(rig.Round().Overflowing(), ElementsAre("p2>v", "p3>v"));
  EXPECT_EQ(rig.Of("p1").outcome, Outcome::kFits);
  EXPECT_TRUE(rig.Of("p2").is_beyond_local);
  EXPECT_THAT(WhyNotLocal(rig.Of("p2")), HasSubstr("real nodes are kept for others of its workload"));
}

TEST(Decide, WhoIsBeyondItsLocalReplicasStaysWhereItsProviderRefusesIt) {
  Rig rig(R"(
    node a  cpu=4
    virtual v  pods=3000
    pod  p[1..2]  cpu=1
  )");
  MakeReplicas(rig);
  rig.policy.restrictions.set_in = "--restrictions=FILE";
  rig.policy.restrictions.namespaces = {"default"};
  EXPECT_THAT(rig.Round().Overflowing(), IsEmpty());
  EXPECT_EQ(rig.Of("p2").outcome, Outcome::kFits);
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

TEST(Decide, CapacityThatIsGoneIsCapacityThatLacks) {
  Rig rig(R"(
    node a  taint=node.kubernetes.io/unreachable:NoSchedule
    node b  taint=node.kubernetes.io/unreachable:NoSchedule
    node c  cordoned
    virtual v
    pod  p  cpu=1
  )");
  EXPECT_THAT(rig.RoundsApart(2s).Overflowing(), ElementsAre("p>v"));
  EXPECT_EQ(RealNodesText(*rig.Of("p").nowhere),
            "0/3 real nodes fit (1 node(s) were unschedulable, 2 node(s) had untolerated taint(s)), 3 lost: 2 "
            "unreachable, 1 cordoned");
  Rig none("virtual v\npod p cpu=1");
  EXPECT_THAT(none.RoundsApart(2s).Overflowing(), ElementsAre("p>v"));
}

constexpr const char* kOneNodeOut = R"(
    node a  cpu=4 taint=node.kubernetes.io/not-ready:NoSchedule
    node b  cpu=1
    virtual v  pods=3000
    pod  p[1..3]  cpu=2
  )";

TEST(Decide, AsManyPodsAsAReturningNodeWouldTakeWaitForIt) {
  Rig rig(kOneNodeOut);
  rig.returns.Changed("a", rig.now - 10s);
  rig.RoundsApart(2s);
  EXPECT_THAT(rig.Overflowing(), ElementsAre("p3>v"));
  EXPECT_EQ(rig.Of("p1").wait, Wait::kNodeReturn);
  EXPECT_EQ(rig.Of("p1").node, "a");
  EXPECT_EQ(rig.Of("p1").until, rig.now - 12s + 60s);
  EXPECT_EQ(rig.Of("p2").wait, Wait::kNodeReturn);
  rig.now += 48s;
  EXPECT_THAT(rig.Round().Overflowing(), ElementsAre("p1>v", "p2>v", "p3>v"));
}

TEST(Decide, NobodyWaitsForANodeThatHasBeenOutForLong) {
  Rig rig(kOneNodeOut);
  EXPECT_THAT(rig.RoundsApart(2s).Overflowing(), ElementsAre("p1>v", "p2>v", "p3>v"));
  rig.returns.Changed("a", rig.now - 60s);
  EXPECT_THAT(rig.Round().Overflowing(), ElementsAre("p1>v", "p2>v", "p3>v"));
}

TEST(Decide, NobodyWaitsLongerThanTheGraceHoweverManyNodesComeAndGo) {
  Rig rig(kOneNodeOut);
  rig.Round();
  for (int i = 0; i < 5; ++i) {
    rig.returns.Changed("a", rig.now);
    rig.now += 12s;
    rig.Round();
    EXPECT_EQ(rig.Overflowing().size(), i < 4 ? 1u : 3u) << i;
  }
}

TEST(Decide, PodsThatMayNotOverflowHaveTheirPlaceOnAReturningNodeToo) {
  Rig rig(R"(
    node a  cpu=4 taint=node.kubernetes.io/not-ready:NoSchedule
    virtual v
    pod  system  cpu=4 ns=kube-system prio=5
    pod  p       cpu=2
  )");
  rig.returns.Changed("a", rig.now);
  EXPECT_THAT(rig.RoundsApart(2s).Overflowing(), ElementsAre("p>v"));
}

TEST(Decide, CordonsThatDoNotConcernThePodMakeItNoCase) {
  Rig rig(R"(
    node a  cordoned
    node b  taint=gpu:NoSchedule label=zone=z1
    virtual v  label=zone=z1
    pod  p  cpu=1 select=zone=z1
  )");
  EXPECT_THAT(rig.RoundsApart(2s).Overflowing(), IsEmpty());
  EXPECT_EQ(rig.Of("p").held_back->rule, Rule::kTrigger);
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
    node a  cpu=2
    virtual v
    pod  victim     cpu=1 on=a prio=-1
    pod  nominated  cpu=2 nominated=a
    pod  broken     cpu=2
  )");
  rig.pending["broken"].object.pod_scheduled = {.reason = "SchedulerError"};
  EXPECT_THAT(rig.RoundsApart(1h).Overflowing(), IsEmpty());
  EXPECT_EQ(rig.Of("nominated").held_back->rule, Rule::kNominated);
  EXPECT_EQ(rig.Of("broken").held_back->rule, Rule::kSchedulerError);
}

TEST(Decide, ANominationThatNothingCanComeOfHoldsForAGraceOnly) {
  Rig rig(R"(
    node a  cpu=2
    virtual v
    pod  same    cpu=1 on=a
    pod  ghost   cpu=3 nominated=nowhere
    pod  large   cpu=3 nominated=a
    pod  behind  cpu=2 nominated=a
    pod  toward  cpu=2 nominated=v
  )");
  EXPECT_THAT(rig.RoundsApart(59s).Overflowing(), IsEmpty());
  EXPECT_EQ(rig.Of("ghost").held_back->rule, Rule::kNominated);
  EXPECT_TRUE(rig.Of("ghost").nowhere);
  rig.now += 1s;
  EXPECT_THAT(rig.Round().Overflowing(), ElementsAre("ghost>v", "large>v", "behind>v", "toward>v"));
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
  EXPECT_EQ(rig.Of("p").until, rig.now + 5s);
  rig.now += 5s;
  EXPECT_THAT(rig.Round().Overflowing(), ElementsAre("p>v"));
}

TEST(Decide, WhatFitsNowhereIsUndecidableWhileNotAllCanBeRead) {
  Rig rig(R"(
    node a  cpu=2
    virtual v
    pod  p  cpu=4
  )");
  rig.RoundsApart(1h);
  const sim::Verdict& verdict = rig.plan.entries[0].verdict;
  const std::string doubt = "Node b: status.allocatable.cpu: not a quantity";
  const Decision decision = rig.Decide({.verdict = verdict, .doubt = doubt});
  EXPECT_EQ(decision.outcome, Outcome::kUndecidable);
  EXPECT_THAT(decision.detail, HasSubstr(doubt));
  rig.pending["p"].decision = decision;
  EXPECT_EQ(rig.Decide({.verdict = verdict}).wait, Wait::kGrace) << "it begins anew";
}

TEST(Decide, OneThatMayHaveBeenBoundCountsOnceAndALowerCapHoldsItToo) {
  Rig rig(R"(
    node a  cpu=2
    virtual v
    pod  p  cpu=4
  )");
  rig.RoundsApart(1h);
  OverflowLedger ledger;
  ledger.SetVirtual("v", std::nullopt);
  ledger.Put("other", "default", "v", {.pods = 1});
  ledger.Put("p", "default", "v", {.pods = 1});
  rig.policy.limits.caps = {{.scope = "", .set_in = "the cap", .pods = 2}};
  EXPECT_EQ(rig.KeptWithinLimits(ledger).outcome, Outcome::kOverflow);
  rig.policy.limits.caps[0].pods = 1;
  EXPECT_EQ(rig.KeptWithinLimits(ledger).wait, Wait::kLimit);
}

TEST(Decide, WhoWantsToBeBesideOneThatComesLaterIsPlacedAfterIt) {
  Rig rig(R"(
    node a  cpu=1 label=kubernetes.io/hostname=a
    virtual v     label=kubernetes.io/hostname=v
    pod  first    cpu=2 affinity=kubernetes.io/hostname:app=b
    pod  second   cpu=2 label=app=b
  )");
  rig.RoundsApart(1h);
  EXPECT_THAT(rig.Overflowing(), UnorderedElementsAre("first>v", "second>v"));
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
  for (const Plan::Entry& entry : rig.plan.entries) ++counts[entry.decision.node];
  EXPECT_THAT(counts, ElementsAre(std::pair("v1", 4), std::pair("v2", 3), std::pair("v3", 3)));
}

}  // namespace
}  // namespace spillway::controller
