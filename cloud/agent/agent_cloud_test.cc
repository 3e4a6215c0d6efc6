// What an agent concludes, and does not, from what its cloud shows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/scope.h"
#include "base/sim_process.h"
#include "base/testing/run_until.h"
#include "cloud/agent/client_token.h"
#include "cloud/testing/agent_fixture.h"

namespace spillway::cloud {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::SimplePod;
using ::testing::SizeIs;

class AgentCloudTest : public testing::AgentFixture {
 protected:
  void RunPods(int count) {
    StartAgent();
    for (int i = 0; i < count; ++i) cluster_.AddPod(SimplePod("web-" + std::to_string(i)));
    ASSERT_TRUE(Until([&] { return Running() == count; }));
  }
  int Running() {
    int running = 0;
    for (int i = 0; i < 100; ++i) running += IsRunning("web-" + std::to_string(i)) ? 1 : 0;
    return running;
  }
  void Hide(std::set<std::string> pods) {
    provider_->hides = [pods](const Instance& instance) { return pods.contains(instance.identity.pod_name); };
  }
  // Left by an agent of `node` that is no more.
  void LeaveBehind(const std::string& node, const std::string& pod) {
    CreateRequest request;
    request.identity = {"cluster", node, "uid-" + pod, "default", pod};
    request.client_token = "token-" + pod;
    request.pod = SimplePod(pod);
    struct Flow {
      static Task<void> Run(Provider& provider, CreateRequest request) {
        (void)co_await provider.Create(std::move(request));
      }
    };
    const std::size_t before = cloud_.Instances().size();
    TaskScope scope(runtime_);
    const auto provider = cloud_.NewProvider();
    scope.Spawn(Flow::Run(*provider, std::move(request)));
    ASSERT_TRUE(Until([&] { return cloud_.Instances().size() == before + 1; }));
  }
};

TEST_F(AgentCloudTest, ChangesAreAppliedAsTheyCome) {
  options_.capacity["pods"] = "100";
  options_.capacity["cpu"] = "1000";
  options_.capacity["memory"] = "1Ti";
  RunPods(50);
  EXPECT_EQ(observer_.calls["describe"], 0);
  EXPECT_LT(observer_.calls["list"], 5);
}

TEST_F(AgentCloudTest, AListingThatLacksAnInstanceIsNotBelievedAtOnce) {
  RunPods(3);
  Hide({"web-1"});
  runtime_.RunFor(45s);
  provider_->hides = nullptr;
  runtime_.RunFor(20s);
  Hide({"web-1"});
  runtime_.RunFor(45s);
  EXPECT_EQ(Running(), 3) << "each time it was less than a minute";
  ASSERT_TRUE(Until([&] { return cluster_.Phase("web-1") == "Failed"; }));
  EXPECT_EQ(observer_.lost, 1);
  EXPECT_EQ(observer_.suspicious, 0);
}

TEST_F(AgentCloudTest, ManyThatVanishAtOnceAreAnAlarmAndNothingElse) {
  RunPods(5);
  Hide({"web-0", "web-1", "web-2"});
  runtime_.RunFor(10min);
  EXPECT_EQ(Running(), 5);
  EXPECT_EQ(observer_.lost, 0);
  EXPECT_GT(observer_.suspicious, 0);
  EXPECT_TRUE(agent_->counts().is_cloud_suspect);
  provider_->hides = nullptr;
  runtime_.RunFor(20s);
  EXPECT_FALSE(agent_->counts().is_cloud_suspect);
}

// Alibaba keeps the records of ended instances for an hour.
TEST_F(AgentCloudTest, APodThatHasEndedOutlivesItsRecord) {
  Json pod = SimplePod("job");
  pod["metadata"]["annotations"]["spillway.io/simulated-run-seconds"] = "5";
  pod["spec"]["restartPolicy"] = "Never";
  RunPods(1);
  cluster_.AddPod(pod);
  ASSERT_TRUE(Until([&] { return cluster_.Phase("job") == "Succeeded"; }));
  for (const Instance& instance : cloud_.Instances()) {
    if (instance.identity.pod_name == "job") cloud_.Lose(instance.id);
  }
  runtime_.RunFor(5min);
  KillAgent();
  StartAgent();
  runtime_.RunFor(5min);
  EXPECT_EQ(cluster_.Phase("job"), "Succeeded");
  EXPECT_EQ(observer_.lost, 0);
  cluster_.DeletePod("job");
  EXPECT_TRUE(Until([&] { return cluster_.Pod("job").is_null(); }));
}

TEST_F(AgentCloudTest, WhoRanBeforeTheAgentIsLookedForAsLong) {
  RunPods(2);
  const std::string id = cloud_.Instances()[0].id, pod = cloud_.Instances()[0].identity.pod_name;
  KillAgent();
  cloud_.Lose(id);
  StartAgent();
  runtime_.RunFor(50s);
  EXPECT_TRUE(IsRunning(pod));
  EXPECT_TRUE(Until([&] { return TextAt(cluster_.Pod(pod), "status", "reason") == "InstanceLost"; }));
}

TEST_F(AgentCloudTest, ADeletionThatHasNoEffectIsAskedForAgain) {
  RunPods(1);
  cloud_.faults().ignored_delete = 1;
  cluster_.DeletePod("web-0", 5);
  runtime_.RunFor(60s);
  EXPECT_EQ(cloud_.counts().delete_calls, 1u) << "it may take its time";
  cloud_.faults().ignored_delete = 0;
  EXPECT_TRUE(Until([&] { return cluster_.Pod("web-0").is_null(); }));
  EXPECT_EQ(cloud_.counts().delete_calls, 2u);
}

TEST_F(AgentCloudTest, AShorterGraceHurriesADeletionOn) {
  cloud_.options().stop = Latency::Fixed(10min);
  RunPods(1);
  cluster_.DeletePod("web-0", 600);
  runtime_.RunFor(20s);
  ASSERT_THAT(cloud_.Instances(), SizeIs(1));
  cluster_.DeletePod("web-0", 0);
  EXPECT_TRUE(Until([&] { return cloud_.Instances().empty(); }, 10s));
  EXPECT_TRUE(Until([&] { return agent_->counts().pods == 0; }, 10s));
}

TEST_F(AgentCloudTest, AnInstanceThatCannotBeDeletedIsTold) {
  RunPods(1);
  cloud_.faults().auth_lost = true;
  cluster_.DeletePod("web-0", 0);
  cluster_.AddPod(SimplePod("web-1"));
  runtime_.RunFor(30s);
  EXPECT_THAT(cluster_.EventReasons("web-0"), Contains("InstanceDeleteFailed"));
  EXPECT_GT(observer_.calls["delete"], 1);
  cloud_.faults().auth_lost = false;
  EXPECT_TRUE(Until([&] { return IsRunning("web-1") && cloud_.Instances().size() == 1; }));
}

// Who may see nothing is shown nothing, twice or ten times.
TEST_F(AgentCloudTest, APodOutlivesItsInstanceAlsoWhenTheCloudShowsNothingAnyMore) {
  cloud_.options().stop = Latency::Fixed(20s);
  RunPods(1);
  cluster_.DeletePod("web-0", 30);
  ASSERT_TRUE(Until([&] { return cloud_.counts().delete_calls == 1; }, 5s));
  cloud_.faults().auth_lost = true;
  runtime_.RunFor(15s);
  ASSERT_THAT(cloud_.Instances(), SizeIs(1));
  EXPECT_EQ(agent_->counts().pods, 1);
  cloud_.faults().auth_lost = false;
  EXPECT_TRUE(Until([&] { return agent_->counts().pods == 0; }));
  EXPECT_THAT(cloud_.Instances(), IsEmpty());
}

TEST_F(AgentCloudTest, AnOrphanThatDiesSlowlyIsDeletedOnceAndHoldsUpNoOther) {
  cloud_.options().stop = Latency::Fixed(20min);
  options_.orphans_per_round = 1;
  for (const char* pod : {"a", "b", "c"}) LeaveBehind("vnode", pod);
  RunPods(1);
  runtime_.RunFor(4min);
  EXPECT_EQ(cloud_.counts().deletes, 3u);
  EXPECT_EQ(cloud_.counts().delete_calls, 3u);
  EXPECT_EQ(observer_.orphans, 3);
  runtime_.RunFor(5min);
  EXPECT_GT(cloud_.counts().delete_calls, 3u) << "they are still there";
  EXPECT_EQ(observer_.orphans, 3) << "told once";
}

TEST_F(AgentCloudTest, InstancesOfANodeThatIsNoMoreAreCollectedThoseOfAnotherAreNot) {
  LeaveBehind("scaled-away", "left");
  LeaveBehind("other", "theirs");
  cluster_.Add("nodes", "other", {{"metadata", {{"name", "other"}}}});
  RunPods(1);
  runtime_.RunFor(4min);
  EXPECT_THAT(cloud_.Instances(), SizeIs(3)) << "a Node may be away for a moment";
  runtime_.RunFor(4min);
  std::vector<std::string> pods;
  for (const Instance& instance : cloud_.Instances()) pods.push_back(instance.identity.pod_name);
  EXPECT_THAT(pods, Contains("theirs"));
  EXPECT_THAT(pods, Not(Contains("left")));
  EXPECT_EQ(agent_->counts().orphans, 0u) << "of its own";
}

TEST_F(AgentCloudTest, NothingIsAskedForBeforeItIsNotedOnThePod) {
  bool refuses = true;
  cluster_.fault = [&](const kube::Request& request) -> std::optional<Result<kube::Response>> {
    const bool is_status = request.path.find("/pods/") != std::string::npos && request.path.ends_with("/status");
    if (!is_status || !refuses) return std::nullopt;
    return kube::testing::FakeTransport::Reply(
        500, kube::testing::FakeTransport::StatusBody(500, "InternalError", "etcd is ill"));
  };
  StartAgent();
  cluster_.AddPod(SimplePod("web-0"));
  runtime_.RunFor(30s);
  EXPECT_EQ(cloud_.counts().creates, 0u);
  refuses = false;
  EXPECT_TRUE(Until([&] { return IsRunning("web-0"); }));
  const Json& annotations = At(cluster_.Pod("web-0"), "metadata", "annotations");
  EXPECT_EQ(TextAt(annotations, "spillway.io/instance-generation"), "0");
  EXPECT_EQ(TextAt(annotations, "spillway.io/request-digest").size(), 8u);
  EXPECT_THAT(cluster_.status_patches, SizeIs(2)) << "with the first status";
}

Json PodWithSecret(const std::string& name) {
  Json pod = SimplePod(name);
  const Json ref = {{"name", "token"}, {"key", "value"}};
  pod["spec"]["containers"][0]["env"] = Json::array({Json{{"name", "TOKEN"}, {"valueFrom", {{"secretKeyRef", ref}}}}});
  return pod;
}

TEST_F(AgentCloudTest, ARequestThatDiffersAfterARestartAdoptsWhatIsThere) {
  cluster_.Add("secrets", "token", {{"data", {{"value", "aGVsbG8="}}}});
  StartAgent();
  ASSERT_TRUE(Until([&] { return agent_->counts().is_synced; }));
  cloud_.faults().lost_reply = 1;
  cluster_.AddPod(PodWithSecret("web-0"));
  ASSERT_TRUE(Until([&] { return cloud_.counts().creates == 1; }, 120s));
  KillAgent();
  cloud_.faults().lost_reply = 0;
  cluster_.Add("secrets", "token", {{"data", {{"value", "d29ybGQ="}}}});
  StartAgent();
  Hide({"web-0"});  // it is a while before it is listed
  runtime_.RunFor(40s);
  EXPECT_EQ(cloud_.counts().creates, 1u);
  provider_->hides = nullptr;
  EXPECT_TRUE(Until([&] { return IsRunning("web-0"); }));
  EXPECT_EQ(cloud_.counts().creates, 1u);
}

TEST_F(AgentCloudTest, ARequestThatDiffersAndWasNeverCarriedOutIsMadeAnewWhenThatIsCertain) {
  cluster_.Add("secrets", "token", {{"data", {{"value", "aGVsbG8="}}}});
  StartAgent();
  ASSERT_TRUE(Until([&] { return agent_->counts().is_synced; }));
  cloud_.faults().lost_request = 1;
  cluster_.AddPod(PodWithSecret("web-0"));
  ASSERT_TRUE(Until(
      [&] { return !TextAt(cluster_.Pod("web-0"), "metadata", "annotations", "spillway.io/request-digest").empty(); },
      120s));
  KillAgent();
  cloud_.faults().lost_request = 0;
  cluster_.Add("secrets", "token", {{"data", {{"value", "d29ybGQ="}}}});
  StartAgent();
  runtime_.RunFor(55s);
  EXPECT_EQ(cloud_.counts().creates, 0u);
  EXPECT_TRUE(Until([&] { return IsRunning("web-0"); }, 90s));
  EXPECT_EQ(TextAt(cluster_.Pod("web-0"), "metadata", "annotations", "spillway.io/instance-generation"), "1");
}

TEST_F(AgentCloudTest, ATokenThatTheCloudKnowsForSomethingElseIsNotReplacedAtOnce) {
  StartAgent();
  int refused = 0;
  provider_->refuses_create = [&]() -> std::optional<CloudError> {
    if (refused++ > 0) return std::nullopt;
    return CloudError{Refusal::kTokenMismatch, Error{Code::kInvalidArgument, "IdempotentParameterMismatch"}, "", "r-1"};
  };
  cluster_.AddPod(SimplePod("web-0"));
  runtime_.RunFor(55s);
  EXPECT_EQ(refused, 1);
  EXPECT_NE(TextAt(cluster_.Pod("web-0"), "status", "message").find("[token]"), std::string::npos);
  EXPECT_TRUE(Until([&] { return IsRunning("web-0"); }, 90s));
}

TEST_F(AgentCloudTest, ASecondAgentOfOneNameWaitsUntilTheFirstIsDead) {
  options_.is_dead = nullptr;
  RunPods(3);
  const auto other_provider = cloud_.NewProvider();
  std::optional<Agent> other(std::in_place, runtime_, cluster_.transport(), *other_provider, options_);
  other->Start();
  cluster_.AddPod(SimplePod("web-3"));
  runtime_.RunFor(3min);
  EXPECT_TRUE(other->counts().is_waiting_for_lease);
  EXPECT_EQ(other->counts().pods, 0u);
  EXPECT_EQ(Running(), 4);
  KillAgent();
  EXPECT_TRUE(Until([&] { return other->counts().running == 4; }, 30s)) << "15 s without a renewal";
  EXPECT_EQ(cloud_.counts().creates, 4u);
}

TEST_F(AgentCloudTest, AnAgentThatStoodStillFindsAnotherInItsPlaceAndEnds) {
  options_.is_dead = nullptr;
  provider_ = std::make_unique<testing::VeiledProvider>(cloud_.NewProvider());
  SimProcess process(runtime_, 3);
  AgentOptions options = options_;
  std::string taken_by;
  Agent first(process, cluster_.transport(), *provider_, options);
  first.Start([&](const std::string& holder) { taken_by = holder; });
  ASSERT_TRUE(Until([&] { return first.counts().is_registered; }));
  process.Pause();
  const auto other_provider = cloud_.NewProvider();
  options.identity = "the-other";
  Agent other(runtime_, cluster_.transport(), *other_provider, options);
  other.Start();
  ASSERT_TRUE(Until([&] { return !other.counts().is_waiting_for_lease; }, 60s));
  process.Resume();
  EXPECT_TRUE(Until([&] { return taken_by == "the-other"; }, 30s));
  runtime_.RunFor(30s);
  EXPECT_FALSE(other.counts().is_waiting_for_lease);
}

TEST_F(AgentCloudTest, WhoseClockIsAheadTakesNoNodeFromAnAgentThatLives) {
  options_.is_dead = nullptr;
  RunPods(1);
  SimProcess process(runtime_, 3);
  process.SetSkew(5min);
  const auto other_provider = cloud_.NewProvider();
  Agent other(process, cluster_.transport(), *other_provider, options_);
  other.Start();
  runtime_.RunFor(3min);
  EXPECT_TRUE(other.counts().is_waiting_for_lease);
  EXPECT_FALSE(agent_->counts().is_waiting_for_lease);
}

TEST_F(AgentCloudTest, ALeaseThatWentWithItsNodeIsItsHoldersAllTheSame) {
  options_.is_dead = nullptr;
  RunPods(1);
  const auto other_provider = cloud_.NewProvider();
  Agent other(runtime_, cluster_.transport(), *other_provider, options_);
  other.Start();
  runtime_.RunFor(5s);
  cluster_.lease = Json();
  cluster_.DeleteNode();
  EXPECT_TRUE(Until([&] { return !cluster_.lease.is_null(); }, 3s)) << "nobody else may find that there is none";
  runtime_.RunFor(1min);
  EXPECT_TRUE(other.counts().is_waiting_for_lease);
}

TEST_F(AgentCloudTest, WhoCannotRenewTheLeaseMakesNoInstanceAndTellsNothing) {
  RunPods(1);
  cluster_.fault = [](const kube::Request& request) -> std::optional<Result<kube::Response>> {
    if (request.path.find("/leases") == std::string::npos) return std::nullopt;
    return Fail(Code::kUnavailable, "the API server does not answer");
  };
  runtime_.RunFor(15s);
  const std::size_t told = cluster_.status_patches.size();
  cluster_.AddPod(SimplePod("web-1"));
  ASSERT_TRUE(cloud_.Reclaim(cloud_.Instances().front().id));
  runtime_.RunFor(20s);
  EXPECT_EQ(cloud_.counts().creates, 1u) << "another agent may have taken over";
  EXPECT_EQ(cluster_.status_patches.size(), told);
  cluster_.fault = nullptr;
  EXPECT_TRUE(Until([&] { return IsRunning("web-1") && cluster_.Phase("web-0") == "Failed"; }, 15s));
}

TEST_F(AgentCloudTest, WhoCannotRenewTheLeaseTriesNoCreateAgain) {
  StartAgent();
  int asked = 0;
  provider_->refuses_create = [&]() -> std::optional<CloudError> {
    ++asked;
    return CloudError{Refusal::kThrottled, Error{Code::kThrottled, "Throttling"}, "", "r-1"};
  };
  cluster_.AddPod(SimplePod("web-0"));
  ASSERT_TRUE(Until([&] { return asked > 0; }));
  cluster_.fault = [](const kube::Request& request) -> std::optional<Result<kube::Response>> {
    if (request.path.find("/leases") == std::string::npos) return std::nullopt;
    return Fail(Code::kUnavailable, "the API server does not answer");
  };
  runtime_.RunFor(15s);
  const int before = asked;
  runtime_.RunFor(2min);
  EXPECT_EQ(asked, before);
}

TEST_F(AgentCloudTest, WhatAnotherAgentMayHaveAskedForIsLookedForFirst) {
  StartAgent();
  bool refused = false;
  provider_->refuses_create = [&]() -> std::optional<CloudError> {
    refused = true;
    return CloudError{Refusal::kThrottled, Error{Code::kThrottled, "Throttling"}, "", "r-1"};
  };
  const std::string uid = cluster_.AddPod(SimplePod("web-0"));
  ASSERT_TRUE(Until([&] { return refused; }));
  cluster_.AnnotatePod("web-0", NoteAnnotations({1, "0123abcd"}, uid));
  provider_->refuses_create = nullptr;
  std::set<std::string> tokens;
  provider_->on_create = [&](const CreateRequest& request) { tokens.insert(request.client_token); };
  runtime_.RunFor(50s);
  EXPECT_THAT(tokens, IsEmpty());
  EXPECT_TRUE(Until([&] { return IsRunning("web-0"); }, 60s));
  EXPECT_THAT(tokens, ElementsAre(MakeClientToken("cluster", uid, 2)));
}

// It stood still meanwhile, and what it knows is of the past.
TEST_F(AgentCloudTest, WhatAnotherAgentHasMadeTakesThePlaceOfAnInstanceThatIsLost) {
  cloud_.options().start = Latency::Fixed(1h);
  StartAgent();
  const std::string uid = cluster_.AddPod(SimplePod("web-0"));
  ASSERT_TRUE(Until([&] { return cloud_.counts().creates == 1 && agent_->FindInstance("default", "web-0", ""); }));
  ASSERT_TRUE(cloud_.Lose(cloud_.Instances().front().id));
  cluster_.AnnotatePod("web-0", NoteAnnotations({1, "0123abcd"}, uid));
  CreateRequest request;
  request.identity = {"cluster", "vnode", uid, "default", "web-0"};
  request.client_token = MakeClientToken("cluster", uid, 1);
  request.pod = cluster_.Pod("web-0");
  const auto other = cloud_.NewProvider();
  const auto made = spillway::testing::Await(runtime_, other->Create(std::move(request)));
  ASSERT_TRUE(made && *made);
  runtime_.RunFor(5min);
  EXPECT_EQ(cloud_.counts().creates, 2u);
  EXPECT_EQ(cloud_.counts().deletes, 0u);
  const auto found = agent_->FindInstance("default", "web-0", "");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->instance_id, (*made)->id);
}

