#include "sandbox/rest/node_restriction.h"

#include "sandbox/testing/api_fixture.h"

namespace spillway::sandbox {
namespace {

using kube::Method;
using testing::HasSubstr;

constexpr const char* kStrategicMerge = "application/strategic-merge-patch+json";
constexpr const char* kPodPath = "/api/v1/namespaces/default/pods/";
constexpr const char* kNodePath = "/api/v1/nodes/mine";

// A kubelet's identity on an API server with two Nodes and a Pod on each.
class NodeRestrictionTest : public testing::Test, public ApiFixture {
 protected:
  NodeRestrictionTest() {
    for (const char* node : {"mine", "other"}) {
      (void)store().Create("nodes", {{"metadata", {{"name", node}}}});
      Json pod = PodNamed(std::string("on-") + node);
      pod["spec"]["nodeName"] = node;
      (void)store().Create("pods", pod);
    }
    transport = api.NewTransport("system:node:mine");
  }
  int Patch(const std::string& path, const Json& patch) {
    return Call(Method::kPatch, path, patch, kStrategicMerge).status;
  }
  std::string Message(const kube::Response& response) { return TextAt(Json::parse(response.body), "message"); }
};

TEST_F(NodeRestrictionTest, StatusesOfItsOwnPodsAlone) {
  const Json running = {{"status", {{"phase", "Running"}}}};
  EXPECT_EQ(Patch(std::string(kPodPath) + "on-mine/status", running), 200);
  EXPECT_EQ(Patch(std::string(kPodPath) + "on-other/status", running), 403);
  EXPECT_EQ(Patch(std::string(kPodPath) + "on-mine/status", {{"metadata", {{"labels", {{"a", "b"}}}}}}), 403);
  EXPECT_EQ(Patch(std::string(kPodPath) + "on-mine/status", {{"metadata", {{"annotations", {{"a", "b"}}}}}}), 200);
  EXPECT_EQ(Patch(std::string(kPodPath) + "on-mine", {{"metadata", {{"annotations", {{"a", "b"}}}}}}), 403);
}

TEST_F(NodeRestrictionTest, DeletesItsOwnPodsAlone) {
  EXPECT_EQ(Call(Method::kDelete, std::string(kPodPath) + "on-other").status, 403);
  EXPECT_EQ(Call(Method::kDelete, std::string(kPodPath) + "on-mine").status, 200);
}

TEST_F(NodeRestrictionTest, NeitherTaintsNorRoles) {
  EXPECT_EQ(Patch(kNodePath, {{"metadata", {{"labels", {{"type", "virtual-kubelet"}}}}}}), 200);
  const auto labelled =
      Call(Method::kPatch, kNodePath,
           {{"metadata", {{"labels", {{"kubernetes.io/role", "agent"}, {"a.k8s.io/b", "c"}}}}}}, kStrategicMerge);
  EXPECT_EQ(labelled.status, 403);
  EXPECT_EQ(Message(labelled),
            "nodes \"mine\" is forbidden: is not allowed to modify labels: a.k8s.io/b, kubernetes.io/role");
  const Json taints = Json::array({{{"key", "a"}, {"effect", "NoSchedule"}}});
  EXPECT_EQ(Patch(kNodePath, {{"spec", {{"taints", taints}}}}), 403);
  EXPECT_EQ(Patch("/api/v1/nodes/other/status", {{"status", {{"phase", "Running"}}}}), 403);
}

TEST_F(NodeRestrictionTest, ItsNodeComesWithTaintsAndWithoutARole) {
  (void)store().Delete("nodes", "", "mine");
  Json node = {{"metadata", {{"name", "mine"}, {"labels", {{"kubernetes.io/role", "agent"}}}}},
               {"spec", {{"taints", Json::array({{{"key", "a"}, {"effect", "NoSchedule"}}})}}}};
  EXPECT_THAT(Message(Call(Method::kPost, "/api/v1/nodes", node)), HasSubstr("set the following labels"));
  node["metadata"]["labels"] = {{"kubernetes.io/hostname", "mine"}};
  EXPECT_EQ(Call(Method::kPost, "/api/v1/nodes", node).status, 201);
}

TEST_F(NodeRestrictionTest, ReadsItsOwnNodeAndPodsAlone) {
  EXPECT_EQ(Call(Method::kGet, kNodePath).status, 200);
  EXPECT_EQ(Call(Method::kGet, "/api/v1/nodes/other").status, 403);
  EXPECT_EQ(Call(Method::kGet, "/api/v1/nodes?fieldSelector=metadata.name%3Dmine").status, 200);
  EXPECT_EQ(Call(Method::kGet, "/api/v1/nodes").status, 403);
  EXPECT_EQ(Call(Method::kGet, "/api/v1/pods?fieldSelector=spec.nodeName%3Dmine").status, 200);
  EXPECT_EQ(Call(Method::kGet, "/api/v1/pods?fieldSelector=spec.nodeName%3Dminefield").status, 403);
  EXPECT_EQ(Call(Method::kGet, "/api/v1/pods").status, 403);
}

TEST_F(NodeRestrictionTest, ItsOwnLeaseAlone) {
  const std::string leases = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
  EXPECT_EQ(Call(Method::kPost, leases, {{"metadata", {{"name", "other"}}}}).status, 403);
  EXPECT_EQ(Call(Method::kPost, leases, {{"metadata", {{"name", "mine"}}}}).status, 201);
  EXPECT_EQ(Call(Method::kGet, leases + "/other").status, 403);
}

TEST_F(NodeRestrictionTest, TokensForItsPodsVolumesAlone) {
  (void)store().Create("serviceaccounts", {{"metadata", {{"name", "default"}}}});
  Json pod = PodNamed("asks");
  pod["spec"]["nodeName"] = "mine";
  const Json source = {{"serviceAccountToken", {{"audience", "vault"}}}};
  pod["spec"]["volumes"] = Json::array({{{"name", "t"}, {"projected", {{"sources", Json::array({source})}}}}});
  const Json made = *store().Create("pods", pod);
  Json request = {{"spec", {{"audiences", Json::array({"vault"})}}}};
  const auto ask = [&] {
    return Call(Method::kPost, "/api/v1/namespaces/default/serviceaccounts/default/token", request).status;
  };
  EXPECT_EQ(ask(), 403) << "bound to no Pod";
  request["spec"]["boundObjectRef"] = {{"apiVersion", "v1"}, {"kind", "Pod"}, {"name", "asks"}};
  request["spec"]["boundObjectRef"]["uid"] = TextAt(made, "metadata.uid");
  EXPECT_EQ(ask(), 201);
  request["spec"]["audiences"] = Json::array({"bank"});
  EXPECT_EQ(ask(), 403);
}

TEST_F(NodeRestrictionTest, WhoActsAsAKubeletIsBoundAsOne) {
  net::ServerRequest request;
  request.method = "GET";
  request.path = "/api/v1/nodes";
  request.client_common_name = "admin";
  request.headers = {{"impersonate-user", "system:node:mine"}};
  int status = 0;
  scope.Spawn([](ApiServer& api, net::ServerRequest request, int& status) -> Task<void> {
    const net::ServerResponse response = co_await api.Handle(std::move(request));
    status = response.status;
  }(api, std::move(request), status));
  Settle();
  EXPECT_EQ(status, 403);
}

}  // namespace
}  // namespace spillway::sandbox
