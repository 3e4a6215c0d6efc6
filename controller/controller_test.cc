#include <gmock/gmock.h>

#include "controller/testing/running_controller.h"

namespace spillway::controller {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::StartsWith;

class ControllerTest : public testing::RunningController {};

TEST_F(ControllerTest, KSlotsAbsorbExactlyKOfPEqualPods) {
  Start();
  for (const char* name : {"p1", "p2", "p3", "p4", "p5"}) api_.AddPod(name, "1500m", testing::kUnschedulable);
  runtime_.RunFor(10s);
  EXPECT_THAT(BoundPods(), ElementsAre("default/p3>v", "default/p4>v", "default/p5>v"));
  EXPECT_THAT(Reasons(), ElementsAre("default/p3 OverflowScheduled", "default/p4 OverflowScheduled",
                                     "default/p5 OverflowScheduled"));
}

// Wherever the simulation puts those before it: kube-scheduler may put them elsewhere, and then it fits.
TEST_F(ControllerTest, WhoWouldFitButForPodsBeforeItWaitsUntilKubeSchedulerHasTriedIt) {
  Start();
  api_.AddPod("small", "1");
  api_.AddPod("big", "4");
  runtime_.RunFor(20s);
  EXPECT_THAT(BoundPods(), IsEmpty());
  ASSERT_THAT(Reasons(), ElementsAre("default/big OverflowWaiting"));
  EXPECT_THAT(api_.events[0].note, HasSubstr("a real node would take it as things stand"));
  EXPECT_THAT(Explained("big")["spillway"]["why"].get<std::string>(), HasSubstr("kube-scheduler is to try it first"));
  api_.AddPod("big", "4", testing::kUnschedulable);
  runtime_.RunFor(3s);
  EXPECT_THAT(BoundPods(), ElementsAre("default/big>v"));
}

TEST_F(ControllerTest, OncePodsBeforeItHaveTakenTheRoomNoTryIsWaitedFor) {
  Start();
  api_.AddPod("small", "1");
  api_.AddPod("big", "4");
  runtime_.RunFor(5s);
  EXPECT_THAT(BoundPods(), IsEmpty());
  api_.ShowBound("small", "a");
  runtime_.RunFor(2s);
  EXPECT_THAT(BoundPods(), ElementsAre("default/big>v"));
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
    options.policy.mode = Mode::kDryRun;
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

TEST_F(ControllerTest, ADryRunPromisesNoMoreThanThereIs) {
  Start([](ControllerOptions& options) { options.policy.mode = Mode::kDryRun; });
  api_.Put("nodes", {{"metadata", {{"name", "v"}, {"labels", {{"type", "virtual-kubelet"}}}}},
                     {"status",
                      {{"allocatable", {{"cpu", "16"}, {"memory", "4Ti"}, {"pods", "3000"}}},
                       {"conditions", nlohmann::json::array({{{"type", "Ready"}, {"status", "True"}}})}}}});
  for (const char* name : {"p1", "p2", "p3"}) {
    api_.AddPod(name, "8");
    runtime_.RunFor(10s);
  }
  EXPECT_THAT(Reasons(),
              ElementsAre("default/p1 WouldOverflow", "default/p2 WouldOverflow", "default/p3 OverflowNoCapacity"));
  api_.Remove("pods", "p1");
  runtime_.RunFor(10s);
  EXPECT_EQ(Reasons().back(), "default/p3 WouldOverflow");
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

}  // namespace
}  // namespace spillway::controller
