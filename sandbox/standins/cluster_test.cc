#include "sandbox/standins/cluster.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <map>

#include "base/sim_runtime.h"
#include "sandbox/standins/replica_set.h"

namespace spillway::sandbox {
namespace {

std::string DeploymentOf(int replicas, const std::string& cpu) {
  return fmt::format(R"(
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: {}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      containers:
      - name: main
        image: nginx
        resources: {{requests: {{cpu: {}, memory: 1Gi}}}}
)",
                     replicas, cpu);
}

std::string JobOf(const std::string& annotations) {
  return fmt::format(R"(
apiVersion: batch/v1
kind: Job
metadata: {{name: work}}
spec:
  completions: 3
  parallelism: 2
  template:
    metadata: {{annotations: {{{}}}}}
    spec:
      restartPolicy: Never
      containers: [{{name: main, image: busybox, resources: {{requests: {{cpu: 1}}}}}}]
)",
                     annotations);
}

class SandboxClusterTest : public ::testing::Test {
 protected:
  SandboxClusterTest() : runtime_(7), cluster_(runtime_, SandboxOptions{}) {}

  void Apply(const std::string& yaml) {
    const Status applied = cluster_.Apply(yaml, "default");
    ASSERT_TRUE(applied) << applied.error().message;
  }
  std::vector<Json> Pods() { return *cluster_.store().List("pods"); }
  int Running() {
    int running = 0;
    for (const Json& pod : Pods()) running += PhaseOf(pod) == "Running" && IsPodReady(pod) ? 1 : 0;
    return running;
  }
  Json Get(const std::string& resource, const std::string& name) {
    const auto object = cluster_.store().Get(resource, "default", name);
    return object ? *object : Json();
  }
  std::string EventNote(const std::string& reason) {
    const std::vector<Json> events = *cluster_.store().List("events");
    for (const Json& event : events) {
      if (At(event, {"reason"}) == reason) return Text(event, {"message"});
    }
    return "";
  }
  // Whether `done` holds within `limit`; looked at ten times a second.
  bool Eventually(const std::function<bool()>& done, Duration limit = 60s) {
    for (Duration waited(0); waited < limit; waited += 100ms) {
      if (done()) return true;
      runtime_.RunFor(100ms);
    }
    return done();
  }

  SimRuntime runtime_;
  SandboxCluster cluster_;
};

TEST_F(SandboxClusterTest, ADeploymentRunsOnRealNodesAndReportsItsStatus) {
  cluster_.AddRealNode("node-a", "4", "8Gi", 110);
  cluster_.AddRealNode("node-b", "4", "8Gi", 110);
  Apply(DeploymentOf(4, "1500m"));
  ASSERT_TRUE(Eventually([&] { return Running() == 4; }));
  ASSERT_TRUE(Eventually([&] { return Number(Get("deployments.apps", "web"), {"status", "readyReplicas"}) == 4; }));
  std::map<std::string, int> per_node;
  for (const Json& pod : Pods()) ++per_node[NodeOf(pod)];
  EXPECT_EQ(per_node, (std::map<std::string, int>{{"node-a", 2}, {"node-b", 2}}));
  EXPECT_EQ(Text(FindCondition(Get("deployments.apps", "web"), "Available"), {"status"}), "True");
}

TEST_F(SandboxClusterTest, TheSchedulerSaysWhyAPodFitsNowhereAsKubeSchedulerDoes) {
  cluster_.AddRealNode("node-a", "4", "8Gi", 110);
  Apply(DeploymentOf(1, "16"));
  ASSERT_TRUE(Eventually([&] { return !EventNote("FailedScheduling").empty(); }));
  const std::string message =
      "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1 nodes are available: "
      "1 "
      "Preemption is not helpful for scheduling.";
  EXPECT_EQ(EventNote("FailedScheduling"), message);
  ASSERT_TRUE(Eventually([&] { return FindCondition(Pods().front(), "PodScheduled").is_object(); }));
  const Json condition = FindCondition(Pods().front(), "PodScheduled");
  EXPECT_EQ(Text(condition, {"status"}), "False");
  EXPECT_EQ(Text(condition, {"reason"}), "Unschedulable");
  EXPECT_EQ(Text(condition, {"message"}), message);
}

TEST_F(SandboxClusterTest, APodThatFitsNowhereIsTriedAgainWhenANodeComes) {
  cluster_.AddRealNode("node-a", "1", "8Gi", 110);
  Apply(DeploymentOf(1, "2"));
  ASSERT_TRUE(Eventually([&] { return !EventNote("FailedScheduling").empty(); }));
  cluster_.AddRealNode("node-b", "4", "8Gi", 110);
  EXPECT_TRUE(Eventually([&] { return Running() == 1; }, 20s));
}