// kubectl get -o yaml, another name, kubectl create.
TEST_F(AgentCloudTest, TheNotesInACopiedManifestAreAnotherPods) {
  RunPods(1);
  Json copy = SimplePod("copy");
  copy["metadata"]["annotations"] = At(cluster_.Pod("web-0"), "metadata", "annotations");
  copy["metadata"]["annotations"][kInstanceGeneration] = "7";
  const std::string uid = cluster_.AddPod(std::move(copy));
  std::set<std::string> tokens;
  provider_->on_create = [&](const CreateRequest& request) { tokens.insert(request.client_token); };
  EXPECT_TRUE(Until([&] { return IsRunning("copy"); }, 5s));
  EXPECT_THAT(tokens, ElementsAre(MakeClientToken("cluster", uid, 0)));
}

TEST_F(AgentCloudTest, WhatWasPutOffIsTriedAsSoonAsTheCloudIsBack) {
  RunPods(1);
  cloud_.faults().down = true;
  cluster_.DeletePod("web-0");
  cluster_.AddPod(SimplePod("web-1"));
  runtime_.RunFor(10min);
  cloud_.faults().down = false;
  EXPECT_TRUE(Until([&] { return IsRunning("web-1") && cluster_.Pod("web-0").is_null(); }, 20s));
}

