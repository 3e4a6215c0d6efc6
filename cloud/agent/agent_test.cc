#include "cloud/agent/agent.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "base/log.h"
#include "base/sim_runtime.h"
#include "cloud/providers/simulated/cloud.h"
#include "cloud/testing/agent_fixture.h"
#include "cloud/testing/fake_cluster.h"

namespace spillway::cloud {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using testing::FakeCluster;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::SimplePod;
using ::testing::SizeIs;

class AgentTest : public testing::AgentFixture {};

TEST_F(AgentTest, RegistersANodeThatKubectlShowsAsAgent) {
  options_.taint_value = "alibabacloud";
  StartAgent();
  ASSERT_TRUE(Until([&] {
    const Json& ready = Named(At(cluster_.node, "status", "conditions"), "Ready", "type");
    return TextAt(ready, "status") == "True" && !At(cluster_.lease, "metadata", "ownerReferences").is_null();
  }));
  const Json& node = cluster_.node;
  EXPECT_EQ(TextAt(node, "metadata", "labels", "type"), "virtual-kubelet");
  EXPECT_EQ(TextAt(node, "metadata", "labels", "kubernetes.io/role"), "agent");
  EXPECT_EQ(TextAt(node, "status", "capacity", "cpu"), "20");
  EXPECT_EQ(TextAt(Named(At(node, "status", "conditions"), "Ready", "type"), "status"), "True");
  EXPECT_EQ(TextAt(node, "spec", "taints") + TextAt(At(node, "spec", "taints")[0], "value"), "alibabacloud");
  const auto can = kube::Capabilities::Parse(TextAt(node, "metadata", "annotations", "spillway.io/capabilities"));
  EXPECT_TRUE(can.Can("readinessProbe")) << "the provider's";
  EXPECT_TRUE(can.Can("envResources")) << "the agent's";
  EXPECT_FALSE(can.Can("hostPath"));
  EXPECT_EQ(TextAt(node, "metadata", "annotations", "spillway.io/largest-instances"),
            kube::ToText(TypicalLargestInstances()));
  EXPECT_EQ(TextAt(At(cluster_.lease, "metadata", "ownerReferences")[0], "uid"), TextAt(node, "metadata", "uid"));
}

TEST_F(AgentTest, LeavesOutTheRoleLabelOnlyWhereItMayNotSetIt) {
  bool all = true;
  cluster_.fault = [&](const kube::Request& request) -> std::optional<Result<kube::Response>> {
    const bool creates = request.method == kube::Method::kPost && request.path == "/api/v1/nodes";
    if (!creates || (!all && request.body.find("kubernetes.io/role") == std::string::npos)) return std::nullopt;
    return kube::testing::FakeTransport::Reply(
        403, kube::testing::FakeTransport::StatusBody(403, "Forbidden", "nodes is forbidden"));
  };
  StartAgent();
  runtime_.RunFor(5s);
  EXPECT_TRUE(cluster_.node.is_null());
  all = false;  // what is left is NodeRestriction
  ASSERT_TRUE(Until([&] { return agent_->counts().is_registered; }));
  EXPECT_TRUE(At(cluster_.node, "metadata", "labels", "kubernetes.io/role").is_null());
  agent_.reset();
  cluster_.node = Json();
  all = true;
  StartAgent();
  runtime_.RunFor(5s);
  cluster_.fault = nullptr;  // it was for want of a permission
  ASSERT_TRUE(Until([&] { return agent_->counts().is_registered; }));
  EXPECT_EQ(TextAt(cluster_.node, "metadata", "labels", "kubernetes.io/role"), "agent");
}

TEST_F(AgentTest, LeaseIsRenewedAndForeignFieldsSurvive) {
  StartAgent();
  ASSERT_TRUE(Until([&] { return agent_->counts().is_registered && !cluster_.lease.is_null(); }));
  const std::string first = TextAt(cluster_.lease, "spec", "renewTime");
  cluster_.node["spec"]["unschedulable"] = true;
  cluster_.node["metadata"]["labels"]["team"] = "ops";
  cluster_.node["metadata"]["labels"].erase("type");
  cluster_.node["status"]["conditions"].push_back({{"type", "Foreign"}, {"status", "True"}});
  runtime_.RunFor(130s);
  EXPECT_GT(TextAt(cluster_.lease, "spec", "renewTime"), first);
  EXPECT_TRUE(IsTrue(At(cluster_.node, "spec", "unschedulable")));
  EXPECT_EQ(TextAt(cluster_.node, "metadata", "labels", "team"), "ops");
  EXPECT_EQ(TextAt(cluster_.node, "metadata", "labels", "type"), "virtual-kubelet") << "its own label is repaired";
  EXPECT_EQ(TextAt(Named(At(cluster_.node, "status", "conditions"), "Foreign", "type"), "status"), "True");
}

TEST_F(AgentTest, CreatesItsNodeAgainWhenSomeoneDeletesIt) {
  StartAgent();
  ASSERT_TRUE(Until([&] { return agent_->counts().is_registered; }));
  const std::string pod = cluster_.AddPod(SimplePod("web"));
  ASSERT_TRUE(Until([&] { return IsRunning("web"); }));
  const std::string before = TextAt(cluster_.node, "metadata", "uid");
  for (int i = 0; i < 3; ++i) {
    cluster_.DeleteNode();
    ASSERT_TRUE(Until(
        [&] {
          const Json& ready = Named(At(cluster_.node, "status", "conditions"), "Ready", "type");
          return TextAt(ready, "status") == "True";
        },
        2s));
    EXPECT_EQ(TextAt(cluster_.node, "metadata", "labels", "type"), "virtual-kubelet");
  }
  EXPECT_NE(TextAt(cluster_.node, "metadata", "uid"), before);
  EXPECT_TRUE(Until(
      [&] {
        return TextAt(At(cluster_.lease, "metadata", "ownerReferences")[0], "uid") ==
               TextAt(cluster_.node, "metadata", "uid");
      },
      20s));
  EXPECT_TRUE(IsRunning("web"));
  EXPECT_EQ(TextAt(cluster_.Pod("web"), "metadata", "uid"), pod);
  EXPECT_EQ(cloud_.counts().creates, 1u);
}

TEST_F(AgentTest, PutsBackWhatIsItsOwnAtOnceAndLeavesTheTaintsOfOthers) {
  StartAgent();
  ASSERT_TRUE(Until([&] { return agent_->counts().is_registered; }));
  runtime_.RunFor(1s);
  cluster_.SetTaints(Json::array({Json{{"key", "node.kubernetes.io/unschedulable"}, {"effect", "NoSchedule"}}}));
  ASSERT_TRUE(Until([&] { return At(cluster_.node, "spec", "taints").size() == 2; }, 3s));
  EXPECT_EQ(TextAt(At(cluster_.node, "spec", "taints")[0], "key"), "node.kubernetes.io/unschedulable");
}

TEST_F(AgentTest, RunsAPodAndReportsItAsAKubeletDoes) {
  StartAgent();
  cluster_.AddPod(SimplePod("web"));
  ASSERT_TRUE(Until([&] { return IsRunning("web"); }));
  EXPECT_LT(runtime_.Now().time_since_epoch(), 5s);
  const Json& status = At(cluster_.Pod("web"), "status");
  EXPECT_EQ(TextAt(status, "hostIP"), "10.0.0.5");
  EXPECT_FALSE(TextAt(status, "podIP").empty());
  for (const char* type : {"Ready", "ContainersReady", "Initialized", "PodScheduled", "PodReadyToStartContainers"}) {
    EXPECT_EQ(TextAt(Named(At(status, "conditions"), type, "type"), "status"), "True") << type;
  }
  runtime_.RunFor(2s);
  EXPECT_THAT(cluster_.EventReasons("web"), ElementsAre("InstanceCreated", "Pulled", "Created", "Started"));
  EXPECT_THAT(cluster_.status_patches, SizeIs(2)) << "once waiting, once running";
}

TEST_F(AgentTest, AJobsPodCompletesAndKeepsItsLogs) {
  Json pod = SimplePod("pi");
  pod["metadata"]["annotations"]["spillway.io/simulated-run-seconds"] = "30";
  pod["spec"]["restartPolicy"] = "Never";
  StartAgent();
  cluster_.AddPod(pod);
  ASSERT_TRUE(Until([&] { return cluster_.Phase("pi") == "Succeeded"; })) << cluster_.Pod("pi").dump(1);
  const Json& status = At(cluster_.Pod("pi"), "status");
  EXPECT_EQ(TextAt(Named(At(status, "containerStatuses"), "main"), "state", "terminated", "reason"), "Completed");
  EXPECT_EQ(TextAt(Named(At(status, "conditions"), "Ready", "type"), "reason"), "PodCompleted");
  EXPECT_THAT(cloud_.Instances(), SizeIs(1)) << "kubectl logs still works";
  cluster_.DeletePod("pi");
  EXPECT_TRUE(Until([&] { return cloud_.Instances().empty() && cluster_.Pod("pi").is_null(); }));
}

TEST_F(AgentTest, ALostReplyNeverMakesASecondInstance) {
  StartAgent();
  ASSERT_TRUE(Until([&] { return agent_->counts().is_synced; }));
  cloud_.faults().lost_reply = 1;
  for (int i = 0; i < 5; ++i) cluster_.AddPod(SimplePod("web-" + std::to_string(i)));
  runtime_.RunFor(15s);
  EXPECT_EQ(cloud_.counts().creates, 5u);
  cloud_.faults().lost_reply = 0;
  ASSERT_TRUE(Until([&] { return IsRunning("web-0") && IsRunning("web-4"); }));
  EXPECT_EQ(cloud_.counts().creates, 5u);
  EXPECT_THAT(cloud_.Instances(), SizeIs(5));
}

TEST_F(AgentTest, ARestartAdoptsWhatRuns) {
  StartAgent();
  cluster_.AddPod(SimplePod("web"));
  ASSERT_TRUE(Until([&] { return IsRunning("web"); }));
  runtime_.RunFor(2s);
  const std::size_t events = cluster_.events.size(), patches = cluster_.status_patches.size();
  KillAgent();
  runtime_.RunFor(20s);
  StartAgent();
  ASSERT_TRUE(Until([&] { return agent_->counts().running == 1; }));
  runtime_.RunFor(60s);
  EXPECT_EQ(cloud_.counts().creates, 1u);
  EXPECT_EQ(cluster_.events.size(), events) << "nothing has happened";
  EXPECT_EQ(cluster_.status_patches.size(), patches);
}

// As each restart of a StatefulSet does it.
TEST_F(AgentTest, ComesBackWithAnotherAddressAndItsPodsGoOn) {
  Json job = SimplePod("job");
  job["metadata"]["annotations"]["spillway.io/simulated-run-seconds"] = "60";
  job["spec"]["restartPolicy"] = "Never";
  StartAgent();
  cluster_.AddPod(job);
  cluster_.AddPod(SimplePod("web"));
  ASSERT_TRUE(Until([&] { return IsRunning("web") && IsRunning("job"); }));
  KillAgent();
  options_.internal_ip = "10.0.0.6";
  StartAgent();
  EXPECT_TRUE(Until([&] { return cluster_.Phase("job") == "Succeeded"; }, 90s));
  EXPECT_EQ(TextAt(cluster_.Pod("job"), "status", "hostIP"), "10.0.0.5");
  cluster_.DeletePod("web");
  EXPECT_TRUE(Until([&] { return cluster_.Pod("web").is_null(); }));
}

TEST_F(AgentTest, AnInstanceMadeAnewBringsItsAddress) {
  StartAgent();
  cluster_.AddPod(SimplePod("web"));
  cluster_.PatchPodStatus("web", {{"podIP", "10.9.9.9"}, {"podIPs", Json::array({Json{{"ip", "10.9.9.9"}}})}});
  ASSERT_TRUE(Until([&] { return IsRunning("web"); }));
  EXPECT_NE(TextAt(cluster_.Pod("web"), "status", "podIP"), "10.9.9.9");
}

TEST_F(AgentTest, AStatusThatCannotBeToldHoldsUpNoDeletion) {
  Json pod = SimplePod("web");
  pod["spec"]["restartPolicy"] = "OnFailure";
  StartAgent();
  const std::string uid = cluster_.AddPod(pod);
  ASSERT_TRUE(Until([&] { return IsRunning("web"); }));
  cluster_.fault = [](const kube::Request& request) -> std::optional<Result<kube::Response>> {
    if (!request.path.ends_with("/status") || request.path.find("/pods/") == std::string::npos) return std::nullopt;
    return kube::testing::FakeTransport::Reply(
        422, kube::testing::FakeTransport::StatusBody(422, "Invalid", "Pod \"web\" is invalid"));
  };
  cluster_.DeletePod("web");
  EXPECT_TRUE(Until([&] { return cluster_.Pod("web").is_null(); }, 30s));
  EXPECT_THAT(cluster_.released_uids, ElementsAre(uid));
}

TEST_F(AgentTest, KilledAtAnyMomentItStillEndsWithOneRunningInstance) {
  for (Duration at = 0ms; at < 1300ms; at += 25ms) {
    const std::string name = "p" + std::to_string(at / 1ms);
    StartAgent();
    cluster_.AddPod(SimplePod(name));
    runtime_.RunFor(at);
    KillAgent();
    runtime_.RunFor(100ms);
    StartAgent();
    ASSERT_TRUE(Until([&] { return IsRunning(name); })) << name;
    ASSERT_THAT(cloud_.Instances(), SizeIs(1)) << name;
    cluster_.DeletePod(name, 0);
    // Sometimes nobody has seen the Pod since the restart: then its instance is an orphan, and those take longer.
    ASSERT_TRUE(Until([&] { return cloud_.Instances().empty(); }, 3min)) << name;
  }
}

TEST_F(AgentTest, DeletingRemovesTheInstanceBeforeThePod) {
  StartAgent();
  const std::string uid = cluster_.AddPod(SimplePod("web"));
  ASSERT_TRUE(Until([&] { return IsRunning("web"); }));
  cluster_.DeletePod("web");
  ASSERT_TRUE(Until([&] { return cluster_.Pod("web").is_null(); }));
  EXPECT_THAT(cloud_.Instances(), IsEmpty());
  EXPECT_THAT(cluster_.released_uids, ElementsAre(uid));
  runtime_.RunFor(1s);
  EXPECT_EQ(agent_->counts().pods, 0u);
  EXPECT_THAT(cluster_.EventReasons("web"), Contains("Killing"));
}

TEST_F(AgentTest, AConflictThatIsNoSuccessorIsTriedAgain) {
  StartAgent();
  cluster_.AddPod(SimplePod("web"));
  ASSERT_TRUE(Until([&] { return IsRunning("web"); }));
  int conflicts = 2;
  cluster_.fault = [&](const kube::Request& request) -> std::optional<Result<kube::Response>> {
    if (request.method != kube::Method::kDelete || conflicts-- <= 0) return std::nullopt;
    return kube::testing::FakeTransport::Reply(
        409, kube::testing::FakeTransport::StatusBody(409, "Conflict", "the object has been modified"));
  };
  cluster_.DeletePod("web");
  EXPECT_TRUE(Until([&] { return cluster_.Pod("web").is_null(); }));
}

TEST_F(AgentTest, AnEndThatSomebodyElseWritesMeanwhileIsNotOverwritten) {
  StartAgent();
  cluster_.AddPod(SimplePod("web"));
  // As PodGC does, between what the agent knows and its next write.
  cluster_.fault = [&](const kube::Request& request) -> std::optional<Result<kube::Response>> {
    if (request.method == kube::Method::kPatch && request.body.find("\"Running\"") != std::string::npos) {
      cluster_.fault = nullptr;
      cluster_.PatchPodStatus("web", {{"phase", "Failed"}, {"reason", "Evicted"}});
    }
    return std::nullopt;
  };
  ASSERT_TRUE(Until([&] { return cluster_.Phase("web") == "Failed"; }));
  EXPECT_TRUE(Until([&] { return cloud_.Instances().empty(); }));
  runtime_.RunFor(60s);
  EXPECT_EQ(cluster_.Phase("web"), "Failed");
  EXPECT_EQ(TextAt(cluster_.Pod("web"), "status", "reason"), "Evicted");
}

// An eviction, or PodGC: the phase is theirs, what has become of the containers only the agent knows.
TEST_F(AgentTest, APodThatSomebodyElseEndedShowsThatNothingRuns) {
  StartAgent();
  cluster_.AddPod(SimplePod("web"));
  ASSERT_TRUE(Until([&] { return IsRunning("web"); }));
  cluster_.PatchPodStatus("web", {{"phase", "Failed"}, {"reason", "Evicted"}, {"message", "The node was low"}});
  ASSERT_TRUE(Until([&] { return cloud_.Instances().empty(); }));
  runtime_.RunFor(60s);
  const Json status = At(cluster_.Pod("web"), "status");
  EXPECT_EQ(TextAt(status, "phase"), "Failed");
  EXPECT_EQ(TextAt(status, "reason"), "Evicted");
  EXPECT_EQ(TextAt(status, "message"), "The node was low");
  const Json& main = Named(At(status, "containerStatuses"), "main");
  EXPECT_FALSE(At(main, "state", "terminated").is_null()) << main.dump();
  EXPECT_FALSE(IsTrue(At(main, "ready")));
  for (const char* type : {"Ready", "ContainersReady"}) {
    const Json& condition = Named(At(status, "conditions"), type, "type");
    EXPECT_EQ(TextAt(condition, "status"), "False");
    EXPECT_EQ(TextAt(condition, "reason"), "PodFailed");
  }
  const std::size_t written = cluster_.status_patches.size();
  StartAgent();
  runtime_.RunFor(5min);
  EXPECT_EQ(cluster_.status_patches.size(), written) << "told once";
}

TEST_F(AgentTest, APatchThatMetASuccessorIsNotTriedAgain) {
  StartAgent();
  cluster_.AddPod(SimplePod("web"));
  ASSERT_TRUE(Until([&] { return IsRunning("web"); }));
  int patches = 0;
  cluster_.fault = [&](const kube::Request& request) -> std::optional<Result<kube::Response>> {
    if (request.method != kube::Method::kPatch || !request.path.ends_with("/web/status")) return std::nullopt;
    ++patches;
    Json status = Json::parse(kube::testing::FakeTransport::StatusBody(422, "Invalid", "field is immutable"));
    status["details"]["causes"] = Json::array({{{"reason", "FieldValueInvalid"}, {"field", "metadata.uid"}}});
    return kube::testing::FakeTransport::Reply(422, status.dump());
  };
  cluster_.PatchPodStatus("web", {{"phase", "Pending"}});  // which the agent repairs
  runtime_.RunFor(60s);
  EXPECT_EQ(patches, 1);
}

TEST_F(AgentTest, DeletedDuringACreateWithALostReplyLeavesNothing) {
  StartAgent();
  ASSERT_TRUE(Until([&] { return agent_->counts().is_synced; }));
  cloud_.faults().lost_reply = 1;
  cluster_.AddPod(SimplePod("web"));
  runtime_.RunFor(500ms);
  ASSERT_EQ(cloud_.counts().creates, 1u);
  cluster_.DeletePod("web", 0);
  cloud_.faults().lost_reply = 0;
  EXPECT_TRUE(Until([&] { return cloud_.Instances().empty(); }));
  EXPECT_TRUE(Until([&] { return agent_->counts().pods == 0; }));
}

TEST_F(AgentTest, ASuccessorOfTheSameNameIsNotTouched) {
  StartAgent();
  cluster_.AddPod(SimplePod("web"));
  ASSERT_TRUE(Until([&] { return IsRunning("web"); }));
  cluster_.DeletePod("web", 0);
  const std::string successor = cluster_.AddPod(SimplePod("web"));
  ASSERT_TRUE(Until([&] { return IsRunning("web") && cloud_.Instances().size() == 1; }));
  EXPECT_EQ(cloud_.Instances()[0].identity.pod_uid, successor);
  runtime_.RunFor(60s);
  EXPECT_EQ(TextAt(cluster_.Pod("web"), "metadata", "uid"), successor);
  EXPECT_THAT(cluster_.released_uids, Not(Contains(successor)));
}

TEST_F(AgentTest, StockOutsEarlyAndLateAreRetriedUnderNewTokens) {
  cloud_.faults().no_stock = 1;
  StartAgent();
  cluster_.AddPod(SimplePod("web"));
  runtime_.RunFor(2s);
  EXPECT_EQ(TextAt(cluster_.Pod("web"), "status", "reason"), "InstanceCreateFailed");
  EXPECT_NE(TextAt(cluster_.Pod("web"), "status", "message").find("[stock]"), std::string::npos);
  cloud_.faults().no_stock = 0;
  cloud_.faults().late_no_stock = 1;
  runtime_.RunFor(20s);
  cloud_.faults().late_no_stock = 0;
  ASSERT_TRUE(Until([&] { return IsRunning("web"); }, 120s));
  EXPECT_TRUE(TextAt(cluster_.Pod("web"), "status", "reason").empty());
  EXPECT_TRUE(Until([&] { return cloud_.Instances().size() == 1; }));
}

TEST_F(AgentTest, ARestartAfterAStockOutFindsItsInstanceThoughTheListingIsEmpty) {
  cloud_.faults().no_stock = 1;
  StartAgent();
  cluster_.AddPod(SimplePod("web"));
  runtime_.RunFor(2s);
  cloud_.faults().no_stock = 0;
  ASSERT_TRUE(Until([&] { return cloud_.counts().creates == 1; }));  // under a new token
  KillAgent();                                                       // before it has told anyone
  cloud_.faults().auth_lost = true;
  StartAgent();
  runtime_.RunFor(10s);
  cloud_.faults().auth_lost = false;
  ASSERT_TRUE(Until([&] { return IsRunning("web"); }));
  EXPECT_EQ(cloud_.counts().creates, 1u);
}

TEST_F(AgentTest, AnEmptyListingIsAnAlarmNotAnAnswer) {
  StartAgent();
  for (int i = 0; i < 3; ++i) cluster_.AddPod(SimplePod("web-" + std::to_string(i)));
  ASSERT_TRUE(Until([&] { return IsRunning("web-0") && IsRunning("web-1") && IsRunning("web-2"); }));
  cloud_.faults().auth_lost = true;
  runtime_.RunFor(10min);
  KillAgent();
  StartAgent();
  runtime_.RunFor(10min);
  EXPECT_GE(observer_.suspicious, 1);
  EXPECT_EQ(observer_.lost, 0);
  EXPECT_TRUE(IsRunning("web-0") && IsRunning("web-1") && IsRunning("web-2"));
  cloud_.faults().auth_lost = false;
  ASSERT_TRUE(Until([&] { return agent_->counts().running == 3; }));
  EXPECT_EQ(cloud_.counts().creates, 3u);
  EXPECT_EQ(cloud_.counts().deletes, 0u);
}

TEST_F(AgentTest, AnInstanceThatVanishesFailsItsPodOnce) {
  StartAgent();
  cluster_.AddPod(SimplePod("web"));
  cluster_.AddPod(SimplePod("other"));
  ASSERT_TRUE(Until([&] { return IsRunning("web") && IsRunning("other"); }));
  for (const Instance& instance : cloud_.Instances()) {
    if (instance.identity.pod_name == "web") cloud_.Lose(instance.id);
  }
  runtime_.RunFor(50s);
  EXPECT_TRUE(IsRunning("web")) << "it takes several listings";
  ASSERT_TRUE(Until([&] { return cluster_.Phase("web") == "Failed"; }));
  EXPECT_EQ(TextAt(cluster_.Pod("web"), "status", "reason"), "InstanceLost");
  runtime_.RunFor(60s);
  EXPECT_EQ(observer_.lost, 1);
  EXPECT_EQ(cloud_.counts().creates, 2u) << "a Pod that ran is not run again";
}

TEST_F(AgentTest, OrphansGoOnlyAfterRepeatedConfirmation) {
  StartAgent();
  cluster_.AddPod(SimplePod("left"));
  cluster_.AddPod(SimplePod("web"));
  ASSERT_TRUE(Until([&] { return IsRunning("web") && IsRunning("left"); }));
  KillAgent();
  cluster_.DeletePod("left", 0);  // while nobody looks
  StartAgent();
  runtime_.RunFor(50s);
  EXPECT_THAT(cloud_.Instances(), SizeIs(2)) << "not yet";
  EXPECT_EQ(agent_->counts().orphans, 1u);
  ASSERT_TRUE(Until([&] { return cloud_.Instances().size() == 1; }));
  EXPECT_EQ(cloud_.Instances()[0].identity.pod_name, "web");
  EXPECT_EQ(observer_.orphans, 1);
}

TEST_F(AgentTest, AnOrphanWhosePodTheApiStillKnowsElsewhereIsSpared) {
  StartAgent();
  cluster_.AddPod(SimplePod("web"));
  ASSERT_TRUE(Until([&] { return IsRunning("web"); }));
  KillAgent();
  // The list leaves the Pod out (a broken selector, say), but a direct read finds it, on another node.
  cluster_.fault = [&](const kube::Request& request) -> std::optional<Result<kube::Response>> {
    if (request.path.starts_with("/api/v1/pods?") && request.path.find("watch=") == std::string::npos) {
      return kube::testing::FakeTransport::Reply(
          200, R"({"kind":"PodList","metadata":{"resourceVersion":"900"},"items":[]})");
    }
    if (request.path == "/api/v1/namespaces/default/pods/web") {
      Json pod = cluster_.Pod("web");
      pod["spec"]["nodeName"] = "elsewhere";
      return kube::testing::FakeTransport::Reply(200, pod.dump());
    }
    return std::nullopt;
  };
  StartAgent();
  runtime_.RunFor(5min);
  EXPECT_THAT(cloud_.Instances(), SizeIs(1));
}

TEST_F(AgentTest, AStatusOverwrittenByOthersIsSentAgain) {
  StartAgent();
  cluster_.AddPod(SimplePod("web"));
  ASSERT_TRUE(Until([&] { return IsRunning("web"); }));
  runtime_.RunFor(1s);
  cluster_.PatchPodStatus("web", {{"phase", "Pending"}});
  EXPECT_TRUE(Until([&] { return IsRunning("web"); }, 5s));
}

TEST_F(AgentTest, AMissingSecretHoldsThePodUntilItComes) {
  Json pod = SimplePod("web");
  const Json ref = {{"name", "token"}, {"key", "value"}};
  pod["spec"]["containers"][0]["env"] = Json::array({Json{{"name", "TOKEN"}, {"valueFrom", {{"secretKeyRef", ref}}}}});
  StartAgent();
  cluster_.AddPod(pod);
  runtime_.RunFor(3s);
  const Json& waiting = At(Named(At(cluster_.Pod("web"), "status", "containerStatuses"), "main"), "state", "waiting");
  EXPECT_EQ(TextAt(waiting, "reason"), "CreateContainerConfigError");
  EXPECT_THAT(cluster_.EventReasons("web"), Contains("MandatorySecretNotFound"));
  cluster_.Add("secrets", "token", {{"data", {{"value", "aGVsbG8="}}}});
  EXPECT_TRUE(Until([&] { return IsRunning("web"); }));
}

TEST_F(AgentTest, AVolumeWithoutItsConfigMapHoldsThePodInKubeletsWords) {
  Json pod = SimplePod("web");
  pod["spec"]["volumes"] = Json::array({Json{{"name", "conf"}, {"configMap", {{"name", "settings"}}}}});
  StartAgent();
  cluster_.AddPod(pod);
  runtime_.RunFor(3s);
  const Json& waiting = At(Named(At(cluster_.Pod("web"), "status", "containerStatuses"), "main"), "state", "waiting");
  EXPECT_EQ(TextAt(waiting, "reason"), "ContainerCreating");
  EXPECT_EQ(TextAt(waiting, "message"),
            "MountVolume.SetUp failed for volume \"conf\" : configmap \"settings\" not found");
  EXPECT_THAT(cluster_.EventReasons("web"), Contains("FailedMount"));
  EXPECT_EQ(cloud_.counts().creates, 0u);
  cluster_.Add("configmaps", "settings", {{"data", {{"a", "1"}}}});
  EXPECT_TRUE(Until([&] { return IsRunning("web"); }, 15s)) << "by itself, and soon";
}

TEST_F(AgentTest, APodPastItsDeadlineHasFailedOnceNothingOfItRuns) {
  Json pod = SimplePod("late");
  pod["spec"]["activeDeadlineSeconds"] = 20;
  StartAgent();
  cluster_.AddPod(pod);
  ASSERT_TRUE(Until([&] { return IsRunning("late"); }));
  const auto main = [&] { return Named(At(cluster_.Pod("late"), "status", "containerStatuses"), "main"); };
  ASSERT_TRUE(Until([&] {
    const bool has_failed = cluster_.Phase("late") == "Failed";
    EXPECT_NE(has_failed, !At(main(), "state", "running").is_null()) << cluster_.Pod("late").dump(1);
    return has_failed;
  }));
  EXPECT_EQ(TextAt(cluster_.Pod("late"), "status", "reason"), "DeadlineExceeded");
  EXPECT_FALSE(At(main(), "state", "terminated").is_null());
  EXPECT_FALSE(IsTrue(At(main(), "ready")));
  EXPECT_TRUE(Until([&] { return cloud_.Instances().empty(); }));
}

// The agent before this one had ended it for that, and could not tell any more.
TEST_F(AgentTest, APodWhoseInstanceWentAtItsDeadlineIsNotLost) {
  Json pod = SimplePod("late");
  pod["spec"]["activeDeadlineSeconds"] = 60;
  StartAgent();
  for (const char* other : {"a", "b", "c"}) cluster_.AddPod(SimplePod(other));
  cluster_.AddPod(pod);
  ASSERT_TRUE(Until([&] { return agent_->counts().running == 4 && IsRunning("late"); }));
  agent_.reset();
  for (const Instance& instance : cloud_.Instances()) {
    if (instance.identity.pod_name == "late") cloud_.Lose(instance.id);
  }
  ASSERT_EQ(cloud_.Instances().size(), 3u);
  runtime_.RunFor(60s);
  StartAgent();
  ASSERT_TRUE(Until([&] { return cluster_.Phase("late") == "Failed"; }, 2min));
  EXPECT_EQ(TextAt(cluster_.Pod("late"), "status", "reason"), "DeadlineExceeded");
  EXPECT_EQ(observer_.lost, 0);
}

TEST_F(AgentTest, APodThatWaitsMissesItsDeadlineToo) {
  Json pod = SimplePod("late");
  pod["spec"]["activeDeadlineSeconds"] = 20;
  pod["spec"]["volumes"] = Json::array({Json{{"name", "conf"}, {"configMap", {{"name", "settings"}}}}});
  StartAgent();
  cluster_.AddPod(pod);
  EXPECT_FALSE(Until([&] { return cluster_.Phase("late") == "Failed"; }, 19s));
  EXPECT_TRUE(Until([&] { return cluster_.Phase("late") == "Failed"; }, 3s));
  EXPECT_EQ(TextAt(cluster_.Pod("late"), "status", "reason"), "DeadlineExceeded");
  cluster_.Add("configmaps", "settings", {{"data", {{"a", "1"}}}});
  runtime_.RunFor(60s);
  EXPECT_EQ(cloud_.counts().creates, 0u);
}

TEST_F(AgentTest, WhatIsFoundByAListingIsNotHeldUpAnyMore) {
  cloud_.faults().no_stock = 1;
  StartAgent();
  cluster_.AddPod(SimplePod("web"));
  ASSERT_TRUE(Until([&] { return TextAt(cluster_.Pod("web"), "status", "reason") == "InstanceCreateFailed"; }));
  cloud_.faults().no_stock = 0;
  cloud_.faults().lost_reply = 1;
  ASSERT_TRUE(Until([&] { return cloud_.counts().creates == 1; }));
  cloud_.faults().lost_reply = 0;
  ASSERT_TRUE(Until([&] { return IsRunning("web"); }));
  EXPECT_EQ(TextAt(cluster_.Pod("web"), "status", "reason"), "");
  EXPECT_EQ(TextAt(cluster_.Pod("web"), "status", "message"), "");
}

TEST_F(AgentTest, ShutdownKeepsInstances) {
  StartAgent();
  cluster_.AddPod(SimplePod("web"));
  ASSERT_TRUE(Until([&] { return IsRunning("web"); }));
  bool ended = false;
  TaskScope scope(runtime_);
  struct Flow {
    static Task<void> Run(Agent& agent, Instant deadline, bool& ended) {
      co_await agent.Shutdown(deadline);
      ended = true;
    }
  };
  scope.Spawn(Flow::Run(*agent_, runtime_.Now() + 10s, ended));
  ASSERT_TRUE(Until([&] { return ended; }));
  cluster_.AddPod(SimplePod("late"));
  runtime_.RunFor(30s);
  EXPECT_EQ(cloud_.counts().creates, 1u) << "no new instances";
  EXPECT_EQ(cloud_.counts().deletes, 0u);
}

}  // namespace
}  // namespace spillway::cloud
