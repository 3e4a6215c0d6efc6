#include "cloud/agent/node_object.h"

#include <gtest/gtest.h>

#include "base/sim_runtime.h"
#include "cloud/testing/fake_cluster.h"
#include "kube/client.h"

namespace spillway::cloud {
namespace {

// kube-apiserver asks a Hostname before everything else, and no DNS knows a virtual node's.
TEST(NodeObject, PublishesOnlyAddressesAtWhichTheAgentIsReached) {
  AgentOptions options;
  options.node_name = "vnode";
  options.internal_ip = "10.0.0.5";
  SimRuntime runtime(1);
  testing::FakeCluster cluster(runtime);
  const Json left_behind = Json::array({{{"type", "Hostname"}, {"address", "vnode"}},  // by an agent before this one
                                        {{"type", "InternalIP"}, {"address", "10.0.0.4"}}});
  cluster.node = {{"metadata", {{"name", "vnode"}}}, {"status", {{"addresses", left_behind}}}};
  kube::RateLimiter limiter(runtime, 100, 100);
  kube::Client client(runtime, cluster.transport(), limiter);
  TaskScope flows(runtime);
  flows.Spawn([](kube::Client& api, Json patch) -> Task<void> {
    std::string path = "/api/v1/nodes/vnode/status";
    (void)co_await api.StrategicPatch(std::move(path), std::move(patch));
  }(client, NodeStatusPatch(options, cluster.node, CloudView(), std::nullopt, runtime.WallNow())));
  runtime.RunFor(1s);
  EXPECT_EQ(At(cluster.node, "status", "addresses"), Json::array({{{"type", "InternalIP"}, {"address", "10.0.0.5"}}}));
}

TEST(NodeObject, DeclaresWebSocketsOnlyWithAKubeletApi) {
  AgentOptions options;
  EXPECT_FALSE(
      NodeStatusPatch(options, Json(), CloudView(), std::nullopt, WallTime())["status"].contains("declaredFeatures"));
  options.kubelet_port = 10250;
  EXPECT_EQ(NodeStatusPatch(options, Json(), CloudView(), std::nullopt, WallTime())["status"]["declaredFeatures"],
            Json::array({"ExtendWebSocketsToKubelet"}));
}

}  // namespace
}  // namespace spillway::cloud