TEST_F(AgentCloudTest, AnAgentThatEndsInOrderHandsOverAtOnce) {
  options_.is_dead = nullptr;
  RunPods(1);
  struct Flow {
    static Task<void> Run(Agent& agent, Instant deadline, bool& ended) {
      co_await agent.Shutdown(deadline);
      ended = true;
    }
  };
  bool ended = false;
  TaskScope scope(runtime_);
  scope.Spawn(Flow::Run(*agent_, runtime_.Now() + 10s, ended));
  ASSERT_TRUE(Until([&] { return ended; }));
  KillAgent();
  StartAgent();
  EXPECT_TRUE(Until([&] { return agent_->counts().running == 1; }, 3s));
}

TEST_F(AgentCloudTest, ManyInDoubtDoNotListAllTheTime) {
  options_.capacity["pods"] = "100";
  options_.capacity["cpu"] = "1000";
  options_.capacity["memory"] = "1Ti";
  StartAgent();
  ASSERT_TRUE(Until([&] { return agent_->counts().is_synced; }));
  cloud_.faults().lost_reply = 1;
  for (int i = 0; i < 40; ++i) cluster_.AddPod(SimplePod("web-" + std::to_string(i)));
  runtime_.RunFor(15s);
  cloud_.faults().lost_reply = 0;
  cloud_.faults().throttled = 1;
  const int before = observer_.calls["list"];
  runtime_.RunFor(60s);
  EXPECT_LE(observer_.calls["list"] - before, 10);
  cloud_.faults().throttled = 0;
  EXPECT_TRUE(Until([&] { return Running() == 40; }, 3min));
  EXPECT_EQ(cloud_.counts().creates, 40u);
}

}  // namespace
}  // namespace spillway::cloud
