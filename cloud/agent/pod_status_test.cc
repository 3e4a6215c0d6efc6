#include "cloud/agent/pod_status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cloud/agent/pod_admission.h"
#include "cloud/pod_resources.h"

namespace spillway::cloud {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

const NodeLabels kAnyNode;
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

TEST(PodStatus, WhatHasEndedShowsNothingThatRuns) {
  Json pod = OneContainerPod("Never");
  pod["spec"]["initContainers"] = PodOf(R"([{"name": "proxy", "restartPolicy": "Always"}])");
  Instance instance = Ended(0);
  instance.init_containers = Running().containers;
  instance.init_containers[0].name = "proxy";
  const Json status = PodStatus(pod, {&instance, {}, "10.0.0.1", kNow});
  EXPECT_EQ(TextAt(status, "phase"), "Succeeded");
  const Json& proxy = status["initContainerStatuses"][0];
  EXPECT_EQ(TextAt(proxy, "state", "terminated", "reason"), "ContainerStatusUnknown");
  EXPECT_FALSE(IsTrue(At(proxy, "ready")));
  EXPECT_FALSE(IsTrue(At(proxy, "started")));
}

TEST(PodStatus, AnEndThatIsDecidedComesOnceNothingRuns) {
  Json pod = OneContainerPod();
  pod["status"]["phase"] = "Running";
  PodRemark decided;
  decided.phase = "Failed";
  decided.reason = "DeadlineExceeded";
  const Instance running = Running(), ended = Ended(0);
  const Json before = PodStatus(pod, {&running, decided, "10.0.0.1", kNow});
  EXPECT_EQ(TextAt(before, "phase"), "Running");
  EXPECT_EQ(TextAt(before, "reason"), "DeadlineExceeded");
  EXPECT_EQ(TextAt(PodStatus(pod, {&ended, decided, "10.0.0.1", kNow}), "phase"), "Failed")
      << "whatever it exited with";
}

TEST(PodStatus, ASidecarThatIsNotReadyCounts) {
  Json pod = OneContainerPod();
  pod["spec"]["initContainers"] = PodOf(R"([{"name": "proxy", "restartPolicy": "Always"}, {"name": "once"}])");
  Instance instance = Running();
  ContainerState once = instance.containers[0], proxy = instance.containers[0];
  once.name = "once";
  once.kind = ContainerState::Kind::kTerminated;
  once.ended = Termination{};
  once.ready = false;
  proxy.name = "proxy";
  proxy.ready = false;
  instance.init_containers = {proxy, once};
  const auto condition = [&] {
    const Json status = PodStatus(pod, {&instance, {}, "10.0.0.1", kNow});
    const Json& ready = Named(At(status, "conditions"), "ContainersReady", "type");
    return TextAt(ready, "status") + " " + TextAt(ready, "message");
  };
  EXPECT_EQ(condition(), "False containers with unready status: [proxy]");
  instance.init_containers[0].ready = true;
  EXPECT_EQ(condition(), "True ");
  instance.init_containers[0].started = false;
  const Json status = PodStatus(pod, {&instance, {}, "10.0.0.1", kNow});
  EXPECT_EQ(TextAt(Named(At(status, "conditions"), "Initialized", "type"), "status"), "True") << "it was, before";
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

TEST(PodStatus, AnEndThatSomebodyElseWroteKeepsItsWordsAndShowsWhatRuns) {
  Json pod = OneContainerPod();
  const Instance running = Running(), ended = Ended(0);
  pod = After(pod, PodStatus(pod, {&running, {}, "", kNow}));
  pod["status"]["phase"] = "Failed";
  pod["status"]["reason"] = "Evicted";
  const auto told = [&pod](const Instance* instance) {
    Json status = PodStatus(pod, {instance, {}, "", kNow});
    EXPECT_EQ(TextAt(status, "phase"), "Failed");
    EXPECT_EQ(TextAt(status, "reason"), "Evicted");
    EXPECT_EQ(TextAt(Named(At(status, "conditions"), "Ready", "type"), "status"), "False");
    return status;
  };
  const auto state = [](const Json& status, const char* kind) {
    return At(Named(At(status, "containerStatuses"), "main"), "state", kind);
  };
  EXPECT_FALSE(state(told(&running), "running").is_null()) << "it has not been stopped yet";
  EXPECT_EQ(Integer(At(state(told(&ended), "terminated"), "exitCode")), 0);
  EXPECT_EQ(Integer(At(state(told(nullptr), "terminated"), "exitCode")), 137) << "nobody saw how";
  pod = After(pod, told(&ended));
  EXPECT_EQ(Integer(At(state(told(&running), "terminated"), "exitCode"), -1), 0) << "never back";
  EXPECT_TRUE(Covers(At(pod, "status"), told(nullptr)));
}

TEST(PodStatus, AnEndThatSomebodyElseWroteOfWhatNeverRanIsLeftAlone) {
  Json pod = OneContainerPod();
  pod["status"]["phase"] = "Failed";
  pod["status"]["reason"] = "Preempting";
  const Json status = PodStatus(pod, {nullptr, {}, "", kNow});
  EXPECT_EQ(TextAt(status, "reason"), "Preempting");
  EXPECT_FALSE(status.contains("containerStatuses")) << status.dump();
}

// kube-apiserver takes a node for one that knows resizes by that.
TEST(PodStatus, SaysWithWhichResourcesAContainerRuns) {
  Json pod = OneContainerPod();
  pod["spec"]["containers"][0]["resources"] = {{"requests", {{"cpu", "1"}}}, {"limits", {{"memory", "1Gi"}}}};
  pod["spec"]["containers"].push_back({{"name", "bare"}, {"image", "i"}, {"resources", Json::object()}});
  Instance running = Running();
  running.containers.push_back(running.containers[0]);
  running.containers[1].name = "bare";
  const Json statuses = At(PodStatus(pod, {&running, {}, "", kNow}), "containerStatuses");
  EXPECT_EQ(At(Named(statuses, "main"), "resources"), At(pod, "spec", "containers")[0]["resources"]);
  EXPECT_EQ(At(Named(statuses, "main"), "allocatedResources"), Json({{"cpu", "1"}}));
  EXPECT_EQ(At(Named(statuses, "bare"), "resources"), Json::object());
  const Json waiting = At(PodStatus(pod, {nullptr, {}, "", kNow}), "containerStatuses");
  EXPECT_TRUE(At(Named(waiting, "main"), "resources").is_null());
}

// Before 1.33, and where its feature gates are off.
TEST(PodStatus, ResourcesThatTheApiServerDropsAreNotToldAgain) {
  Json pod = OneContainerPod();
  pod["spec"]["containers"][0]["resources"] = {{"requests", {{"cpu", "1"}}}};
  const Instance running = Running();
  pod = After(pod, PodStatus(pod, {&running, {}, "", kNow}));
  for (const char* dropped : {"resources", "allocatedResources"}) {
    pod["status"]["containerStatuses"][0].erase(dropped);
    EXPECT_TRUE(Covers(At(pod, "status"), PodStatus(pod, {&running, {}, "", kNow}))) << dropped;
  }
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

TEST(PodStatus, EachEndNamesTheRunThatItWas) {
  Instance instance = Running();
  ContainerState& main = instance.containers[0];
  main.container_id = "c://main/1";
  main.last = Termination{1, 0, "Error", "", kNow, kNow, "c://main/0"};
  const auto status = [&] { return PodStatus(OneContainerPod(), {&instance, {}, "", kNow})["containerStatuses"][0]; };
  EXPECT_EQ(TextAt(status(), "lastState", "terminated", "containerID"), "c://main/0");
  main.kind = ContainerState::Kind::kTerminated;
  main.ended = Termination{1, 0, "Error", "", kNow, kNow};
  EXPECT_EQ(TextAt(status(), "state", "terminated", "containerID"), "c://main/1");
  EXPECT_EQ(TextAt(status(), "lastState", "terminated", "containerID"), "c://main/0");
}

// Source: kubelet kuberuntime_container.go startContainer, v1.36.
TEST(ContainerEvents, EachRunThatCannotStartIsToldAsAKubeletTellsIt) {
  Json pod = OneContainerPod();
  Instance instance = Running();
  ContainerState& main = instance.containers[0];
  main.kind = ContainerState::Kind::kWaiting;
  main.reason = "RunContainerError";
  main.message = R"(exec: "nosuch": executable file not found in $PATH)";
  main.last = Termination{128, 0, "StartError", main.message, kNow, kNow, "c://main/0"};
  const auto told = [&](const Json& before, const Json& after) {
    std::vector<std::string> list;
    for (const ContainerEvent& each : ContainerEvents(pod, before, after))
      list.push_back(each.reason + " " + each.message);
    return list;
  };
  const auto status = [&] { return PodStatus(pod, {&instance, {}, "", kNow}); };
  const auto once = ElementsAre("Created Created container main",
                                R"(Failed Error: exec: "nosuch": executable file not found in $PATH)");
  const Json first = status();
  EXPECT_THAT(told(At(pod, "status"), first), once);
  EXPECT_THAT(told(first, first), SizeIs(0));
  main.restart_count = 1;
  EXPECT_THAT(told(first, status()), once);
  main.kind = ContainerState::Kind::kTerminated;
  main.ended = std::exchange(main.last, std::nullopt);
  EXPECT_THAT(told(At(pod, "status"), status()), once) << "not to be started again";
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

ProviderCapabilities Can(const char* features) { return {kube::Capabilities::Parse(features), {}}; }

TEST(PodAdmission, KeepsTheBudgetAndRemembers) {
  PodAdmission admission({{"cpu", "3"}, {"pods", "10"}}, Can("imageEntrypoint"), kAnyNode);
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
}

TEST(PodAdmission, ShowsAmountsBeyondSixtyFourBits) {
  PodAdmission admission({{"cpu", "20"}, {"memory", "100Gi"}, {"pods", "10"}}, {}, kAnyNode);
  Json pod = OneContainerPod();
  pod["spec"]["containers"][0]["resources"]["requests"] = {{"cpu", "9E"}};
  pod["spec"]["containers"][0]["command"] = {"true"};
  EXPECT_EQ(admission.Admit(pod).message,
            "Node didn't have enough resource: cpu, requested: 9000000000000000000000, used: 0, capacity: 20000");
}

TEST(PodAdmission, RefusesWhatTheProviderDoesNotSayItCan) {
  PodAdmission admission({{"cpu", "3"}, {"pods", "10"}}, Can("emptyDir,imageEntrypoint"), kAnyNode);
  const auto with = [](const char* spec) { return Json{{"metadata", {{"uid", "a"}}}, {"spec", PodOf(spec)}}; };
  const Admission refused = admission.Admit(with(R"({"hostPID": true, "containers": [{"name": "c"}],
      "volumes": [{"name": "v", "hostPath": {"path": "/"}}, {"name": "e", "emptyDir": {}}]})"));
  EXPECT_EQ(refused.verdict, Admission::Verdict::kRefuse);
  EXPECT_EQ(refused.reason, "UnsupportedFeature");
  EXPECT_EQ(refused.message,
            "This virtual node's provider cannot run hostPID (spec.hostPID), hostPath (spec.volumes[0].hostPath)");
  EXPECT_EQ(admission.admitted(), 0u);
  EXPECT_EQ(
      admission.Admit(with(R"({"containers": [{"name": "c"}], "volumes": [{"name": "e", "emptyDir": {}}]})")).verdict,
      Admission::Verdict::kAccept);
}

TEST(PodAdmission, RefusesWhatIsLargerThanAnyInstance) {
  ProviderCapabilities capabilities = Can("imageEntrypoint");
  capabilities.largest = *kube::ParseLargestInstances("cpu=4,memory=8Gi;cpu=2,nvidia.com/gpu=1");
  PodAdmission admission({{"cpu", "100"}, {"memory", "1Ti"}, {"nvidia.com/gpu", "4"}, {"pods", "10"}}, capabilities,
                         NodeLabels());
  const auto asking = [](const char* requests) {
    Json pod = PodOf(R"({"metadata": {"uid": "a"}, "spec": {"containers": [{"name": "c"}]}})");
    pod["spec"]["containers"][0]["resources"]["requests"] = PodOf(requests);
    return pod;
  };
  for (const char* too_much :
       {R"({"cpu": "5"})", R"({"cpu": "3", "nvidia.com/gpu": "1"})", R"({"nvidia.com/gpu": "2"})"}) {
    const Admission refused = admission.Admit(asking(too_much));
    EXPECT_EQ(refused.verdict, Admission::Verdict::kRefuse) << too_much;
    EXPECT_EQ(refused.reason, "InstanceTooLarge");
    EXPECT_EQ(refused.message,
              "No instance is large enough for it; the largest is cpu=4,memory=8Gi;cpu=2,nvidia.com/gpu=1");
  }
  EXPECT_EQ(admission.Admit(asking(R"({"cpu": "2", "nvidia.com/gpu": "1"})")).verdict, Admission::Verdict::kAccept);
}

}  // namespace
}  // namespace spillway::cloud
