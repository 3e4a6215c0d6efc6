#include "cloud/agent/pod_status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cloud/agent/pod_admission.h"
#include "cloud/pod_resources.h"

namespace spillway::cloud {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

constexpr WallTime kNow{std::chrono::seconds(1'767'225'600)};

Json PodOf(const char* text) { return Json::parse(text); }

Json OneContainerPod(const std::string& restart_policy = "Always") {
  Json pod = PodOf(R"({"metadata": {"name": "p", "uid": "u"}, "spec": {"containers": [{"name": "main", "image": "i"}]},
                       "status": {"phase": "Pending"}})");
  pod["spec"]["restartPolicy"] = restart_policy;
  return pod;
}

Instance Running() {
  Instance instance;
  instance.state = InstanceState::kRunning;
  instance.pod_ip = "10.0.0.9";
  ContainerState main;
  main.name = "main";
  main.kind = ContainerState::Kind::kRunning;
  main.started = main.ready = true;
  main.started_at = kNow;
  instance.containers = {main};
  return instance;
}

Instance Ended(int code) {
  Instance instance = Running();
  instance.state = code == 0 ? InstanceState::kSucceeded : InstanceState::kFailed;
  ContainerState& main = instance.containers[0];
  main.kind = ContainerState::Kind::kTerminated;
  main.started = main.ready = false;
  main.ended = Termination{code, 0, code == 0 ? "Completed" : "Error", "", kNow, kNow};
  return instance;
}

std::string PhaseOf(const Json& pod, const Instance* instance) {
  return TextAt(PodStatus(pod, {instance, {}, "10.0.0.1", kNow}), "phase");
}

// The Pod as the API server would have it after the agent's patch.
Json After(Json pod, const Json& status) {
  for (const auto& [key, value] : status.items()) pod["status"][key] = value;
  return pod;
}

TEST(PodStatus, PhasesGoForwardOnly) {
  Json pod = OneContainerPod();
  const Instance running = Running();
  Instance pending = Running();
  pending.state = InstanceState::kPending;
  pending.containers[0] = ContainerState{.name = "main"};
  EXPECT_EQ(PhaseOf(pod, nullptr), "Pending");
  EXPECT_EQ(PhaseOf(pod, &pending), "Pending");
  EXPECT_EQ(PhaseOf(pod, &running), "Running");
  pod = After(pod, PodStatus(pod, {&running, {}, "", kNow}));
  EXPECT_EQ(PhaseOf(pod, &pending), "Running") << "never back";
  const Instance failed = Ended(1);
  pod = After(pod, PodStatus(pod, {&failed, {}, "", kNow}));
  EXPECT_EQ(PhaseOf(pod, &running), "Failed") << "never back";
}

TEST(PodStatus, AGoneInstanceEndsItsContainersUnseen) {
  Json pod = OneContainerPod();
  const Instance running = Running();
  pod = After(pod, PodStatus(pod, {&running, {}, "", kNow}));
  const Json status = PodStatus(pod, {nullptr, {}, "", kNow});
  EXPECT_EQ(TextAt(status, "phase"), "Failed");
  const Json& ended = At(Named(At(status, "containerStatuses"), "main"), "state", "terminated");
  EXPECT_EQ(Integer(At(ended, "exitCode")), 137);
  EXPECT_EQ(TextAt(ended, "reason"), "ContainerStatusUnknown");
}

TEST(PodStatus, IsStableOnceWritten) {
  Json pod = OneContainerPod();
  const Instance running = Running();
  const Json first = PodStatus(pod, {&running, {}, "10.0.0.1", kNow});
  EXPECT_FALSE(Covers(At(pod, "status"), first));
  pod = After(pod, first);
  const Json second = PodStatus(pod, {&running, {}, "10.0.0.1", kNow + 1h});
  EXPECT_TRUE(Covers(At(pod, "status"), second)) << "no new timestamps without a change";
}

TEST(PodStatus, CoversForgivesWhatTheApiServerAddsAndLeavesOut) {
  EXPECT_TRUE(Covers(PodOf(R"({"a": 1, "b": {"c": 2, "d": 3}})"), PodOf(R"({"b": {"c": 2}, "e": null, "f": ""})")));
  EXPECT_FALSE(Covers(PodOf(R"({"reason": "Old"})"), PodOf(R"({"reason": null})")));
  EXPECT_FALSE(Covers(PodOf(R"({"l": [1, 2]})"), PodOf(R"({"l": [1]})")));
  const Json conditions =
      PodOf(R"({"conditions": [{"type": "X", "status": "True"}, {"type": "Y", "status": "True"}]})");
  EXPECT_TRUE(Covers(conditions, PodOf(R"({"conditions": [{"type": "Y", "status": "True"}]})")));
  EXPECT_FALSE(Covers(conditions, PodOf(R"({"conditions": [{"type": "Z", "status": "True"}]})")));
}

TEST(PodStatus, ReadinessGatesKeepAPodUnready) {
  Json pod = OneContainerPod();
  pod["spec"]["readinessGates"] = PodOf(R"([{"conditionType": "lb"}])");
  const Instance running = Running();
  const auto ready = [&] {
    const Json status = PodStatus(pod, {&running, {}, "", kNow});
    return TextAt(Named(At(status, "conditions"), "Ready", "type"), "status");
  };
  EXPECT_EQ(ready(), "False");
  pod["status"]["conditions"] = PodOf(R"([{"type": "lb", "status": "True"}])");
  EXPECT_EQ(ready(), "True");
}

TEST(ContainerEvents, EachRunIsToldOnce) {
  Json pod = OneContainerPod();
  const Instance running = Running();
  const Json status = PodStatus(pod, {&running, {}, "", kNow});
  const auto reasons = [&](const Json& before, const Json& after) {
    std::vector<std::string> list;
    for (const ContainerEvent& event : ContainerEvents(pod, before, after)) list.push_back(event.reason);
    return list;
  };
  EXPECT_THAT(reasons(At(pod, "status"), status), ElementsAre("Created", "Started"));
  EXPECT_THAT(reasons(status, status), SizeIs(0));
  Json again = status;
  again["containerStatuses"][0]["restartCount"] = 1;
  EXPECT_THAT(reasons(status, again), ElementsAre("Created", "Started"));
}

TEST(PodRequests, AsTheSchedulerCounts) {
  const Json pod = PodOf(R"({"spec": {"overhead": {"cpu": "100m"},
      "containers": [{"resources": {"requests": {"cpu": "500m", "memory": "1Gi"}}}, {"resources": {"requests": {"cpu": "1"}}}],
      "initContainers": [{"restartPolicy": "Always", "resources": {"requests": {"cpu": "250m"}}},
                         {"resources": {"requests": {"cpu": "3"}}}]}})");
  const ResourceAmounts requests = PodRequests(pod);
  EXPECT_EQ(requests.at("cpu").MilliValue(), 3350) << "init 3 + sidecar 0.25 + overhead 0.1";
  EXPECT_EQ(requests.at("memory").Value(), 1LL << 30);
}

