#include "controller/scheduler_version.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "controller/testing/running_controller.h"

namespace spillway::controller {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(SchedulerVersion, IsTheMinorVersionOfTheApiServer) {
  const auto found = [](const nlohmann::json& version) { return SchedulerVersion::Read(version)->found; };
  EXPECT_EQ(found({{"minor", "36"}}), 36);
  EXPECT_EQ(found({{"minor", "34+"}}), 34) << "as clouds call theirs";
  EXPECT_FALSE(SchedulerVersion::Read({{"minor", ""}}));
  EXPECT_FALSE(SchedulerVersion::Read({{"minor", 36}}));
  EXPECT_FALSE(SchedulerVersion::Read(nlohmann::json::array()));
  EXPECT_EQ(found({{"major", "1"}, {"minor", "36"}}), 36);
  EXPECT_FALSE(SchedulerVersion::Read({{"major", "2"}, {"minor", "0"}}));
}

TEST(SchedulerVersion, OfUnknownOnesTheNearestIsSimulated) {
  EXPECT_TRUE(SchedulerVersion::Of(30).is_known());
  EXPECT_TRUE(SchedulerVersion::Of(36).is_known());
  EXPECT_EQ(SchedulerVersion::Of(29).simulated, 30);
  EXPECT_EQ(SchedulerVersion::Of(41).simulated, 36);
  EXPECT_EQ(SchedulerVersion::Of(41).Text(), "1.41, of which nothing is known; 1.36 is simulated");
}

// A Pod that fits nowhere but on the virtual node is there from the start.
class SchedulerVersions : public testing::RunningController {
 protected:
  SchedulerVersions() { api_.AddPod("p", "8"); }

  // Does not wait until it is ready.
  void Begin(const std::string& minor, const std::function<void(ControllerOptions&)>& change = nullptr) {
    controller_.reset();
    api_.minor_version = minor;
    ControllerOptions options;
    options.policy.pending_grace = Duration(0);
    if (change) change(options);
    controller_ = std::make_unique<Controller>(runtime_, api_.transport(), std::move(options), metrics_);
    controller_->OnOutdated([this](std::string why) { outdated_.push_back(std::move(why)); });
    controller_->Start();
    runtime_.RunFor(seconds(10));
  }
  double Info(const std::string& version, const std::string& simulated) {
    metrics_.Text();
    return metrics_.Value(metrics::Id::kSchedulerInfo, {version, simulated});
  }

  std::vector<std::string> outdated_;
};

TEST_F(SchedulerVersions, OneThatIsNotKnownIsSaidAndNothingIsMoved) {
  for (const char* minor : {"41", "29"}) {
    Begin(minor);
    EXPECT_THAT(api_.binds, IsEmpty());
    ASSERT_FALSE(controller_->Ready());
    const std::string why = controller_->Ready().error().message;
    EXPECT_THAT(why, AllOf(HasSubstr(std::string("kube-scheduler 1.") + minor),
                           HasSubstr("--accept-scheduler-version=1."), HasSubstr("--dry-run")));
    const auto answer = Ask("p");
    ASSERT_FALSE(answer);
    EXPECT_THAT(answer.error().message, HasSubstr(why));
    EXPECT_EQ(Info(std::string("1.") + minor, "none"), 1);
  }
}

TEST_F(SchedulerVersions, ItIsAskedForAgainUntilItIsKnown) {
  Begin("29");
  ASSERT_FALSE(controller_->Ready());
  api_.minor_version = "35";
  runtime_.RunFor(minutes(1));
  EXPECT_TRUE(controller_->Ready());
  EXPECT_EQ(api_.binds.size(), 1u);
  EXPECT_EQ(Info("1.35", "1.35"), 1);
  EXPECT_EQ(Info("1.29", "none"), 0);
}

TEST_F(SchedulerVersions, ADryRunTriesTheNearestAndExplainSaysSo) {
  Begin("41", [](ControllerOptions& options) { options.policy.mode = Mode::kDryRun; });
  ASSERT_TRUE(controller_->Ready());
  EXPECT_THAT(api_.binds, IsEmpty());
  EXPECT_EQ(Explained("p")["spillway"]["kubeScheduler"].dump(), R"({"simulated":"1.36","version":"1.41"})");
  EXPECT_EQ(Info("1.41", "1.36"), 1);
}

TEST_F(SchedulerVersions, OneThatIsAcceptedIsActedUpon) {
  Begin("41", [](ControllerOptions& options) { options.accepted_scheduler_minor_version = 41; });
  EXPECT_EQ(api_.binds.size(), 1u);
  Begin("42", [](ControllerOptions& options) { options.accepted_scheduler_minor_version = 41; });
  EXPECT_FALSE(controller_->Ready()) << "another one was accepted";
}

TEST_F(SchedulerVersions, AnUpgradeUnderARunningControllerIsNoticed) {
  Begin("35");
  runtime_.RunFor(minutes(30));
  EXPECT_THAT(outdated_, IsEmpty());
  api_.minor_version = "36";
  runtime_.RunFor(minutes(12));
  EXPECT_THAT(outdated_, ElementsAre("the cluster has kube-scheduler 1.36 now, and 1.35 is simulated"));
  runtime_.RunFor(minutes(30));
  EXPECT_EQ(outdated_.size(), 1u);
}

TEST_F(SchedulerVersions, WhileApiServersAreReplacedNothingIsConcluded) {
  Begin("35");
  int asked = 0;
  // Now one answers, now the other.
  api_.on_version = [&asked] { return ++asked % 2 == 0 ? "35" : "36"; };
  runtime_.RunFor(minutes(60));
  EXPECT_GT(asked, 8);
  EXPECT_THAT(outdated_, IsEmpty());
}

TEST_F(SchedulerVersions, TheGivenOneIsNotAskedFor) {
  Begin("41", [](ControllerOptions& options) { options.scheduler_minor_version = 34; });
  EXPECT_TRUE(controller_->Ready());
  EXPECT_EQ(Info("1.34", "1.34"), 1);
  runtime_.RunFor(minutes(60));
  EXPECT_THAT(outdated_, IsEmpty());
}

}  // namespace
}  // namespace spillway::controller