TEST_F(SandboxClusterTest, APodThatSomebodyElseBindsIsLeftToThem) {
  cluster_.AddRealNode("node-a", "1", "8Gi", 110);
  cluster_.AddRealNode("node-b", "16", "8Gi", 110);
  cluster_.Cordon("node-b");
  runtime_.RunFor(1s);
  Apply(DeploymentOf(1, "2"));
  ASSERT_TRUE(Eventually([&] { return !EventNote("FailedScheduling").empty(); }));
  const std::string pod = ObjectName(Pods().front());
  ASSERT_TRUE(cluster_.store().Bind("default", pod, {{"metadata", {{"name", pod}}}, {"target", {{"name", "node-b"}}}}));
  EXPECT_TRUE(Eventually([&] { return Running() == 1; }));
  EXPECT_EQ(NodeOf(Pods().front()), "node-b");
}

TEST_F(SandboxClusterTest, TheKubeletRejectsWhatDoesNotFit) {
  cluster_.AddRealNode("node-a", "1", "8Gi", 110);
  Apply(
      "{apiVersion: v1, kind: Pod, metadata: {name: big}, spec: {nodeName: node-a, containers: [{name: c, image: i, "
      "resources: {requests: {cpu: 2}}}]}}");
  ASSERT_TRUE(Eventually([&] { return PhaseOf(Get("pods", "big")) == "Failed"; }));
  EXPECT_EQ(Text(Get("pods", "big"), {"status", "reason"}), "OutOfcpu");
  EXPECT_EQ(Text(Get("pods", "big"), {"status", "message"}),
            "Pod was rejected: Node didn't have enough resource: cpu, requested: 2000, used: 0, capacity: 1000");
}

TEST_F(SandboxClusterTest, AJobCompletesWithItsCompletions) {
  cluster_.AddRealNode("node-a", "4", "8Gi", 110);
  Apply(JobOf("spillway.io/simulated-run-seconds: '5'"));
  ASSERT_TRUE(
      Eventually([&] { return Text(FindCondition(Get("jobs.batch", "work"), "Complete"), {"status"}) == "True"; }));
  EXPECT_EQ(Number(Get("jobs.batch", "work"), {"status", "succeeded"}), 3);
  EXPECT_EQ(Pods().size(), 3u);
}

TEST_F(SandboxClusterTest, AJobWhosePodsFailGivesUpAtItsBackoffLimit) {
  cluster_.AddRealNode("node-a", "4", "8Gi", 110);
  Apply(R"(
apiVersion: batch/v1
kind: Job
metadata: {name: broken}
spec:
  backoffLimit: 1
  template:
    metadata: {annotations: {spillway.io/simulated-run-seconds: '2', spillway.io/simulated-exit-code: '3'}}
    spec:
      restartPolicy: Never
      containers: [{name: main, image: busybox}]
)");
  ASSERT_TRUE(
      Eventually([&] { return Text(FindCondition(Get("jobs.batch", "broken"), "Failed"), {"status"}) == "True"; }));
  EXPECT_EQ(Text(FindCondition(Get("jobs.batch", "broken"), "Failed"), {"reason"}), "BackoffLimitExceeded");
  EXPECT_EQ(Number(Get("jobs.batch", "broken"), {"status", "failed"}), 2);
}

TEST_F(SandboxClusterTest, AStatefulSetGrowsInOrderAndShrinksFromTheEnd) {
  cluster_.AddRealNode("node-a", "4", "8Gi", 110);
  Apply(R"(
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  serviceName: db
  replicas: 3
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      containers: [{name: main, image: db}]
)");
  const auto names = [&] {
    std::string text;
    for (const Json& pod : Pods()) text += ObjectName(pod) + (IsPodReady(pod) ? "+ " : "- ");
    return text;
  };
  EXPECT_TRUE(Eventually([&] { return names() == "db-0- "; }, 2s)) << names();
  EXPECT_TRUE(Eventually([&] { return names() == "db-0+ db-1- "; }, 5s)) << names();
  EXPECT_TRUE(Eventually([&] { return names() == "db-0+ db-1+ db-2+ "; })) << names();
  ASSERT_TRUE(cluster_.store().Modify("statefulsets.apps", "default", "db", Part::kObject, [](Json& set) {
    set["spec"]["replicas"] = 1;
    return true;
  }));
  EXPECT_TRUE(Eventually([&] { return names() == "db-0+ "; })) << names();
}

