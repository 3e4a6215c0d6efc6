#include "controller/agreement.h"

#include "controller/testing/running_controller.h"

namespace spillway::controller {
namespace {

constexpr const char* kOurs = "0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient cpu.";

TEST(IsSameMessage, WhatPostFilterDidIsNoDifference) {
  EXPECT_TRUE(IsSameMessage(kOurs, kOurs));
  for (const char* more :
       {" preemption: 0/3 nodes are available: 1 Preemption is not helpful for scheduling, 2 No preemption victims "
        "found for incoming pod.",
        " no new claims to deallocate, preemption: 0/3 nodes are available: 3 Preemption is not helpful for "
        "scheduling.",
        " preemption: not eligible due to preemptionPolicy=Never.."}) {
    EXPECT_TRUE(IsSameMessage(kOurs, std::string(kOurs) + more)) << more;
  }
}

TEST(IsSameMessage, EveryOtherDifferenceIsOne) {
  EXPECT_FALSE(IsSameMessage(kOurs, "0/3 nodes are available: 3 Insufficient cpu."));
  EXPECT_FALSE(IsSameMessage(kOurs, "0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient cpu"));
  EXPECT_FALSE(IsSameMessage(kOurs, std::string(kOurs) + "!"));
  EXPECT_FALSE(IsSameMessage(kOurs, ""));
  EXPECT_TRUE(IsSameMessage("no nodes available to schedule pods", "no nodes available to schedule pods"));
}

class AgreementTest : public testing::RunningController {
 protected:
  // What has been counted, as "agree differ stale undecided".
  std::string Counted() const {
    std::string counts;
    for (const char* result : {"agree", "differ", "stale", "undecided"}) {
      const double count = metrics_.Value(metrics::Id::kSchedulerAgreement, {result});
      counts += (counts.empty() ? "" : " ") + std::to_string(static_cast<int>(count));
    }
    return counts;
  }
  void StartPatiently() {
    Start([](ControllerOptions& options) { options.policy.pending_grace = std::chrono::hours(1); });
  }
  void Settle() { runtime_.RunFor(std::chrono::seconds(3)); }