TEST(PodAdmission, KeepsTheBudgetAndRemembers) {
  PodAdmission admission({{"cpu", "3"}, {"pods", "10"}}, {"hostPath"});
  const auto pod = [](const std::string& uid, const std::string& cpu) {
    Json made = PodOf(R"({"spec": {"containers": [{"name": "c"}]}})");
    made["metadata"]["uid"] = uid;
    made["spec"]["containers"][0]["resources"]["requests"]["cpu"] = cpu;
    return made;
  };
  EXPECT_EQ(admission.Admit(pod("a", "2")).verdict, Admission::Verdict::kAccept);
  EXPECT_EQ(admission.Admit(pod("a", "2")).verdict, Admission::Verdict::kAccept) << "counted once";
  const Admission refused = admission.Admit(pod("b", "2"));
  EXPECT_EQ(refused.verdict, Admission::Verdict::kReject);
  EXPECT_EQ(refused.reason, "OutOfcpu");
  EXPECT_EQ(refused.message, "Node didn't have enough resource: cpu, requested: 2000, used: 2000, capacity: 3000");
  admission.Release("a");
  EXPECT_EQ(admission.Admit(pod("b", "2")).verdict, Admission::Verdict::kAccept);

  Json with_volume = pod("c", "0");
  with_volume["spec"]["volumes"] = PodOf(R"([{"name": "v", "hostPath": {"path": "/"}}])");
  EXPECT_EQ(admission.Admit(with_volume).reason, "UnsupportedFeature");
  EXPECT_EQ(admission.Admit(with_volume).verdict, Admission::Verdict::kHold);
}

}  // namespace
}  // namespace spillway::cloud
