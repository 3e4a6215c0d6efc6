#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "base/sim_runtime.h"
#include "base/testing/run_until.h"
#include "cmd/simulate/simulation.h"
#include "controller/controller.h"
#include "controller/outcome_words.h"
#include "controller/testing/scripted_api.h"
#include "kube/api/selector.h"

// What `simulate --mode=pack` says, the controller does.
namespace spillway::cmd {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

json Node(const std::string& name, int cpu, const json& change = {}) {
  json node = {{"kind", "Node"},
               {"metadata", {{"name", name}}},
               {"status",
                {{"allocatable", {{"cpu", std::to_string(cpu)}, {"memory", "64Gi"}, {"pods", "110"}}},
                 {"conditions", json::array({{{"type", "Ready"}, {"status", "True"}}})}}}};
  if (change.is_object()) node.merge_patch(change);
  return node;
}

json VirtualNode(const std::string& name, const std::string& taint) {
  return Node(name, 1000,
              {{"metadata", {{"labels", {{"type", "virtual-kubelet"}}}}},
               {"spec", {{"taints", json::array({{{"key", taint}, {"effect", "NoSchedule"}}})}}}});
}

// Marked unschedulable by kube-scheduler.
json Pod(const std::string& name, const json& change = {}) {
  json pod = {{"kind", "Pod"},
              {"metadata", {{"name", name}, {"namespace", "shop"}}},
              {"spec", {{"containers", json::array({{{"name", "c"}, {"resources", {{"requests", {{"cpu", "3"}}}}}}})}}},
              {"status",
               {{"phase", "Pending"},
                {"conditions", json::array({{{"type", "PodScheduled"},
                                             {"status", "False"},
                                             {"reason", "Unschedulable"},
                                             {"message", "0/1 nodes are available: 1 Insufficient cpu."}}})}}}};
  if (change.is_object()) pod.merge_patch(change);
  return pod;
}

SnapshotOptions Keeping() {
  SnapshotOptions options;
  options.keeps = IsPacked;
  options.cluster.virtual_nodes = *kube::ParseSelector("type=virtual-kubelet");
  return options;
}

// Real node "small" has one core; the virtual node has the default fence.
class Pack : public ::testing::Test {
 protected:
  Pack() { policy_.overflow_taints = {"virtual-kubelet.io/provider"}; }

  // The answer of `simulate -o json` about the only Pod, with these objects.
  json Of(const json& pod,
          const std::vector<json>& nodes = {Node("small", 1), VirtualNode("v", "virtual-kubelet.io/provider")}) {
    Snapshot snapshot(Keeping());
    for (const json& node : nodes) EXPECT_TRUE(snapshot.ReadText(node.dump(), "test"));
    EXPECT_TRUE(snapshot.ReadText(pod.dump(), "test"));
    const auto pods = snapshot.PendingPods();
    const auto outcomes = PackAll(snapshot, pods, policy_);
    table_ = AsTable(snapshot.cluster(), outcomes);
    return json::parse(AsJson(snapshot.cluster(), outcomes))["verdicts"].at(0);
  }
  void Stays(const json& said, const std::string& outcome, const std::string& why) {
    EXPECT_FALSE(said.contains("placement")) << said;
    EXPECT_EQ(said["outcome"], outcome);
    EXPECT_THAT(said["why"], HasSubstr(why));
    EXPECT_THAT(table_, HasSubstr(why));
  }