TEST_F(SandboxClusterTest, ADaemonSetRunsOncePerNodeThatAdmitsIt) {
  cluster_.AddRealNode("node-a", "4", "8Gi", 110);
  cluster_.AddRealNode("node-b", "4", "8Gi", 110);
  cluster_.AddRealNode("node-c", "4", "8Gi", 110);
  ASSERT_TRUE(cluster_.store().Modify("nodes", "", "node-c", Part::kObject, [](Json& node) {
    node["spec"]["taints"] = Json::array({{{"key", "gpu"}, {"effect", "NoSchedule"}}});
    return true;
  }));
  Apply(R"(
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: log}
spec:
  selector: {matchLabels: {app: log}}
  template:
    metadata: {labels: {app: log}}
    spec:
      containers: [{name: main, image: log}]
)");
  ASSERT_TRUE(Eventually([&] { return Running() == 2; }));
  std::map<std::string, int> per_node;
  for (const Json& pod : Pods()) ++per_node[NodeOf(pod)];
  EXPECT_EQ(per_node, (std::map<std::string, int>{{"node-a", 1}, {"node-b", 1}}));
  EXPECT_TRUE(Eventually([&] { return Number(Get("daemonsets.apps", "log"), {"status", "numberReady"}) == 2; }));
}

TEST_F(SandboxClusterTest, DeletingADeploymentDeletesItsPods) {
  cluster_.AddRealNode("node-a", "4", "8Gi", 110);
  Apply(DeploymentOf(3, "1"));
  ASSERT_TRUE(Eventually([&] { return Running() == 3; }));
  ASSERT_TRUE(cluster_.store().Delete("deployments.apps", "default", "web"));
  EXPECT_TRUE(Eventually([&] { return Pods().empty() && cluster_.store().List("replicasets.apps")->empty(); }));
}

TEST_F(SandboxClusterTest, ARollingUpdateReplacesEveryPod) {
  cluster_.AddRealNode("node-a", "16", "64Gi", 110);
  Apply(DeploymentOf(4, "1"));
  ASSERT_TRUE(Eventually([&] { return Running() == 4; }));
  Apply(DeploymentOf(4, "2"));
  EXPECT_TRUE(Eventually([&] {
    int updated = 0;
    for (const Json& pod : Pods()) updated += At(pod, {"spec", "containers"})[0]["resources"]["requests"]["cpu"] == "2";
    return Pods().size() == 4 && updated == 4 && Running() == 4;
  }));
}

TEST_F(SandboxClusterTest, ASilentNodeIsTaintedAndItsPodsReplaced) {
  cluster_.AddRealNode("node-a", "2", "8Gi", 110);
  Apply(DeploymentOf(1, "2"));
  ASSERT_TRUE(Eventually([&] { return Running() == 1; }));
  cluster_.AddRealNode("node-b", "2", "8Gi", 110);
  cluster_.kubelets().Silence("node-a");
  EXPECT_TRUE(Eventually(
      [&] {
        const auto node = cluster_.store().Get("nodes", "", "node-a");
        return Text(FindCondition(*node, "Ready"), {"status"}) == "Unknown" && !At(*node, {"spec", "taints"}).empty();
      },
      120s));
  // 300 s of default toleration later its Pod is given up and a new one runs on the other node.
  EXPECT_TRUE(Eventually(
      [&] {
        for (const Json& pod : Pods()) {
          if (NodeOf(pod) == "node-b" && PhaseOf(pod) == "Running") return true;
        }
        return false;
      },
      500s));
}

TEST(InDeletionOrder, UnboundGoesFirstThenTheCheaperThenTheCrowdedNode) {
  const WallTime now = *base::ParseRfc3339("2026-01-01T01:00:00Z");
  const auto pod = [](const std::string& name, const std::string& node, const std::string& cost) {
    Json object = {{"metadata", {{"name", name}, {"uid", name}, {"creationTimestamp", "2026-01-01T00:00:00Z"}}},
                   {"spec", {{"nodeName", node}}},
                   {"status", {{"phase", node.empty() ? "Pending" : "Running"}, {"conditions", Json::array()}}}};
    if (!node.empty())
      object["status"]["conditions"].push_back(
          {{"type", "Ready"}, {"status", "True"}, {"lastTransitionTime", "2026-01-01T00:00:00Z"}});
    if (!cost.empty()) object["metadata"]["annotations"]["controller.kubernetes.io/pod-deletion-cost"] = cost;
    return object;
  };
  const Json a = pod("alone", "node-a", ""), b = pod("crowded-1", "node-b", ""), c = pod("crowded-2", "node-b", "");
  const Json d = pod("virtual", "vnode", "-1"), e = pod("unbound", "", ""), f = pod("not-a-cost", "node-a2", "+10");
  std::string order;
  for (const Json* each : InDeletionOrder({&a, &b, &c, &d, &e, &f}, now)) order += ObjectName(*each) + " ";
  EXPECT_EQ(order, "unbound virtual crowded-1 crowded-2 alone not-a-cost ");
}

}  // namespace
}  // namespace spillway::sandbox
