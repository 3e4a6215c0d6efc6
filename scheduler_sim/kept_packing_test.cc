#include "scheduler_sim/kept_packing.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>

#include "scheduler_sim/packing.h"
#include "scheduler_sim/testing/arbitrary.h"
#include "scheduler_sim/testing/scenario.h"
#include "scheduler_sim/testing/scenario_fields.h"

namespace spillway::sim::testing {
namespace {

using Kind = Verdict::Kind;

constexpr std::int64_t kWhole = std::int64_t{1} << 60;

void RunWholeRound(KeptPacking& packing) {
  packing.Begin();
  while (!packing.Step(kWhole)) {
  }
}

std::vector<PodIndex> Queue(const Cluster& cluster) {
  std::vector<PodIndex> queued = cluster.pending();
  std::erase_if(queued, [&](PodIndex pod) { return !cluster.IsQueued(pod); });
  return InQueueOrder(cluster, std::move(queued));
}

void CheckAgainstPack(const KeptPacking& packing, const Cluster& cluster) {
  const Packing fresh = Pack(cluster, Queue(cluster), NodeDomain::kReal);
  for (const Packing::Entry& entry : fresh.entries()) {
    const std::optional<Verdict> kept = packing.VerdictOf(entry.pod);
    RC_ASSERT(kept.has_value());
    RC_LOG() << "kept " << static_cast<int>(kept->kind) << ' ' << kept->undecidable << ", from scratch "
             << static_cast<int>(entry.verdict.kind) << ' ' << entry.verdict.undecidable << '\n';
    RC_ASSERT(kept->kind == entry.verdict.kind);
    RC_ASSERT(kept->node == entry.verdict.node);
    RC_ASSERT(kept->undecidable == entry.verdict.undecidable);
    RC_ASSERT((kept->why_not == nullptr) == (entry.verdict.why_not == nullptr));
    if (kept->why_not != nullptr && entry.verdict.why_not->lacks_capacity()) RC_ASSERT(kept->why_not->lacks_capacity());
  }
}

TEST(KeptPacking, NoticesWhenANodeIsLostToAClassAndWhenNot) {
  Scenario scenario("node a taint=gpu:NoSchedule\nnode b taint=gpu:NoSchedule\npod p");
  KeptPacking packing(scenario.cluster, NodeDomain::kReal);
  const auto lost_with_b_being = [&](const std::vector<std::string>& fields) {
    scenario.cluster.Upsert(MakeNode("b", false, fields));
    RunWholeRound(packing);
    return packing.VerdictOf(scenario.pod("p"))->why_not->LostText();
  };
  EXPECT_EQ(lost_with_b_being({"taint=gpu:NoSchedule"}), "");
  EXPECT_EQ(lost_with_b_being({"cordoned"}), "1 cordoned");
  EXPECT_EQ(lost_with_b_being({"cordoned", "taint=gpu:NoSchedule"}), "");
  EXPECT_EQ(lost_with_b_being({"taint=node.kubernetes.io/not-ready:NoSchedule"}), "1 not ready");
}

TEST(KeptPacking, WhoIsOnlyPlannedForALostNodeDoesNotHideTheLoss) {
  Scenario scenario(R"(
    node a  taint=node.kubernetes.io/not-ready:NoSchedule
    pod  hardy  port=80 tolerate=all prio=5
    pod  p      port=80
  )");
  KeptPacking packing(scenario.cluster, NodeDomain::kReal);
  RunWholeRound(packing);
  EXPECT_EQ(packing.VerdictOf(scenario.pod("hardy"))->kind, Kind::kFits);
  EXPECT_EQ(packing.VerdictOf(scenario.pod("p"))->why_not->LostText(), "1 not ready");
  scenario.cluster.RemovePod("hardy");
  RunWholeRound(packing);
  EXPECT_EQ(packing.VerdictOf(scenario.pod("p"))->why_not->LostText(), "1 not ready");
}

// Changes arrive in the middle of rounds, rounds are dropped half-way; once no change is outstanding, a round gives
// what Pack() gives.
RC_GTEST_PROP(KeptPacking, AfterAnyChangesIsThePackingFromScratch,
              (const RandomCluster& random, const std::vector<Genes>& changes)) {
  Objects objects = random.Make();
  Cluster cluster = Load(objects);
  KeptPacking packing(cluster, NodeDomain::kReal);
  RC_ASSERT(packing.IsOutdated());
  for (const Genes& genes : changes) {
    ApplyChange(genes, objects, cluster);
    switch (genes.empty() ? 0 : genes.back() % 5) {
      case 0:
        packing.Begin();
        packing.Step(1);
        break;
      case 1:
        RunWholeRound(packing);
        CheckAgainstPack(packing, cluster);
        break;
      case 2:
        packing.Step(2000);
        break;
      default:
        break;
    }
  }
  packing.Begin();
  while (!packing.Step(1)) {
  }
  RC_ASSERT(!packing.IsOutdated());
  CheckAgainstPack(packing, cluster);
}

// The list of what changed is all that anybody needs to keep up.
RC_GTEST_PROP(KeptPacking, NamesEveryPodWhoseVerdictChanged,
              (const RandomCluster& random, const std::vector<Genes>& changes)) {
  Objects objects = random.Make();
  Cluster cluster = Load(objects);
  KeptPacking packing(cluster, NodeDomain::kReal);
  std::map<std::string, Verdict> told;
  const auto listen = [&] {
    for (const PodIndex pod : packing.changed()) {
      RC_ASSERT(cluster.IsQueued(pod));
      for (const kube::Pod& object : objects.pods) {
        if (cluster.FindPod(object.metadata.uid) == pod) told[object.metadata.uid] = *packing.VerdictOf(pod);
      }
    }
  };
  RunWholeRound(packing);
  listen();
  for (const Genes& genes : changes) {
    ApplyChange(genes, objects, cluster);
    if (genes.empty() || genes.back() % 2 == 0) continue;
    packing.Begin();
    while (!packing.Step(1)) {
    }
    listen();
    for (const kube::Pod& object : objects.pods) {
      const auto pod = cluster.FindPod(object.metadata.uid);
      if (!pod || !cluster.IsQueued(*pod)) continue;
      const std::optional<Verdict> now = packing.VerdictOf(*pod);
      RC_ASSERT(now->kind == told[object.metadata.uid].kind);
      RC_ASSERT(now->node == told[object.metadata.uid].node);
    }
  }
}

// Numbers in explanations may be old, but not for ever.
RC_GTEST_PROP(KeptPacking, CountsReasonsAnewInTheEnd,
              (const RandomCluster& random, const std::vector<Genes>& changes)) {
  Objects objects = random.Make();
  Cluster cluster = Load(objects);
  KeptPacking packing(cluster, NodeDomain::kReal);
  for (const Genes& genes : changes) {
    ApplyChange(genes, objects, cluster);
    if (!genes.empty() && genes.back() % 2 != 0) RunWholeRound(packing);
  }
  for (int i = 0; i < 256; ++i) RunWholeRound(packing);
  const Packing fresh = Pack(cluster, Queue(cluster), NodeDomain::kReal);
  for (const Packing::Entry& entry : fresh.entries()) {
    if (entry.verdict.why_not == nullptr) continue;
    RC_ASSERT(packing.VerdictOf(entry.pod)->why_not->IsOfTheSameKindAs(*entry.verdict.why_not));
  }
}

// Whatever changed since the plan, also in the middle of the next round: what stands fits nowhere in a packing from
// scratch, and what fits there does not stand.
RC_GTEST_PROP(KeptPacking, ConfirmSaysWhatAPackingFromScratchSays,
              (const RandomCluster& random, const std::vector<Genes>& before, const std::vector<Genes>& after)) {
  Objects objects = random.Make();
  Cluster cluster = Load(objects);
  KeptPacking packing(cluster, NodeDomain::kReal);
  for (const Genes& genes : before) ApplyChange(genes, objects, cluster);
  RunWholeRound(packing);
  for (const Genes& genes : after) {
    ApplyChange(genes, objects, cluster);
    if (genes.empty() || genes.back() % 3 == 0) continue;
    if (genes.back() % 3 == 1) packing.Begin();
    packing.Step(2000);
    const Packing fresh = Pack(cluster, Queue(cluster), NodeDomain::kReal);
    for (const Packing::Entry& entry : fresh.entries()) {
      const Verdict verdict = packing.Confirm(entry.pod);
      RC_ASSERT(verdict.kind == entry.verdict.kind);
      RC_ASSERT(verdict.node == entry.verdict.node);
      RC_ASSERT(verdict.undecidable == entry.verdict.undecidable);
      RC_ASSERT((verdict.why_not == nullptr) == (entry.verdict.why_not == nullptr));
    }
  }
  packing.Begin();
  while (!packing.Step(1)) {
  }
  CheckAgainstPack(packing, cluster);
}

TEST(KeptPacking, ConfirmCountsANodeThatOnlyANominatedPodKeepsOthersFrom) {
  Scenario scenario(R"(
    node a  cpu=4
    node b  cpu=4
    pod  waits   cpu=5 nominated=a
    pod  first   cpu=4
    pod  second  cpu=4
  )");
  KeptPacking packing(scenario.cluster, NodeDomain::kReal);
  RunWholeRound(packing);
  const Verdict verdict = packing.Confirm(scenario.pod("second"));
  ASSERT_EQ(verdict.kind, Kind::kNowhere);
  EXPECT_EQ(verdict.why_not->Summary(), "2 Insufficient cpu");
}

TEST(KeptPacking, APodWhosePlaceIsTakenIsNotForgottenByThoseBehind) {
  Scenario scenario(R"(
    node a  cpu=2
    pod  first   cpu=2
    pod  second  cpu=2
  )");
  KeptPacking packing(scenario.cluster, NodeDomain::kReal);
  RunWholeRound(packing);
  EXPECT_EQ(packing.VerdictOf(scenario.pod("first"))->kind, Kind::kFits);
  EXPECT_EQ(packing.VerdictOf(scenario.pod("second"))->kind, Kind::kNowhere);
  EXPECT_EQ(packing.Confirm(scenario.pod("second")).kind, Kind::kNowhere) << "the first is still going to take it";

  kube::Pod first = scenario.pods.front();
  first.node_name = "a";
  scenario.cluster.Upsert(first);
  EXPECT_EQ(packing.Confirm(scenario.pod("second")).kind, Kind::kNowhere) << "and now it has";

  scenario.cluster.RemovePod("first");
  EXPECT_EQ(packing.Confirm(scenario.pod("second")).kind, Kind::kFits);
}

// Indices are used again; what was said of one Pod is not said of the next.
TEST(KeptPacking, SaysNothingOfAPodThatCameSince) {
  Scenario scenario("node a cpu=1\npod first cpu=2");
  KeptPacking packing(scenario.cluster, NodeDomain::kReal);
  RunWholeRound(packing);
  const PodIndex index = scenario.pod("first");
  ASSERT_TRUE(packing.VerdictOf(index));
  scenario.cluster.RemovePod("first");
  scenario.cluster.Upsert(MakePod("next", {"cpu=1"}));
  ASSERT_EQ(scenario.pod("next"), index);
  EXPECT_FALSE(packing.VerdictOf(index));
}

// Thousands of Pods that end elsewhere make no second look necessary.
TEST(KeptPacking, StandsWhenWhatCameFreeIsTooSmall) {
  Scenario scenario(R"(
    node a  cpu=2
    node b  cpu=2
    pod  big    cpu=2 on=a
    pod  small  cpu=1 on=b
    pod  other  cpu=1 on=b
    pod  waits  cpu=2
  )");
  KeptPacking packing(scenario.cluster, NodeDomain::kReal);
  RunWholeRound(packing);
  scenario.cluster.RemovePod("small");
  const Verdict stands = packing.Confirm(scenario.pod("waits"));
  EXPECT_EQ(stands.kind, Kind::kNowhere);
  EXPECT_EQ(stands.why_not->Summary(), "2 Insufficient cpu");
  RunWholeRound(packing);
  EXPECT_TRUE(packing.changed().empty());
  scenario.cluster.RemovePod("other");
  EXPECT_EQ(packing.Confirm(scenario.pod("waits")).kind, Kind::kFits);
  RunWholeRound(packing);
  EXPECT_EQ(packing.changed(), std::vector<PodIndex>{scenario.pod("waits")});
}

// A node that goes out adds no reason that was not there, but is capacity that is gone.
TEST(KeptPacking, NoticesThatCapacityIsLost) {
  Scenario scenario(R"(
    node a  cpu=4 taint=node.kubernetes.io/not-ready:NoSchedule taint=own:NoSchedule
    node b  cpu=4 taint=other:NoSchedule
    pod  web  cpu=1 tolerate=other
    pod  all  cpu=1 tolerate=other on=b
    pod  fill cpu=3 on=b
  )");
  kube::Node b = scenario.nodes.back();
  b.taints.push_back({"own", "", kube::TaintEffect::kNoSchedule});
  scenario.cluster.Upsert(b);
  KeptPacking packing(scenario.cluster, NodeDomain::kReal);
  RunWholeRound(packing);
  EXPECT_FALSE(packing.VerdictOf(scenario.pod("web"))->why_not->lacks_capacity());
  b.taints.back() = {"node.kubernetes.io/not-ready", "", kube::TaintEffect::kNoSchedule};
  scenario.cluster.Upsert(b);
  RunWholeRound(packing);
  EXPECT_TRUE(packing.VerdictOf(scenario.pod("web"))->why_not->lacks_capacity());
  EXPECT_EQ(packing.changed(), std::vector<PodIndex>{scenario.pod("web")});
}

// What came free may be taken by the Pod ahead, and then its own place is free.
TEST(KeptPacking, DoesNotStandWhenThePodAheadGoesElsewhereNow) {
  Scenario scenario(R"(
    node a  cpu=2
    node b  cpu=3
    pod  blocker  cpu=2 on=b
    pod  first    cpu=1
    pod  second   cpu=2
  )");
  KeptPacking packing(scenario.cluster, NodeDomain::kReal);
  RunWholeRound(packing);
  EXPECT_EQ(packing.Confirm(scenario.pod("second")).kind, Kind::kNowhere);
  scenario.cluster.RemovePod("blocker");
  EXPECT_EQ(packing.Confirm(scenario.pod("second")).kind, Kind::kFits);
}

// A Pod that ends makes room for one of those that wait, and not for all.
TEST(KeptPacking, WhatCameFreeGoesToTheFirstThatWaits) {
  Scenario scenario(R"(
    node a  cpu=1
    pod  ends  cpu=1 on=a
    pod  p[1..3]  cpu=1
  )");
  KeptPacking packing(scenario.cluster, NodeDomain::kReal);
  RunWholeRound(packing);
  scenario.cluster.RemovePod("ends");
  EXPECT_EQ(packing.Confirm(scenario.pod("p1")).kind, Kind::kFits);
  EXPECT_EQ(packing.Confirm(scenario.pod("p2")).kind, Kind::kNowhere);
  EXPECT_EQ(packing.Confirm(scenario.pod("p3")).kind, Kind::kNowhere);
}

}  // namespace
}  // namespace spillway::sim::testing
