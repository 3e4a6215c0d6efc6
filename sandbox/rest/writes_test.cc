#include <fmt/core.h>

#include "sandbox/rest/api_server.h"
#include "sandbox/store/json_path.h"
#include "sandbox/testing/api_fixture.h"

// What a real API server answers to the same writes: tests/controlplane/sandbox_test.py.

namespace spillway::sandbox {
namespace {

using kube::Method;

constexpr const char* kPodsPath = "/api/v1/namespaces/default/pods";

// What a patch makes of a Pod, and what it may not.
class StatusPatchTest : public testing::Test, public ApiFixture {
 protected:
  StatusPatchTest() {
    Json pod = PodNamed("p");
    pod["spec"]["nodeName"] = "n";
    pod["spec"]["restartPolicy"] = "Never";
    (void)store().Create("pods", pod);
  }
  kube::Response Patch(const Json& patch) {
    return Call(Method::kPatch, std::string(kPodsPath) + "/p/status", patch, "application/strategic-merge-patch+json");
  }
  int PatchStatus(const char* status) { return Patch({{"status", Json::parse(status)}}).status; }
  Json Status() { return Get(std::string(kPodsPath) + "/p")["status"]; }
};

TEST_F(StatusPatchTest, OfAnotherUidIsInvalidAndOfAnOldVersionAConflict) {
  const kube::Response other = Patch({{"metadata", {{"uid", "another"}}}});
  EXPECT_EQ(other.status, 422);
  EXPECT_EQ(TextAt(Json::parse(other.body), "message"),
            "Pod \"p\" is invalid: metadata.uid: Invalid value: \"another\": field is immutable");
  EXPECT_EQ(Patch({{"metadata", {{"uid", "another"}, {"resourceVersion", "1"}}}}).status, 409);
  Json whole = PodNamed("p");
  whole["metadata"]["uid"] = "another";
  EXPECT_EQ(Call(Method::kPut, std::string(kPodsPath) + "/p/status", whole).status, 409);
}

TEST_F(StatusPatchTest, OfTheWrongTypesIsInvalid) {
  for (const char* status : {R"({"phase":1})", R"({"startTime":"noon"})", R"({"conditions":{}})", R"("Running")"})
    EXPECT_EQ(PatchStatus(status), 422) << status;
  EXPECT_EQ(Patch({{"metadata", {{"labels", {{"a", 1}}}}}}).status, 422);
  EXPECT_EQ(Call(Method::kPut, std::string(kPodsPath) + "/p/status",
                 {{"metadata", {{"name", "p"}}}, {"status", {{"phase", 1}}}})
                .status,
            400);
}

TEST_F(StatusPatchTest, KeepsOneOfTheTwoSpellingsOfAnAddress) {
  EXPECT_EQ(PatchStatus(R"({"podIP":"10.0.0.1"})"), 200);
  EXPECT_EQ(TextAt(Status()["podIPs"][0], "ip"), "10.0.0.1");
  EXPECT_EQ(PatchStatus(R"({"podIP":"10.0.0.2","podIPs":[{"ip":"10.0.0.3"},{"$patch":"replace"}]})"), 200);
  EXPECT_EQ(Status()["podIPs"], Json::parse(R"([{"ip":"10.0.0.2"}])"));
  EXPECT_EQ(PatchStatus(R"({"podIP":null,"podIPs":[{"ip":"10.0.0.4"},{"$patch":"replace"}]})"), 200);
  EXPECT_EQ(TextAt(Status(), "podIP"), "10.0.0.4");
}

TEST_F(StatusPatchTest, IsCheckedAsUpstream) {
  for (const char* status :
       {R"({"podIPs":[{"ip":"here"}]})", R"({"hostIP":"10.0.0.1","hostIPs":[{"ip":"10.0.0.2"}]})",
        R"({"podIPs":[{"ip":"10.00.0.1"}]})", R"({"qosClass":"Guaranteed"})", R"({"nominatedNodeName":"n"})",
        R"({"observedGeneration":-1})", R"({"conditions":[{"type":"not good","status":"True"}]})",
        R"({"conditions":[{"status":"True"}]})"}) {
    EXPECT_EQ(PatchStatus(status), 422) << status;
  }
  EXPECT_EQ(PatchStatus(R"({"containerStatuses":[{"name":"ghost"}],"conditions":[{"type":"Odd"}]})"), 200);
  EXPECT_EQ(TextAt(Status(), "qosClass"), "BestEffort");
}

TEST_F(StatusPatchTest, WhatHasEndedStaysEnded) {
  EXPECT_EQ(PatchStatus(R"({"containerStatuses":[{"name":"c","state":{"terminated":{"exitCode":0}}}],
                            "initContainerStatuses":[{"name":"i","state":{"terminated":{"exitCode":0}}}]})"),
            200);
  EXPECT_EQ(PatchStatus(R"({"containerStatuses":[{"name":"c","state":{"running":{}}}]})"), 422);
  EXPECT_EQ(PatchStatus(R"({"initContainerStatuses":[{"name":"i","state":{"running":{}}}]})"), 422);
}

class WritesTest : public testing::Test, public ApiFixture {};

TEST_F(WritesTest, NodesAreCheckedAsUpstream) {
  Json node = {{"metadata", {{"name", "n"}}}};
  const Json created = Json::parse(Call(Method::kPost, "/api/v1/nodes", node).body);
  EXPECT_EQ(TextAt(created["spec"]["taints"][0], "key"), "node.kubernetes.io/not-ready");
  const auto patched = [&](const char* path, const char* patch) {
    return Call(Method::kPatch, std::string("/api/v1/nodes/n") + path, Json::parse(patch),
                "application/strategic-merge-patch+json")
        .status;
  };
  for (const char* status :
       {R"({"capacity":{"pods":"1.5"}})", R"({"capacity":{"cpu":"-1"}})", R"({"capacity":{"cpu":"many"}})",
        R"({"declaredFeatures":["B","A"]})", R"({"conditions":[{"type":"Ready","lastHeartbeatTime":"noon"}]})"}) {
    EXPECT_EQ(patched("/status", fmt::format(R"({{"status":{}}})", status).c_str()), 422) << status;
  }
  EXPECT_EQ(patched("", R"({"spec":{"taints":[{"key":"a","effect":"Never"}]}})"), 422);
  EXPECT_EQ(patched("", R"({"metadata":{"labels":{"a":"b c"}}})"), 422);
}

TEST_F(WritesTest, ALeaseThatIsNotThereIsMadeByAPutUnlessItIsMeantForOne) {
  const std::string lease = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n";
  EXPECT_EQ(Call(Method::kPut, lease, {{"metadata", {{"name", "n"}, {"uid", "x"}}}}).status, 409);
  EXPECT_EQ(Call(Method::kPut, lease, {{"metadata", {{"name", "n"}, {"resourceVersion", "7"}}}}).status, 201);
  EXPECT_EQ(Call(Method::kPut, lease, {{"metadata", {{"name", "n"}}}}).status, 422);
  EXPECT_EQ(Call(Method::kPost, lease.substr(0, lease.size() - 2),
                 {{"metadata", {{"name", "m"}}}, {"spec", {{"leaseDurationSeconds", 0}}}})
                .status,
            422);
}

}  // namespace
}  // namespace spillway::sandbox
