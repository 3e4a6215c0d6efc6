#include <gmock/gmock.h>

#include "controller/testing/running_controller.h"

namespace spillway::controller {
namespace {

using kube::testing::FakeTransport;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class ControllerFailOverTest : public testing::RunningController {
 protected:
  void StartWith(const std::function<void(ControllerOptions&)>& more = nullptr) {
    Start([&](ControllerOptions& options) {
      options.policy.virtual_grace = 1min;
      options.fail_over.record = "spillway-system/spillway-evictions";
      if (more) more(options);
    });
  }
  void Allow() {
    api_.Put("namespaces", {{"metadata", {{"name", "default"}, {"annotations", {{"spillway.io/fail-over", "true"}}}}}});
  }
  static nlohmann::json Owned(const std::string& kind = "ReplicaSet", const std::string& uid = "rs") {
    return {{"metadata",
             {{"ownerReferences",
               {{{"apiVersion", "apps/v1"}, {"kind", kind}, {"name", "web-1"}, {"uid", uid}, {"controller", true}}}}}}};
  }
  void SetStatus(const std::string& pod, const nlohmann::json& status) {
    nlohmann::json object = api_.Get("pods", pod);
    object["status"] = status;
    api_.Put("pods", std::move(object));
  }
  // As an agent says it.
  static nlohmann::json Refusal() {
    return {{"phase", "Pending"}, {"reason", "InstanceCreateFailed"}, {"message", "out of stock"}};
  }
  // One that overflowed, and whose node refuses it.
  void AddRefused(const std::string& name, const nlohmann::json& merge = Owned()) {
    api_.AddPod(name, "8", merge);
    runtime_.RunFor(5s);
    ASSERT_FALSE(api_.binds.empty());
    SetStatus(name, Refusal());
  }
  // One that was so before anybody here looked.
  void PutRefused(const std::string& name) {
    nlohmann::json bound = Owned();
    bound["metadata"]["annotations"] = {{"spillway.io/decision-id", "1"}};
    bound["spec"]["nodeName"] = "v";
    api_.AddPod(name, "8", bound);
    SetStatus(name, Refusal());
  }
  std::vector<std::string> Evicted() const {
    std::vector<std::string> pods;
    for (const auto& eviction : api_.evictions) pods.push_back(eviction.pod);
    return pods;
  }
  std::string NoteOf(const std::string& reason) const {
    for (const auto& event : api_.events) {
      if (event.reason == reason) return event.note;
    }
    return "";
  }
};

TEST_F(ControllerFailOverTest, WhoIsRefusedForTheGraceIsEvictedAndItsSuccessorGoesElsewhere) {
  Allow();
  StartWith();
  AddRefused("p");
  api_.AddVirtualNode("w");
  const std::string version = api_.Version("p");
  runtime_.RunFor(57s);
  EXPECT_THAT(api_.evictions, IsEmpty());
  runtime_.RunFor(5s);
  ASSERT_THAT(api_.evictions, SizeIs(1));
  EXPECT_EQ(api_.evictions[0].uid, "uid-p");
  EXPECT_EQ(api_.evictions[0].version, version);
  EXPECT_THAT(
      NoteOf("OverflowEvicted"),
      AllOf(HasSubstr("Evicted from virtual node v, which has not been able to run it for 60s"),
            HasSubstr("out of stock; ReplicaSet web-1 makes another, which avoids that node for an hour; 1 of at "
                      "most 3 evictions an hour")));
  EXPECT_EQ(metrics_.Value(metrics::Id::kEvictions, {"evicted"}), 1);
  api_.AddVirtualNode("v");  // it is the emptier one, were it not avoided
  api_.AddPod("q", "8", Owned());
  api_.AddPod("other", "8", Owned("ReplicaSet", "rs2"));
  runtime_.RunFor(5s);
  EXPECT_THAT(BoundPods(), AllOf(Contains("default/q>w"), Contains("default/other>v")));
}

TEST_F(ControllerFailOverTest, WhatIsEvictedIsWrittenDownBeforeForWhoeverLeadsNext) {
  Allow();
  api_.AddVirtualNode("w");
  const std::string lately = base::FormatRfc3339(runtime_.WallNow());
  api_.config_maps["spillway-evictions"] = {{"metadata", {{"name", "spillway-evictions"}, {"resourceVersion", "1"}}},
                                            {"data", {{"evictions", "rs v " + lately + "\nrs x " + lately + "\n"}}}};
  api_.on_evict = [this]() -> std::optional<Result<kube::Response>> {
    EXPECT_THAT(api_.config_maps["spillway-evictions"]["data"]["evictions"].get<std::string>(), HasSubstr("rs w "));
    return std::nullopt;
  };
  StartWith();
  for (const char* name : {"p", "q"}) {
    api_.AddPod(name, "8", Owned());
    runtime_.RunFor(5s);
  }
  EXPECT_THAT(BoundPods(), ElementsAre("default/p>w", "default/q>w")) << "v is avoided, as was written down";
  api_.AddVirtualNode("z");
  for (const char* name : {"p", "q"}) SetStatus(name, Refusal());
  runtime_.RunFor(2min);
  EXPECT_THAT(Evicted(), ElementsAre("p")) << "two had been before";
  EXPECT_THAT(NoteOf("OverflowEvictionHeld"), HasSubstr("3 of its owner's Pods were evicted within the hour"));
}

TEST_F(ControllerFailOverTest, AfterAnHourTheNextMayGo) {
  Allow();
  for (const char* node : {"w", "x", "y", "z"}) api_.AddVirtualNode(node);
  StartWith();
  for (const char* name : {"p1", "p2", "p3", "p4"}) AddRefused(name);
  runtime_.RunFor(10min);
  EXPECT_THAT(api_.evictions, SizeIs(3));
  runtime_.RunFor(45min);
  EXPECT_THAT(api_.evictions, SizeIs(3));
  runtime_.RunFor(10min);
  EXPECT_THAT(api_.evictions, SizeIs(4));
}

TEST_F(ControllerFailOverTest, WithoutTheNamespacesWordNobodyGoes) {
  StartWith();
  api_.AddVirtualNode("w");
  AddRefused("p");
  runtime_.RunFor(5min);
  EXPECT_THAT(api_.evictions, IsEmpty());
  Allow();
  runtime_.RunFor(5s);
  EXPECT_THAT(Evicted(), ElementsAre("p"));
}

TEST_F(ControllerFailOverTest, WhoEverStartedStays) {
  Allow();
  StartWith();
  api_.AddVirtualNode("w");
  AddRefused("p");
  nlohmann::json status = Refusal();
  status["containerStatuses"] = {{{"name", "c"}, {"state", {{"waiting", {{"reason", "x"}}}}}, {"restartCount", 1}}};
  SetStatus("p", status);
  AddRefused("q");
  status = Refusal();
  status["initContainerStatuses"] = {{{"name", "i"}, {"state", {{"terminated", {{"exitCode", 1}}}}}}};
  SetStatus("q", status);
  runtime_.RunFor(5min);
  EXPECT_THAT(api_.evictions, IsEmpty());
}

TEST_F(ControllerFailOverTest, WhoIsTriedAgainMeanwhileGoesOnlyWhileItIsRefused) {
  Allow();
  StartWith();
  api_.AddVirtualNode("w");
  AddRefused("p");
  runtime_.RunFor(50s);
  SetStatus("p", {{"phase", "Pending"}});  // an instance is being made
  runtime_.RunFor(1min);
  EXPECT_THAT(api_.evictions, IsEmpty());
  SetStatus("p", Refusal());
  runtime_.RunFor(2s);
  EXPECT_THAT(Evicted(), ElementsAre("p")) << "it has not been run for longer than the grace";
}

TEST_F(ControllerFailOverTest, NobodyGoesFromTheOnlyNode) {
  Allow();
  StartWith();
  AddRefused("p");
  runtime_.RunFor(5min);
  EXPECT_THAT(api_.evictions, IsEmpty());
  EXPECT_THAT(NoteOf("OverflowEvictionHeld"), HasSubstr("no other virtual node takes Pods"));
}

TEST_F(ControllerFailOverTest, ABudgetIsObeyedAndAskedAgain) {
  Allow();
  StartWith();
  api_.AddVirtualNode("w");
  AddRefused("p");
  bool is_spent = true;
  api_.on_evict = [&]() -> std::optional<Result<kube::Response>> {
    if (!is_spent) return std::nullopt;
    return FakeTransport::Reply(429, R"({"kind":"Status","status":"Failure","code":429,"reason":"TooManyRequests",
      "message":"Cannot evict pod as it would violate the pod's disruption budget.",
      "details":{"causes":[{"reason":"DisruptionBudget","message":"x"}]}})");
  };
  runtime_.RunFor(3min);
  EXPECT_GE(api_.evictions.size(), 3U);
  EXPECT_LE(api_.evictions.size(), 6U);
  EXPECT_THAT(NoteOf("OverflowEvictionHeld"), HasSubstr("would violate the pod's disruption budget"));
  EXPECT_GE(metrics_.Value(metrics::Id::kEvictions, {"budget"}), 3);
  is_spent = false;
  runtime_.RunFor(40s);
  EXPECT_THAT(Reasons(), Contains("default/p OverflowEvicted"));
  EXPECT_THAT(NoteOf("OverflowEvicted"), HasSubstr("1 of at most 3")) << "what was refused counts for nothing";
}

TEST_F(ControllerFailOverTest, WhatHasChangedIsDecidedAgain) {
  Allow();
  StartWith();
  api_.AddVirtualNode("w");
  AddRefused("p");
  int conflicts = 0;
  api_.on_evict = [&]() -> std::optional<Result<kube::Response>> {
    if (++conflicts > 1) return std::nullopt;
    return FakeTransport::Reply(409, FakeTransport::StatusBody(409, "Conflict", "the precondition does not match"));
  };
  runtime_.RunFor(70s);
  EXPECT_THAT(Evicted(), ElementsAre("p", "p"));
  EXPECT_THAT(NoteOf("OverflowEvicted"), HasSubstr("1 of at most 3"));
}

TEST_F(ControllerFailOverTest, AnEvictionWithoutAnAnswerCounts) {
  Allow();
  StartWith();
  for (const char* node : {"w", "x", "y", "z"}) api_.AddVirtualNode(node);
  for (const char* name : {"p1", "p2", "p3", "p4"}) AddRefused(name);
  api_.on_evict = []() -> std::optional<Result<kube::Response>> {
    return FakeTransport::Reply(504, FakeTransport::StatusBody(504, "Timeout", "no answer"));
  };
  runtime_.RunFor(5min);
  std::set<std::string> tried;
  for (const auto& eviction : api_.evictions) tried.insert(eviction.pod);
  EXPECT_THAT(tried, SizeIs(3)) << "each may have been carried out";
}

TEST_F(ControllerFailOverTest, WhatCannotBeWrittenDownIsNotDone) {
  Allow();
  StartWith([](ControllerOptions& options) { options.fail_over.record = "spillway-system/forbidden"; });
  api_.AddVirtualNode("w");
  AddRefused("p");
  api_.on_config_map = [] { return 403; };
  runtime_.RunFor(5min);
  EXPECT_THAT(api_.evictions, IsEmpty());
}

TEST_F(ControllerFailOverTest, ADryRunSaysSoAndOffSaysNothing) {
  Allow();
  api_.AddVirtualNode("w");
  PutRefused("p");
  StartWith([](ControllerOptions& options) { options.policy.mode = Mode::kDryRun; });
  runtime_.RunFor(5min);
  EXPECT_THAT(api_.evictions, IsEmpty());
  EXPECT_THAT(NoteOf("WouldEvict"), HasSubstr("[dry-run] Would evict from virtual node v"));
  EXPECT_THAT(api_.config_maps, Not(Contains(::testing::Key("spillway-evictions"))));
}

TEST_F(ControllerFailOverTest, OffEvictsNobody) {
  Allow();
  api_.AddVirtualNode("w");
  PutRefused("p");
  StartWith([](ControllerOptions& options) { options.policy.mode = Mode::kOff; });
  runtime_.RunFor(5min);
  EXPECT_THAT(api_.evictions, IsEmpty());
  EXPECT_THAT(api_.events, IsEmpty());
}

TEST_F(ControllerFailOverTest, OneWithoutAnOwnerAndAJobsStay) {
  Allow();
  StartWith();
  api_.AddVirtualNode("w");
  AddRefused("bare", nlohmann::json());
  AddRefused("job", Owned("Job", "j"));
  runtime_.RunFor(5min);
  EXPECT_THAT(api_.evictions, IsEmpty());
  nlohmann::json asks = api_.Get("pods", "job");
  asks["metadata"]["annotations"]["spillway.io/fail-over"] = "true";
  api_.Put("pods", asks);
  runtime_.RunFor(5s);
  EXPECT_THAT(Evicted(), ElementsAre("job"));
}

TEST_F(ControllerFailOverTest, WhoDoesNotLeadEvictsNobody) {
  Allow();
  api_.AddVirtualNode("w");
  PutRefused("p");
  api_.lease_holder = "another";
  StartWith([](ControllerOptions& options) {
    options.leader_election = kube::LeaderElectionOptions{.ns = "kube-system", .name = "spillway", .identity = "me"};
  });
  runtime_.RunFor(5min);
  EXPECT_THAT(api_.evictions, IsEmpty());
}

TEST_F(ControllerFailOverTest, AGatedSuccessorIsLetGoPlainly) {
  Allow();
  StartWith();
  api_.AddVirtualNode("w");
  AddRefused("p");
  runtime_.RunFor(70s);
  ASSERT_THAT(Evicted(), ElementsAre("p"));
  nlohmann::json gated = Owned();
  gated["metadata"]["annotations"] = {{"LOCAL_REPLICAS", "0"}};
  gated["spec"]["schedulingGates"] = {{{"name", "spillway.io/local-replicas"}}};
  api_.AddPod("q", "1", gated);
  runtime_.RunFor(1s);
  const nlohmann::json released = api_.Get("pods", "q");
  EXPECT_FALSE(released["spec"].contains("schedulingGates"));
  EXPECT_FALSE(released["spec"].contains("nodeSelector")) << "kube-scheduler might send it to the node that failed";
}

}  // namespace
}  // namespace spillway::controller
