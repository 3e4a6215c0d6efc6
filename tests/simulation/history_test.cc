#include "tests/simulation/history.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/sim_runtime.h"

namespace spillway::simulation {
namespace {

using sandbox::Json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// The judge itself is judged: what it is there to find must be found.
class HistoryTest : public ::testing::Test {
 protected:
  HistoryTest() : runtime_(1), store_(runtime_, 1000), history_(runtime_, store_) {
    AddNode("real", "4", Json::object());
    AddNode("virtual", "1000", {{"type", "virtual-kubelet"}});
  }

  void AddNode(const std::string& name, const std::string& cpu, const Json& labels) {
    const Json resources = {{"cpu", cpu}, {"memory", "64Gi"}, {"pods", "110"}};
    ASSERT_TRUE(store_.Create("nodes", {{"metadata", {{"name", name}, {"labels", labels}}},
                                        {"status", {{"capacity", resources}, {"allocatable", resources}}}}));
    ASSERT_TRUE(store_.Modify("nodes", "", name, sandbox::Part::kStatus, [&](Json& node) {
      node["status"]["capacity"] = node["status"]["allocatable"] = resources;
      node["status"]["conditions"] = Json::array({{{"type", "Ready"}, {"status", "True"}}});
      return true;
    }));
  }

  void AddPod(const std::string& name, const std::string& cpu, const Json& annotations = Json::object()) {
    const Json container = {{"name", "c"}, {"image", "i"}, {"resources", {{"requests", {{"cpu", cpu}}}}}};
    const auto created = store_.Create("pods", {{"metadata", {{"name", name}, {"annotations", annotations}}},
                                                {"spec", {{"containers", Json::array({container})}}}});
    ASSERT_TRUE(created) << created.error().message;
    runtime_.RunFor(10ms);
  }

  // One of a ReplicaSet that keeps one local.
  void AddReplica(const std::string& name) {
    const Json container = {{"name", "c"}, {"image", "i"}, {"resources", {{"requests", {{"cpu", "1"}}}}}};
    const Json owner = {
        {"apiVersion", "apps/v1"}, {"kind", "ReplicaSet"}, {"name", "rs"}, {"uid", "rs"}, {"controller", true}};
    const Json meta = {
        {"name", name}, {"annotations", {{"LOCAL_REPLICAS", "1"}}}, {"ownerReferences", Json::array({owner})}};
    const auto created =
        store_.Create("pods", {{"metadata", meta}, {"spec", {{"containers", Json::array({container})}}}});
    ASSERT_TRUE(created) << created.error().message;
    runtime_.RunFor(10ms);
  }

  void Bind(const std::string& pod, const std::string& node, const std::string& decision) {
    Json binding = {{"metadata", {{"name", pod}}}, {"target", {{"name", node}}}};
    if (!decision.empty()) binding["metadata"]["annotations"]["spillway.io/decision-id"] = decision;
    const auto bound = store_.Bind("default", pod, binding);
    ASSERT_TRUE(bound) << bound.error().message;
    runtime_.RunFor(10ms);
  }

  SimRuntime runtime_;
  sandbox::Store store_;
  History history_;
};

TEST_F(HistoryTest, APodThatFitsNowhereMayMove) {
  AddPod("big", "16");
  Bind("big", "virtual", "d1");
  EXPECT_THAT(history_.moved_that_fits(), IsEmpty());
  EXPECT_THAT(history_.moved_ineligible(), IsEmpty());
  ASSERT_THAT(history_.binds(), SizeIs(1));
  EXPECT_TRUE(history_.binds()[0].onto_virtual);
  EXPECT_EQ(history_.binds()[0].decision, "d1");
}

TEST_F(HistoryTest, APodThatFitsMayNotMove) {
  AddPod("small", "2");
  Bind("small", "virtual", "d1");
  ASSERT_THAT(history_.moved_that_fits(), SizeIs(1));
  EXPECT_THAT(history_.moved_that_fits()[0], HasSubstr("real node real would have taken it"));
}

TEST_F(HistoryTest, WhoeverDoesNotSayADecisionIsNotJudged) {
  AddPod("small", "2");
  Bind("small", "virtual", "");
  EXPECT_THAT(history_.moved_that_fits(), IsEmpty());
}

TEST_F(HistoryTest, OfThreeForTwoSlotsOneMayMoveAndASecondMayNot) {
  for (const char* name : {"a", "b", "c"}) AddPod(name, "2");
  Bind("c", "virtual", "d1");
  EXPECT_THAT(history_.moved_that_fits(), IsEmpty());
  Bind("b", "virtual", "d2");
  EXPECT_THAT(history_.moved_that_fits(), SizeIs(1));
}

TEST_F(HistoryTest, WhoIsBeyondItsLocalReplicasMayMoveAsLongAsEnoughStay) {
  for (const char* name : {"a", "b", "c"}) AddReplica(name);
  Bind("c", "virtual", "d1");
  Bind("a", "real", "");
  Bind("b", "virtual", "d2");
  EXPECT_THAT(history_.moved_that_fits(), IsEmpty());
}

TEST_F(HistoryTest, TheLastLocalReplicaMayNotMoveWhileItFits) {
  AddReplica("a");
  AddReplica("b");
  Bind("b", "virtual", "d1");
  Bind("a", "virtual", "d2");
  ASSERT_THAT(history_.moved_that_fits(), SizeIs(1));
  EXPECT_THAT(history_.moved_that_fits()[0], HasSubstr("default/a"));
}

TEST_F(HistoryTest, AnOptedOutPodAndARealTargetAreReported) {
  AddPod("stay", "16", {{"spillway.io/overflow", "false"}});
  Bind("stay", "virtual", "d1");
  AddPod("astray", "16");
  Bind("astray", "real", "d2");
  ASSERT_THAT(history_.moved_ineligible(), SizeIs(2));
  EXPECT_THAT(history_.moved_ineligible()[0], HasSubstr("opted out"));
  EXPECT_THAT(history_.moved_ineligible()[1], HasSubstr("no virtual node"));
}

TEST_F(HistoryTest, APodIsLeftBehindOnceItsNodesHaveBeenLostForLong) {
  AddPod("p", "2");
  runtime_.RunFor(100s);
  EXPECT_THAT(history_.LeftBehind(90s), IsEmpty()) << "it fits";
  ASSERT_TRUE(store_.Modify("nodes", "", "real", sandbox::Part::kObject, [](Json& node) {
    node["spec"]["unschedulable"] = true;
    return true;
  }));
  runtime_.RunFor(80s);
  EXPECT_THAT(history_.LeftBehind(90s), IsEmpty());
  runtime_.RunFor(11s);
  EXPECT_THAT(history_.LeftBehind(90s), ElementsAre(HasSubstr("default/p has fitted no real node for 90s")));
}

TEST_F(HistoryTest, APodIsLeftBehindWithoutAnyRealNodeAndNotForItsOwnConstraints) {
  ASSERT_TRUE(store_.Delete("nodes", "", "real"));
  AddPod("p", "2");
  runtime_.RunFor(100s);
  EXPECT_THAT(history_.LeftBehind(90s), SizeIs(1));
  AddNode("other", "4", Json::object());
  ASSERT_TRUE(store_.Modify("nodes", "", "other", sandbox::Part::kObject, [](Json& node) {
    node["spec"]["taints"] = Json::array({{{"key", "dedicated"}, {"effect", "NoSchedule"}}});
    return true;
  }));
  runtime_.RunFor(100s);
  EXPECT_THAT(history_.LeftBehind(90s), IsEmpty());
}

}  // namespace
}  // namespace spillway::simulation
