#include <gmock/gmock.h>

#include "base/sim_process.h"
#include "controller/testing/running_controller.h"

namespace spillway::controller {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::ScriptedApi;

class ControllerLifeTest : public testing::RunningController {};

TEST_F(ControllerLifeTest, WithoutTheLeaseNothingIsDone) {
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

TEST_F(ControllerLifeTest, WhoStandsStillAsItSendsBindsSendsNoMoreOfThemOnceItsLeaseHasEnded) {
  SimProcess process(runtime_, 3);
  api_.on_bind = [&](const ScriptedApi::Bound&) {
    process.Pause();
    return std::nullopt;
  };
  ControllerOptions options;
  options.identity = "me";
  options.leader_election = kube::LeaderElectionOptions{.ns = "n", .name = "l", .identity = "me"};
  controller_ = std::make_unique<Controller>(process, api_.transport(), std::move(options), metrics_);
  controller_->Start();
  runtime_.RunFor(1s);
  for (const char* pod : {"p", "q", "r"}) api_.AddPod(pod, "8");
  ASSERT_TRUE(runtime_.RunUntil([&] { return process.is_paused(); }, 10s));
  runtime_.RunFor(20s);
  api_.on_bind = nullptr;
  process.Resume();
  runtime_.RunFor(1min);
  EXPECT_THAT(BoundPods(), ::testing::SizeIs(1)) << "it leads no more, and ends";
  controller_.reset();
}

TEST_F(ControllerLifeTest, DyingAtAnyMomentLeavesNothingBehind) {
  for (int turn = 0; turn < 40; ++turn) {
    Start();
    api_.on_bind = [](const ScriptedApi::Bound&) { return std::nullopt; };
    api_.AddPod("p" + std::to_string(turn), "8");
    runtime_.RunFor(turn * 83ms);
    controller_.reset();  // as a kill would
    EXPECT_EQ(api_.open_requests(), 0u) << "in turn " << turn;
    runtime_.RunFor(1s);  // what was posted before
    const std::uint64_t turns = runtime_.turns();
    runtime_.RunFor(1h);
    EXPECT_EQ(runtime_.turns(), turns) << "a timer outlived it in turn " << turn;
  }
}

TEST_F(ControllerLifeTest, ShutdownFinishesWhatIsInFlightAndGivesTheLeaseBack) {
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

TEST_F(ControllerLifeTest, ShutdownGivesTheLeaseBackBeforeEventsAreWritten) {
  api_.HoldEvents();
  Start([](ControllerOptions& options) {
    options.leader_election = kube::LeaderElectionOptions{.ns = "n", .name = "l", .identity = "me"};
  });
  api_.AddPod("p", "8");
  runtime_.RunFor(5s);
  ASSERT_THAT(BoundPods(), ElementsAre("default/p>v"));
  ASSERT_EQ(api_.LeaseHolder(), "me");
  flows_.Spawn(controller_->Shutdown(20s));
  runtime_.RunFor(100ms);
  EXPECT_EQ(api_.LeaseHolder(), "");
  EXPECT_EQ(flows_.size(), 1u) << "its events are not written yet";
}

TEST_F(ControllerLifeTest, ShutdownGivesTheLeaseBackThoughABindHangs) {
  api_.on_bind = [](const ScriptedApi::Bound&) { return std::nullopt; };
  Start([](ControllerOptions& options) {
    options.leader_election = kube::LeaderElectionOptions{.ns = "n", .name = "l", .identity = "me"};
  });
  api_.AddPod("p", "8");
  ASSERT_TRUE(runtime_.RunUntil([this] { return api_.binds.size() == 1; }, 10s));
  flows_.Spawn(controller_->Shutdown(20s));
  runtime_.RunFor(5100ms);
  EXPECT_EQ(api_.LeaseHolder(), "");
}

TEST_F(ControllerLifeTest, ShutdownWaitsNoLongerThanItsGrace) {
  api_.on_bind = [](const ScriptedApi::Bound&) { return std::nullopt; };
  Start();
  api_.AddPod("p", "8");
  ASSERT_TRUE(runtime_.RunUntil([this] { return api_.binds.size() == 1; }, 10s));
  flows_.Spawn(controller_->Shutdown(5s));
  runtime_.RunFor(6s);
  EXPECT_EQ(flows_.size(), 0u);
}

}  // namespace
}  // namespace spillway::controller