  const std::string right_ = "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint(s).";
  const std::string wrong_ = "0/2 nodes are available: 2 Insufficient cpu.";
};

TEST_F(AgreementTest, IsExportedAsZeroFromTheStart) {
  StartPatiently();
  const std::string text = metrics_.Text();
  for (const char* result : {"agree", "differ", "stale", "undecided"}) {
    EXPECT_NE(text.find("spillway_scheduler_agreement_total{result=\"" + std::string(result) + "\"} 0\n"),
              std::string::npos);
  }
}

TEST_F(AgreementTest, TheSameMessageAgreesAtOnce) {
  StartPatiently();
  api_.AddPod("p", "8");
  Settle();
  Mark("p", right_ + " preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.");
  runtime_.RunFor(std::chrono::milliseconds(10));
  EXPECT_EQ(Counted(), "1 0 0 0");
  api_.Put("pods", api_.Get("pods", "p"));  // the same message, not written anew
  Settle();
  EXPECT_EQ(Counted(), "1 0 0 0");
}

TEST_F(AgreementTest, AnotherMessageOnAQuietClusterDiffers) {
  StartPatiently();
  api_.AddPod("p", "8");
  Settle();
  Mark("p", wrong_);
  Settle();
  EXPECT_EQ(Counted(), "0 1 0 0");
  api_.AddPod("fits", "1");
  Settle();
  Mark("fits", wrong_);
  Settle();
  EXPECT_EQ(Counted(), "0 2 0 0") << "some node takes it, by our verdict";
}

TEST_F(AgreementTest, WhatChangedSinceThePodCameMakesADifferenceStale) {
  StartPatiently();
  api_.AddPod("p", "8");
  Settle();
  api_.AddNode("b", "2");
  Mark("p", right_);  // of two nodes: kube-scheduler had not seen the third
  Settle();
  EXPECT_EQ(Counted(), "0 0 1 0");
  runtime_.RunFor(std::chrono::minutes(2));
  Mark("p", wrong_);
  Settle();
  EXPECT_EQ(Counted(), "0 1 1 0") << "long after the last change it counts again";
}

TEST_F(AgreementTest, AWatchThatLagsBehindCatchesUp) {
  StartPatiently();
  api_.AddPod("p", "8");
  Settle();
  Mark("p", "0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 Insufficient cpu.");
  runtime_.RunFor(std::chrono::milliseconds(500));
  api_.AddNode("b", "2");  // kube-scheduler saw it before us
  Settle();
  EXPECT_EQ(Counted(), "1 0 0 0");
}

TEST_F(AgreementTest, WhatAWatchMissedMayBeWhatMakesTheDifference) {
  StartPatiently();
  api_.AddPod("p", "8");
  Settle();
  Mark("p", wrong_);
  runtime_.RunFor(std::chrono::milliseconds(10));
  api_.BreakWatches("nodes");
  Settle();
  EXPECT_EQ(Counted(), "0 0 1 0") << "it is answered again, and what it missed may be on its way";
}

TEST_F(AgreementTest, OtherPodsThatWaitChangeNothing) {
  StartPatiently();
  api_.AddPod("p", "8");
  Settle();
  api_.AddPod("q", "8");
  Mark("p", wrong_);
  runtime_.RunFor(std::chrono::seconds(1));
  api_.Remove("pods", "q");
  Settle();
  EXPECT_EQ(Counted(), "0 1 0 0");
}

TEST_F(AgreementTest, PodsThatAreNotSimulatedOrGone) {
  StartPatiently();
  nlohmann::json claims = {{"spec", {{"resourceClaims", nlohmann::json::array({{{"name", "gpu"}}})}}}};
  api_.AddPod("claims", "8", claims);
  api_.AddPod("gone", "8");
  Settle();
  Mark("claims", wrong_);
  Mark("gone", wrong_);
  runtime_.RunFor(std::chrono::milliseconds(100));
  api_.Remove("pods", "gone");
  Settle();
  EXPECT_EQ(Counted(), "0 0 1 1");
}

TEST_F(AgreementTest, ConditionsOlderThanUsAreNotCompared) {
  api_.AddPod("p", "8", Marked(wrong_));
  StartPatiently();
  Settle();
  EXPECT_EQ(Counted(), "0 0 0 0") << "nobody knows how the cluster was then";
}

TEST_F(AgreementTest, AConditionThatAPodCameWithAfterAnOutageMayBeAsOldAsThePod) {
  StartPatiently();
  api_.BreakWatches("pods");
  api_.AddPod("p", "8");
  Mark("p", wrong_);  // it was right then: what has changed since was seen before the Pod was
  runtime_.RunFor(std::chrono::seconds(10));
  ASSERT_TRUE(controller_->Ready());
  EXPECT_EQ(Counted(), "0 0 0 0");
}

TEST_F(AgreementTest, APodThatFitsAndIsStillUnschedulableIsCountedAndNeverMoved) {
  Start();
  api_.AddPod("p", "1", Marked(wrong_));
  runtime_.RunFor(std::chrono::seconds(20));
  const auto overlooked = [this] {
    (void)metrics_.Text();  // a scrape
    return metrics_.Value(metrics::Id::kPodsFitButUnscheduled);
  };
  EXPECT_EQ(overlooked(), 0);
  runtime_.RunFor(std::chrono::seconds(15));
  EXPECT_EQ(overlooked(), 1);
  runtime_.RunFor(std::chrono::minutes(10));
  EXPECT_TRUE(api_.binds.empty());
  ASSERT_EQ(api_.events.size(), 1u);
  EXPECT_EQ(api_.events[0].reason, "OverflowNotNeeded");
  EXPECT_NE(api_.events[0].note.find("whose last word is: " + wrong_), std::string::npos) << api_.events[0].note;
  api_.ShowBound("p", "a");
  runtime_.RunFor(std::chrono::seconds(5));
  EXPECT_EQ(overlooked(), 0);
}

}  // namespace
}  // namespace spillway::controller
