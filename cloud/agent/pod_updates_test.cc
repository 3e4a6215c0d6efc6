#include "cloud/agent/pod_updates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cloud/testing/agent_fixture.h"

namespace spillway::cloud {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::SimplePod;

MATCHER_P2(Unmet, reason, words, "") {
  return arg.reason == reason && ::testing::ExplainMatchResult(HasSubstr(words), arg.message, result_listener);
}

TEST(UnmetUpdates, NothingIsSaidOfAPodAsItWasMade) {
  const Json pod = SimplePod("web");
  EXPECT_THAT(UnmetUpdates(UpdatableParts(pod), pod, "simulated"), IsEmpty());
  Json tolerant = pod;
  tolerant["spec"]["tolerations"] = Json::array({{{"operator", "Exists"}}});
  tolerant["spec"]["activeDeadlineSeconds"] = 5;
  EXPECT_THAT(UnmetUpdates(UpdatableParts(pod), tolerant, "simulated"), IsEmpty());
}

TEST(UnmetUpdates, NamesWhatChanged) {
  Json pod = SimplePod("web");
  pod["spec"]["initContainers"] = Json::array({{{"name", "first"}, {"image", "busybox:1"}}});
  const Json made_with = UpdatableParts(pod);
  pod["spec"]["containers"][0]["image"] = "nginx:2";
  pod["spec"]["containers"][0]["resources"]["requests"]["cpu"] = "3";
  pod["spec"]["containers"][0]["resources"]["limits"]["memory"] = "8Gi";
  pod["spec"]["initContainers"][0]["image"] = "busybox:2";
  pod["spec"]["resources"]["requests"]["cpu"] = "5";
  pod["spec"]["ephemeralContainers"] = Json::array({{{"name", "debugger"}, {"image", "busybox"}}});
  EXPECT_THAT(
      UnmetUpdates(made_with, pod, "simulated"),
      ElementsAre(Unmet("ImageChangeNotSupported", "first goes on with busybox:1, not busybox:2"),
                  Unmet("ImageChangeNotSupported", "main goes on with nginx, not nginx:2"),
                  Unmet("ResizeInfeasible", "main goes on with requests.cpu 2, not 3; limits.memory none, not 8Gi"),
                  Unmet("ResizeInfeasible", "the Pod goes on with requests.cpu none, not 5"),
                  Unmet("EphemeralContainerNotSupported", "debugger does not start")));
}

class PodUpdatesTest : public testing::AgentFixture {
 protected:
  void SetUp() override {
    AgentFixture::SetUp();
    StartAgent();
    cluster_.AddPod(SimplePod("web"));
    ASSERT_TRUE(Until([&] { return IsRunning("web"); }));
  }
  // For so much CPU.
  void Ask(const char* cpu) {
    const Json resources = {{"requests", {{"cpu", cpu}}}};
    cluster_.PatchPodSpec("web", {{"containers", Json::array({{{"name", "main"}, {"resources", resources}}})}});
  }
  const Json& Condition(const char* type) const {
    return Named(At(cluster_.Pod("web"), "status", "conditions"), type, "type");
  }
  std::ptrdiff_t Told(const char* reason) {
    runtime_.RunFor(30s);
    const auto reasons = cluster_.EventReasons("web");
    return std::count(reasons.begin(), reasons.end(), reason);
  }
};

TEST_F(PodUpdatesTest, AnImageThatIsNotChangedIsToldOnceForEachChange) {
  cluster_.PatchPodSpec("web", {{"containers", Json::array({{{"name", "main"}, {"image", "nginx:2"}}})}});
  EXPECT_EQ(Told("ImageChangeNotSupported"), 1);
  cluster_.PatchPodStatus("web", {{"conditions", Json::array()}});  // any other change
  EXPECT_EQ(Told("ImageChangeNotSupported"), 1);
  cluster_.PatchPodSpec("web", {{"containers", Json::array({{{"name", "main"}, {"image", "nginx:3"}}})}});
  EXPECT_EQ(Told("ImageChangeNotSupported"), 2);
  EXPECT_TRUE(IsRunning("web"));
  EXPECT_EQ(cloud_.counts().creates, 1u);
}

TEST_F(PodUpdatesTest, AResizeThatDoesNotHappenIsAConditionForAsLongAsItIsAskedFor) {
  Ask("3");
  EXPECT_EQ(Told("ResizeInfeasible"), 1);
  Json pending = Condition("PodResizePending");
  EXPECT_EQ(TextAt(pending, "status"), "True");
  EXPECT_EQ(TextAt(pending, "reason"), "Infeasible");
  EXPECT_THAT(TextAt(pending, "message"), HasSubstr("main goes on with requests.cpu 2, not 3"));
  const Json& status = Items(At(cluster_.Pod("web"), "status", "containerStatuses"))[0];
  EXPECT_EQ(TextAt(status, "resources", "requests", "cpu"), "2") << "what schedulers count";
  EXPECT_EQ(TextAt(status, "allocatedResources", "cpu"), "2");
  EXPECT_EQ(TextAt(Condition("Ready"), "status"), "True");

  KillAgent();
  StartAgent();
  runtime_.RunFor(30s);
  EXPECT_EQ(Condition("PodResizePending"), pending) << "as the agent before it said";
  Ask("4");
  runtime_.RunFor(30s);
  EXPECT_THAT(TextAt(Condition("PodResizePending"), "message"), HasSubstr("requests.cpu 2, not 4"));

  const std::size_t written = cluster_.status_patches.size();
  Ask("2");
  runtime_.RunFor(30s);
  EXPECT_TRUE(Condition("PodResizePending").is_null());
  const Json& settled = Items(At(cluster_.Pod("web"), "status", "containerStatuses"))[0];
  EXPECT_EQ(TextAt(settled, "resources", "requests", "cpu"), "2");
  EXPECT_EQ(cluster_.status_patches.size(), written + 1) << "said once";
  EXPECT_EQ(cloud_.counts().creates, 1u);
}

TEST_F(PodUpdatesTest, AnEphemeralContainerSaysInItsStatusThatItDoesNotStart) {
  cluster_.PatchPodSpec("web", {{"ephemeralContainers", Json::array({{{"name", "debugger"}, {"image", "busybox"}}})}});
  EXPECT_EQ(Told("EphemeralContainerNotSupported"), 1);
  const Json& status = At(cluster_.Pod("web"), "status");
  const Json& waiting = At(Named(At(status, "ephemeralContainerStatuses"), "debugger"), "state", "waiting");
  EXPECT_EQ(TextAt(waiting, "reason"), "EphemeralContainerNotSupported");
  EXPECT_THAT(TextAt(waiting, "message"), HasSubstr("cannot add a container"));
  EXPECT_EQ(TextAt(Named(At(status, "conditions"), "Ready", "type"), "status"), "True") << "the others run on";
}

TEST_F(PodUpdatesTest, AnAgentThatComesBackSaysNothingOfWhatItCannotKnow) {
  KillAgent();
  StartAgent();
  EXPECT_EQ(Told("ImageChangeNotSupported") + Told("ResizeInfeasible"), 0);
  cluster_.PatchPodSpec("web", {{"containers", Json::array({{{"name", "main"}, {"image", "nginx:2"}}})}});
  EXPECT_EQ(Told("ImageChangeNotSupported"), 1);
}

}  // namespace
}  // namespace spillway::cloud