  controller::Policy policy_;
  std::string table_;
};

TEST_F(Pack, WhatMayOverflowIsPlacedOnTheVirtualNode) {
  const json said = Of(Pod("p"));
  EXPECT_EQ(said["placement"], "v");
  EXPECT_EQ(said["outcome"], "overflow");
}

TEST_F(Pack, PodsThatOptedOutStay) {
  const json annotated = {{"metadata", {{"annotations", {{"spillway.io/overflow", "false"}}}}}};
  Stays(Of(Pod("p", annotated)), "not_eligible", "spillway.io/overflow=false");
}

TEST_F(Pack, PodsInExcludedNamespacesStay) {
  const json pod = Pod("p", {{"metadata", {{"namespace", "kube-system"}}}});
  Stays(Of(pod), "not_eligible", "namespace kube-system is in --exclude-namespaces");
  policy_.exclude_namespaces = {"shop"};
  EXPECT_EQ(Of(pod)["placement"], "v");
  Stays(Of(Pod("p")), "not_eligible", "namespace shop is in --exclude-namespaces");
}

TEST_F(Pack, ATriggerDecidesAboutPodsThatNoNodeIsShortOfResourcesFor) {
  const json pod = Pod("p", {{"spec", {{"nodeSelector", {{"disk", "ssd"}}}}}});
  json virtual_node = VirtualNode("v", "virtual-kubelet.io/provider");
  virtual_node["metadata"]["labels"]["disk"] = "ssd";
  Stays(Of(pod, {Node("large", 8), virtual_node}), "not_eligible", "--trigger=any would let it overflow");
  policy_.trigger = controller::Trigger::kAny;
  EXPECT_EQ(Of(pod, {Node("large", 8), virtual_node})["placement"], "v");
}

TEST_F(Pack, OverflowTaintsAreTheGivenOnes) {
  const std::vector<json> nodes = {Node("small", 1), VirtualNode("v", "example.com/cloud")};
  Stays(Of(Pod("p"), nodes), "no_virtual_node", "untolerated taint");
  policy_.overflow_taints = {"example.com/cloud"};
  EXPECT_EQ(Of(Pod("p"), nodes)["placement"], "v");
}

TEST_F(Pack, PodsOfOtherSchedulersStay) {
  Stays(Of(Pod("p", {{"spec", {{"schedulerName", "volcano"}}}})), "not_eligible", "volcano");
}

TEST_F(Pack, PodsThatPreemptionMightHelpWaitForKubeScheduler) {
  json pod = Pod("p", {{"spec", {{"priority", 10}}}});
  pod["status"].erase("conditions");
  json victim = Pod("v", {{"spec", {{"nodeName", "large"}}}});
  victim["status"]["phase"] = "Running";
  Snapshot snapshot(Keeping());
  for (const json& object : {Node("large", 4), VirtualNode("v", "virtual-kubelet.io/provider"), victim, pod}) {
    ASSERT_TRUE(snapshot.ReadText(object.dump(), "test"));
  }
  const auto pods = snapshot.PendingPods();
  const auto outcomes = PackAll(snapshot, pods, policy_);
  EXPECT_EQ(outcomes.at(0).decided, controller::Outcome::kWaiting);
  EXPECT_EQ(outcomes.at(0).placement, "");
  EXPECT_THAT(outcomes.at(0).why, HasSubstr("preemption"));
}

TEST_F(Pack, PodsBeyondTheirLocalReplicasGoAndSayWhy) {
  const json owner = {
      {"apiVersion", "apps/v1"}, {"kind", "ReplicaSet"}, {"name", "web"}, {"uid", "rs"}, {"controller", true}};
  const json replica = {{"metadata", {{"annotations", {{"LOCAL_REPLICAS", "1"}}}, {"ownerReferences", {owner}}}}};
  Snapshot snapshot(Keeping());
  for (const json& object :
       {Node("large", 64), VirtualNode("v", "virtual-kubelet.io/provider"), Pod("p1", replica), Pod("p2", replica)}) {
    ASSERT_TRUE(snapshot.ReadText(object.dump(), "test"));
  }
  const auto pods = snapshot.PendingPods();
  const auto outcomes = PackAll(snapshot, pods, policy_);
  EXPECT_EQ(outcomes.at(0).placement, "large");
  EXPECT_THAT(outcomes.at(0).why, HasSubstr("LOCAL_REPLICAS=1 on the Pod"));
  EXPECT_EQ(outcomes.at(1).placement, "v");
  EXPECT_THAT(outcomes.at(1).why, HasSubstr("1 that wait before it are enough"));
}

// ---- against the controller itself, in dry-run, on clusters that kube-scheduler has been asked about

std::vector<json> Clusters() {
  const auto folder = std::filesystem::path(__FILE__).parent_path().parent_path().parent_path() / "tests" / "vectors";
  std::vector<json> clusters;
  // Those whose objects have names of their own: the API server that is played knows no namespaces.
  for (const char* feature : {"resources", "taints", "unschedulable", "nodeaffinity", "ports", "virtual", "interpod",
                              "spread", "nominated", "endings", "strays", "undecidable"}) {
    std::ifstream file(folder / (std::string(feature) + ".ndjson"));
    for (std::string line; std::getline(file, line);) clusters.push_back(json::parse(line)["snapshot"]["items"]);
  }
  return clusters;
}

std::string PluralOf(const json& object) {
  const std::string kind = object["kind"];
  return kind == "Node" ? "nodes" : kind == "Namespace" ? "namespaces" : kind == "Pod" ? "pods" : "";
}

bool IsPending(const json& object) {
  if (object["kind"] != "Pod" || !object["spec"].value("nodeName", "").empty()) return false;
  const std::string phase = object["status"].value("phase", "");
  return phase != "Succeeded" && phase != "Failed";
}

struct Case {
  controller::Policy policy;
  sim::SchedulerConfig scheduler;
};
Case CaseOf(std::size_t number) {
  Case made;
  if (number % 2 == 1) made.policy.trigger = controller::Trigger::kAny;
  if (number % 3 == 1) made.policy.exclude_namespaces = {"team-a", "team-b"};
  if (number % 5 != 1) made.policy.overflow_taints = {"virtual-kubelet.io/provider"};
  if (number % 7 == 1) made.policy.scheduler_names = {"default-scheduler", "other-scheduler"};
  made.policy.pending_grace = made.policy.node_return_grace = Duration(0);
  made.scheduler = sim::DefaultConfig(made.policy.scheduler_names);
  return made;
}

// Of each pending Pod, by namespace/name: outcome, where and why.
using Said = std::map<std::string, std::string>;

Said SaidByController(const json& objects, const Case& given) {
  SimRuntime runtime(7);
  controller::testing::ScriptedApi api(runtime);
  for (const json& object : objects) api.Put(PluralOf(object), object);
  controller::ControllerOptions options;
  options.policy = given.policy;
  options.scheduler = given.scheduler;
  options.policy.mode = controller::Mode::kDryRun;
  metrics::Registry metrics(metrics::Component::kController);
  controller::Controller controller(runtime, api.transport(), std::move(options), metrics);
  controller.Start();
  runtime.RunFor(std::chrono::seconds(3));
  Said said;
  for (const json& object : objects) {
    if (!IsPending(object)) continue;
    const std::string ns = object["metadata"]["namespace"], name = object["metadata"]["name"];
    const auto answer = spillway::testing::Await(runtime, controller.Explain(ns, name, {}));
    EXPECT_TRUE(answer && *answer) << name;
    if (!answer || !*answer) continue;
    const json told = json::parse(**answer);
    if (told.value("state", "") != "pending" || !told["spillway"].contains("outcome")) continue;
    const std::string outcome = told["spillway"]["outcome"], why = told["spillway"]["why"];
    said[ns + "/" + name] = outcome + ": " + why;
  }
  return said;
}

Said SaidByPack(const json& objects, const Case& given) {
  SnapshotOptions options = Keeping();
  options.cluster.scheduler = given.scheduler;
  Snapshot snapshot(std::move(options));
  for (const json& object : objects) EXPECT_TRUE(snapshot.ReadText(object.dump(), "test"));
  const auto pods = snapshot.PendingPods();
  Said said;
  for (const Outcome& outcome : PackAll(snapshot, pods, given.policy)) {
    const std::string word(controller::Word(*outcome.decided));
    std::string why = outcome.why;
    if (word == "overflow") why = fmt::format("--dry-run: would move to virtual node {}: {}", outcome.placement, why);
    if (word == "undecidable" || word == "no_virtual_node") why = "not moved: " + why;
    if (word == "fits_real_node") {
      why = fmt::format("not moved: real node {} takes it; that is for kube-scheduler to do", outcome.placement);
    }
    said[outcome.pod->ns + "/" + outcome.pod->name] = word + ": " + why;
  }
  return said;
}

TEST(PackAndController, SayTheSameOfEveryPendingPod) {
  log::Quiet();
  std::map<std::string, int> outcomes;
  std::size_t number = 0;
  for (json& objects : Clusters()) {
    for (json& object : objects) {
      if (object["kind"] == "Pod" && object["metadata"]["name"] == "p2") {
        object["metadata"]["annotations"]["spillway.io/overflow"] = "false";
      }
      // kube-scheduler has had its turn, which a controller waits for where a snapshot is taken at its word.
      if (IsPending(object)) object["status"]["conditions"] = Pod("any")["status"]["conditions"];
      // The API server that is played gives UIDs.
      if (!PluralOf(object).empty()) {
        object["metadata"]["uid"] = "uid-" + object["metadata"]["name"].get<std::string>();
      }
    }
    objects.erase(std::remove_if(objects.begin(), objects.end(), [](const json& o) { return PluralOf(o).empty(); }),
                  objects.end());
    const Case given = CaseOf(++number);
    const Said controller = SaidByController(objects, given), pack = SaidByPack(objects, given);
    ASSERT_EQ(pack, controller) << "cluster " << number << ": " << objects.dump();
    for (const auto& [pod, said] : pack) ++outcomes[said.substr(0, said.find(':'))];
  }
  EXPECT_GT(number, 150u);
  for (const char* outcome : {"fits_real_node", "overflow", "not_eligible", "no_virtual_node", "undecidable"}) {
    EXPECT_GT(outcomes[outcome], 0) << outcome;
  }
}

}  // namespace
}  // namespace spillway::cmd
