#include "cmd/doctor/checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "cmd/doctor/metrics_text.h"
#include "cmd/doctor/output.h"
#include "net/certificates.h"

namespace spillway::cmd::doctor {
namespace {

using kube::Json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

const WallTime kNow = *base::ParseRfc3339("2026-11-30T08:00:00Z");

std::string Shown(const Findings& findings) {
  std::string text;
  for (const Finding& finding : findings) {
    text += std::string(ToString(finding.level)) + " " + finding.check + ": " + finding.what + "\n";
  }
  return text;
}

Objects These(std::initializer_list<Json> objects) { return std::vector<Json>(objects.begin(), objects.end()); }

Json VirtualNodeOf(const std::string& name, const std::string& provider = "simulated") {
  Json node = Json::parse(R"({"metadata":{"labels":{"type":"virtual-kubelet"}},
    "spec":{"taints":[{"key":"virtual-kubelet.io/provider","value":"x","effect":"NoSchedule"}]},
    "status":{"allocatable":{"cpu":"1k","memory":"4Ti","pods":"3000"},
              "conditions":[{"type":"Ready","status":"True"},{"type":"CloudReachable","status":"True"}]}})");
  node["metadata"]["name"] = name;
  node["metadata"]["annotations"]["spillway.io/provider"] = provider;
  return node;
}

Json RealNode(const std::string& name, const std::string& cidr) {
  Json node;
  node["metadata"] = {{"name", name}};
  node["spec"] = {{"podCIDR", cidr}};
  return node;
}

LeaseFacts Lease(const std::string& what, const std::string& renewed, int seconds = 15) {
  LeaseFacts facts;
  facts.what = what;
  Json lease;
  lease["spec"] = {{"holderIdentity", "pod-1"}, {"leaseDurationSeconds", seconds}, {"renewTime", renewed}};
  facts.lease = std::move(lease);
  facts.server_time = kNow;
  return facts;
}

constexpr const char* kMetrics =
    "# HELP spillway_scheduler_agreement_total x\n"
    "spillway_scheduler_agreement_total{result=\"agree\"} 12\n"
    "spillway_scheduler_agreement_total{result=\"differ\"} 0\n"
    "spillway_configuration_rejected 0\n"
    "spillway_mode{mode=\"Enforce\"} 1\nspillway_mode{mode=\"Off\"} 0\n"
    "spillway_cache_synced{resource=\"pods\"} 1\nspillway_cache_synced{resource=\"nodes\"} 1\n";

// A cluster in which all is well; each test spoils one thing.
class ChecksTest : public ::testing::Test {
 protected:
  ChecksTest() {
    facts_.installation.is_found = true;
    facts_.installation.ns = "ops";
    facts_.installation.controllers = {{"spillway-controller", "ops", "spillway", {}, "", ""}};
    facts_.installation.virtual_nodes = {
        {"spillway-pool", "ops", "spillway-agent", {{"provider", "simulated"}}, "", ""}};
    facts_.version = Json{{"major", "1"}, {"minor", "36"}};
    for (const std::string& group : GroupsNeeded(facts_.installation)) facts_.groups[group] = Json::object();
    for (const auto& needed : {AccessNeededByController(controller()), AccessNeededByAgent(pool())}) {
      for (const NeededAccess& one : needed) Serve(one.access);
    }
    facts_.clocks = {kNow, kNow};
    facts_.nodes = These({RealNode("node-a", "10.244.1.0/24"), VirtualNodeOf("vnode-1")});
    facts_.leader = Lease("the leader's Lease", "2026-11-30T07:59:58.000000Z");
    facts_.node_leases["vnode-1"] = Lease("node vnode-1's Lease", "2026-11-30T07:59:52.000000Z", 40);
    facts_.metrics = kMetrics;
    Json scheduler;
    scheduler["metadata"]["name"] = "kube-scheduler-cp";
    scheduler["spec"]["containers"] =
        Json::array({{{"image", "registry.k8s.io/kube-scheduler:v1.36.2"}, {"command", {"kube-scheduler"}}}});
    facts_.scheduler_pods = These({scheduler});
  }

  Component& controller() { return facts_.installation.controllers.front(); }
  Component& pool() { return facts_.installation.virtual_nodes.front(); }
  Json& node() { return facts_.nodes->back(); }
  void Serve(const kube::Access& access) {
    Json& group = *facts_.groups.at(access.group.empty() ? "v1" : access.group + "/v1");
    group["resources"].push_back({{"name", access.resource}});
  }
  void BeInACloud() {
    pool().flags["provider"] = "tencentcloud";
    node() = VirtualNodeOf("vnode-1", "tencentcloud");
    facts_.clouds = {{"tencentcloud", "https://cloud.example", {}}};
    facts_.calico_pools = Fail(Code::kNotFound, "");
    facts_.kubernetes_service = Json::parse(R"({"spec":{"clusterIP":"10.96.0.1"}})");
  }
  void Webhook(const std::string& pem, bool ready = true) {
    WebhookFacts webhook;
    webhook.configuration = Json::parse(R"({"metadata":{"name":"spillway"},"webhooks":[{"name":"pods.spillway.io",
      "failurePolicy":"Ignore","clientConfig":{"service":{"namespace":"ops","name":"hook"}}}]})");
    webhook.configuration["webhooks"][0]["clientConfig"]["caBundle"] = EncodeBase64(pem);
    Json slice;
    slice["endpoints"] = Json::array({{{"conditions", {{"ready", ready}}}}});
    webhook.endpoint_slices.emplace("ops/hook", These({slice}));
    facts_.webhooks = std::vector<WebhookFacts>(1, webhook);
  }

  Facts facts_;
};

TEST_F(ChecksTest, AHealthyClusterIsOk) {
  const Findings findings = CheckEverything(facts_);
  EXPECT_EQ(ExitCodeOf(findings), 0) << Shown(findings);
  EXPECT_THAT(Shown(findings),
              AllOf(Not(HasSubstr("UNKNOWN")), HasSubstr("OK leader: the leader's Lease is held by pod-1")));
}

TEST_F(ChecksTest, NothingThatIsReadIsUnknownAndNeverWell) {
  Facts nothing;
  nothing.installation = FindInstallation({}, {}, "");
  const Error refused{Code::kPermissionDenied, "forbidden"};
  nothing.version = nothing.kubernetes_service = Fail(refused);
  nothing.scheduler_pods = nothing.pending_pods = nothing.nodes = nothing.daemon_sets = nothing.calico_pools =
      Fail(refused);
  nothing.webhooks = Fail(refused);
  nothing.metrics = Fail(refused);
  for (const std::string& group : GroupsNeeded(nothing.installation)) nothing.groups[group] = Fail(refused);
  nothing.leader = LeaseFacts{"the leader's Lease", Fail(refused), kNow, std::nullopt};
  const Findings findings = CheckEverything(nothing);
  EXPECT_EQ(ExitCodeOf(findings), 0) << Shown(findings);
  for (const Finding& finding : findings) {
    if (finding.check == "network") continue;  // which asks nothing where there is no cloud
    EXPECT_EQ(finding.level, Level::kUnknown) << Shown({finding});
  }
}

// ---- APIs

TEST_F(ChecksTest, AnApiThatIsNotServedFails) {
  facts_.groups["coordination.k8s.io/v1"] = Fail(Code::kNotFound, "the server could not find the requested resource");
  EXPECT_THAT(Shown(CheckApis(facts_)),
              HasSubstr("FAIL apis: the API server does not serve leases of coordination.k8s.io/v1"));
}

TEST_F(ChecksTest, DeviceClassesMatterFrom136On) {
  facts_.groups["resource.k8s.io/v1"] = Fail(Code::kNotFound, "");
  EXPECT_THAT(Shown(CheckApis(facts_)), HasSubstr("WARN apis: the API server does not serve deviceclasses"));
  (*facts_.version)["minor"] = "33+";
  EXPECT_THAT(Shown(CheckApis(facts_)), Not(HasSubstr("WARN")));
}

// ---- kube-scheduler

TEST_F(ChecksTest, AForeignSchedulerVersionFailsUnlessAccepted) {
  (*facts_.version)["minor"] = "38";
  facts_.scheduler_pods->clear();
  EXPECT_THAT(
      Shown(CheckScheduler(facts_)),
      HasSubstr("FAIL scheduler: kube-scheduler 1.38 cannot be simulated (1.30 to 1.36 can be): nothing is moved"));
  controller().flags["accept-scheduler-version"] = "1.38";
  EXPECT_THAT(Shown(CheckScheduler(facts_)),
              HasSubstr("WARN scheduler: kube-scheduler 1.38 cannot be simulated (1.30 to 1.36 can "
                        "be); it is accepted, and taken for 1.36"));
  controller().flags = {{"dry-run", "true"}};
  EXPECT_THAT(Shown(CheckScheduler(facts_)), HasSubstr("WARN"));
  controller().flags = {{"kube-scheduler-version", "1.35"}};
  EXPECT_THAT(Shown(CheckScheduler(facts_)), HasSubstr("OK scheduler: kube-scheduler 1.35 is simulated"));
}

TEST_F(ChecksTest, TheSchedulersOwnVersionAndConfigurationAreSeen) {
  Json& container = facts_.scheduler_pods->front()["spec"]["containers"][0];
  container["image"] = "mirror:5000/kube-scheduler:v1.35.9@sha256:0";
  container["command"] = {"kube-scheduler", "--config=/etc/sched.yaml"};
  const std::string shown = Shown(CheckScheduler(facts_));
  EXPECT_THAT(shown, HasSubstr("WARN scheduler: kube-scheduler-cp is 1.35, while 1.36 is taken for it"));
  EXPECT_THAT(shown, HasSubstr("WARN scheduler: kube-scheduler-cp runs with --config=/etc/sched.yaml"));
  facts_.scheduler_pods->clear();
  EXPECT_THAT(Shown(CheckScheduler(facts_)), HasSubstr("UNKNOWN scheduler: kube-scheduler does not run as a Pod here"));
}

TEST_F(ChecksTest, PodsOfUnknownProfilesAreCounted) {
  facts_.pending_pods = These({Json::parse(R"({"spec":{"schedulerName":"bin-packer"}})"),
                               Json::parse(R"({"spec":{"schedulerName":"bin-packer"}})"),
                               Json::parse(R"({"spec":{"schedulerName":"default-scheduler"}})"), Json(7)});
  EXPECT_THAT(Shown(CheckScheduler(facts_)),
              HasSubstr("WARN scheduler: 2 Pods wait for scheduler bin-packer, which Spillway does not look at"));
  controller().flags["scheduler-config"] = "/etc/s.yaml";
  facts_.scheduler_config = std::string(
      "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n"
      "profiles: [{schedulerName: bin-packer}, {schedulerName: default-scheduler}]\n");
  EXPECT_THAT(Shown(CheckScheduler(facts_)), AllOf(Not(HasSubstr("WARN")), HasSubstr("bin-packer")));
  facts_.scheduler_config = std::string("kind: [");
  EXPECT_THAT(Shown(CheckScheduler(facts_)), HasSubstr("FAIL scheduler: the controller's scheduler configuration"));
  facts_.scheduler_config = Fail(Code::kPermissionDenied, "forbidden");
  EXPECT_THAT(Shown(CheckScheduler(facts_)), HasSubstr("UNKNOWN scheduler: the controller's scheduler configuration"));
}

// ---- virtual nodes

TEST_F(ChecksTest, WithoutVirtualNodesThereIsNowhereToGo) {
  facts_.nodes->pop_back();
  EXPECT_THAT(Shown(CheckVirtualNodes(facts_)),
              HasSubstr("FAIL virtual-nodes: no node has the label type=virtual-kubelet"));
}

TEST_F(ChecksTest, ANodeIsJudgedByItsConditions) {
  node()["status"]["conditions"][0] = {
      {"type", "Ready"}, {"status", "Unknown"}, {"message", "Kubelet stopped posting"}};
  node()["status"]["conditions"][1] = {
      {"type", "CloudReachable"}, {"status", "False"}, {"reason", "Unauthorized"}, {"message", "the key is wrong"}};
  EXPECT_EQ(Shown(CheckVirtualNodes(facts_)),
            "FAIL virtual-nodes: vnode-1 is not ready: Ready is Unknown: Kubelet stopped posting\n"
            "FAIL virtual-nodes: vnode-1 does not reach its cloud: Unauthorized: the key is wrong\n");
  node()["status"]["conditions"] = nullptr;
  EXPECT_THAT(Shown(CheckVirtualNodes(facts_)), HasSubstr("Ready is absent"));
}

TEST_F(ChecksTest, TaintsCordonsAndEmptyNodesAreSeen) {
  node()["spec"]["unschedulable"] = true;
  node()["spec"]["taints"].push_back({{"key", "team"}, {"effect", "NoSchedule"}});
  node()["spec"]["taints"].push_back({{"key", "soft"}, {"effect", "PreferNoSchedule"}});
  node()["status"]["allocatable"]["cpu"] = "0";
  node()["status"]["allocatable"].erase("pods");
  EXPECT_EQ(
      Shown(CheckVirtualNodes(facts_)),
      "WARN virtual-nodes: vnode-1 is cordoned: nothing is moved there\n"
      "WARN virtual-nodes: vnode-1 has the taint team:NoSchedule, so that only Pods that tolerate it are moved there\n"
      "FAIL virtual-nodes: vnode-1 has no cpu to give\nFAIL virtual-nodes: vnode-1 has no pods to give\n");
  controller().flags["overflow-taints"] = "team,virtual-kubelet.io/provider";
  EXPECT_THAT(Shown(CheckVirtualNodes(facts_)), Not(HasSubstr("team")));
}

TEST_F(ChecksTest, AnAgentThatStoppedRenewingFails) {
  facts_.node_leases["vnode-1"] = Lease("node vnode-1's Lease", "2026-11-30T07:55:00Z", 40);
  EXPECT_THAT(Shown(CheckVirtualNodes(facts_)),
              HasSubstr("FAIL virtual-nodes: node vnode-1's Lease was to be renewed 4m20s ago by pod-1, and was not"));
}

// ---- the leader

TEST_F(ChecksTest, AnOldLeaseFails) {
  facts_.leader = Lease("the leader's Lease", "2026-11-30T07:59:00Z");
  facts_.leader->later = facts_.leader->lease;
  EXPECT_THAT(Shown(CheckLeader(facts_)),
              HasSubstr("FAIL leader: the leader's Lease was to be renewed 45s ago by pod-1, and was not"));
  (*facts_.leader->lease)["spec"]["holderIdentity"] = "";
  EXPECT_THAT(Shown(CheckLeader(facts_)), HasSubstr("FAIL leader: nobody holds the leader's Lease"));
  facts_.leader->lease = Fail(Code::kNotFound, "");
  EXPECT_THAT(Shown(CheckLeader(facts_)), HasSubstr("FAIL leader: the leader's Lease is not there"));
  facts_.leader.reset();
  EXPECT_TRUE(CheckLeader(facts_).empty());
}

TEST_F(ChecksTest, ALeaseThatGoesOnBeingRenewedHasAHolderWithAnOldClock) {
  facts_.leader = Lease("the leader's Lease", "2026-11-30T07:59:00Z");
  facts_.leader->later = Lease("", "2026-11-30T07:59:12Z").lease;
  EXPECT_THAT(Shown(CheckLeader(facts_)),
              HasSubstr("WARN leader: pod-1 holds the leader's Lease and renews it, with a clock that is 45s behind"));
}

// ---- webhook

TEST_F(ChecksTest, AWebhookNeedsTrustAndEndpoints) {
  const auto authority = net::NewCertificateAuthority("ca", kNow);
  ASSERT_TRUE(authority);
  Webhook(authority->cert_pem);
  EXPECT_EQ(Shown(CheckWebhook(facts_)), "OK webhook: spillway: trusted, and served\n");
  Webhook(authority->cert_pem, false);
  EXPECT_THAT(Shown(CheckWebhook(facts_)),
              HasSubstr("FAIL webhook: pods.spillway.io: nothing is ready behind Service ops/hook: Pods "
                        "are created without it"));
  Webhook("");
  EXPECT_THAT(Shown(CheckWebhook(facts_)), HasSubstr("FAIL webhook: pods.spillway.io has no caBundle"));
  Webhook("not a certificate");
  EXPECT_THAT(Shown(CheckWebhook(facts_)), HasSubstr("its caBundle is no certificate"));
}

TEST_F(ChecksTest, ABundleThatExpiresIsSaidInTime) {
  const auto authority = net::NewCertificateAuthority("ca", kNow);
  const auto validity = net::ReadValidity(authority->cert_pem);
  ASSERT_TRUE(validity);
  Webhook(authority->cert_pem);
  facts_.clocks->server = validity->not_after - std::chrono::hours(24);
  EXPECT_THAT(Shown(CheckWebhook(facts_)), HasSubstr("WARN webhook: pods.spillway.io: its caBundle expires at"));
  facts_.clocks->server = validity->not_after + 1s;
  EXPECT_THAT(Shown(CheckWebhook(facts_)), HasSubstr("FAIL webhook: pods.spillway.io: its caBundle is valid from"));
}

// ---- clocks

TEST_F(ChecksTest, ClocksAreHeldAgainstTheApiServers) {
  facts_.clocks->here = kNow + 2s;
  EXPECT_EQ(ExitCodeOf(CheckClocks(facts_)), 0);
  facts_.clocks->here = kNow + 10s;
  EXPECT_THAT(Shown(CheckClocks(facts_)),
              HasSubstr("WARN clocks: this machine's clock is 10s ahead of the API server's"));
  facts_.clocks->here = kNow - std::chrono::minutes(5);
  EXPECT_THAT(Shown(CheckClocks(facts_)), HasSubstr("FAIL clocks: this machine's clock is 5m behind the API server's"));
  facts_.clocks.reset();
  EXPECT_THAT(Shown(CheckClocks(facts_)), HasSubstr("UNKNOWN clocks"));
}

TEST_F(ChecksTest, AHolderOfALeaseThatIsAheadIsNamed) {
  facts_.node_leases["vnode-1"] = Lease("node vnode-1's Lease", "2026-11-30T08:00:30Z", 40);
  EXPECT_THAT(Shown(CheckClocks(facts_)),
              HasSubstr("WARN clocks: pod-1 holds node vnode-1's Lease with a clock that is 30s ahead"));
}

// ---- what the controller says

TEST_F(ChecksTest, DisagreementIsAWarning) {
  facts_.metrics =
      "spillway_scheduler_agreement_total{result=\"agree\"} 9\nspillway_scheduler_agreement_total{result=\"differ\"} "
      "1\n";
  EXPECT_THAT(Shown(CheckController(facts_)), HasSubstr("WARN agreement: 1 of 10 messages of kube-scheduler differ"));
  facts_.metrics =
      "spillway_scheduler_agreement_total{result=\"agree\"} 0\nspillway_scheduler_agreement_total{result=\"differ\"} "
      "0\n";
  EXPECT_THAT(Shown(CheckController(facts_)), HasSubstr("UNKNOWN agreement: kube-scheduler has not said"));
  facts_.metrics = "go_goroutines 7\n";
  EXPECT_THAT(Shown(CheckController(facts_)),
              HasSubstr("UNKNOWN agreement: the controller has no spillway_scheduler_agreement_total"));
}

TEST_F(ChecksTest, WhatTheControllerSuffersFromIsPassedOn) {
  *facts_.metrics += "spillway_cache_synced{resource=\"namespaces\"} 0\n";
  EXPECT_THAT(Shown(CheckController(facts_)), HasSubstr("FAIL controller: it does not see namespaces as they are"));
  facts_.metrics = "spillway_configuration_rejected 1\nspillway_mode{mode=\"Off\"} 1\n";
  EXPECT_THAT(Shown(CheckController(facts_)),
              AllOf(HasSubstr("FAIL controller: its SpillwayConfiguration cannot be read"),
                    HasSubstr("WARN controller: its mode is Off")));
}

TEST(MetricsText, ReadsSamplesAndNothingElse) {
  constexpr const char* kText = "# TYPE a counter\na{x=\"1\"} 2\nab 3\na{x=\"2\"} 1e+06\nb NaN\nbroken{\n";
  EXPECT_EQ(SampleOf(kText, "a", "x=\"2\""), 1e6);
  EXPECT_EQ(SampleOf(kText, "ab", ""), 3);
  EXPECT_EQ(SampleOf(kText, "broken", ""), std::nullopt);
  EXPECT_THAT(LabelsWithValue(kText, "a", "x", 2), ::testing::ElementsAre("1"));
}

// ---- network

TEST_F(ChecksTest, OnlyCloudsAskSomethingOfTheNetwork) {
  EXPECT_EQ(Shown(CheckNetwork(facts_)),
            "OK network: no virtual node of Spillway is in a cloud: nothing is asked of the network\n");
}

TEST_F(ChecksTest, ACloudThatNeitherWeNorAgentsReachIsAWarning) {
  BeInACloud();
  EXPECT_THAT(Shown(CheckNetwork(facts_)),
              HasSubstr("OK network: https://cloud.example of tencentcloud answers from here"));
  facts_.clouds[0].reached = Fail(Code::kUnavailable, "no such host");
  EXPECT_THAT(Shown(CheckNetwork(facts_)),
              HasSubstr("OK network: https://cloud.example of tencentcloud does not answer from here, "
                        "but its agents reach it"));
  node()["status"]["conditions"][1]["status"] = "False";
  EXPECT_THAT(Shown(CheckNetwork(facts_)),
              HasSubstr("WARN network: https://cloud.example of tencentcloud does not answer from here: no such host"));
}

TEST_F(ChecksTest, WhereCloudPodsLookForTheApiServerIsTold) {
  BeInACloud();
  EXPECT_THAT(Shown(CheckNetwork(facts_)),
              HasSubstr("WARN network: Pods of spillway-pool look for the API server at 10.96.0.1, an "
                        "address of this cluster's own network"));
  pool().flags["pod-kube-apiserver-host"] = "127.0.0.1";
  EXPECT_THAT(Shown(CheckNetwork(facts_)),
              HasSubstr("FAIL network: Pods of spillway-pool look for the API server at 127.0.0.1:443"));
  pool().flags["pod-kube-apiserver-host"] = "10.20.0.10";
  pool().flags["pod-kube-apiserver-port"] = "6443";
  EXPECT_THAT(Shown(CheckNetwork(facts_)),
              HasSubstr("UNKNOWN network: whether Pods of spillway-pool reach the API server at 10.20.0.10:6443"));
}

TEST_F(ChecksTest, RoutesAreNamedOverlaysAndOverlapsFound) {
  BeInACloud();
  EXPECT_THAT(Shown(CheckNetwork(facts_)),
              HasSubstr("UNKNOWN network: whether the cloud's network has a route to the Pods here (10.244.1.0/24)"));
  facts_.daemon_sets = These({Json::parse(R"({"metadata":{"name":"kube-flannel-ds"}})")});
  EXPECT_THAT(Shown(CheckNetwork(facts_)),
              HasSubstr("WARN network: Pods here have an overlay network (DaemonSet kube-flannel-ds)"));
  facts_.calico_pools =
      These({Json::parse(R"({"metadata":{"name":"main"},"spec":{"cidr":"10.9.0.0/16","ipipMode":"Always"}})")});
  EXPECT_THAT(Shown(CheckNetwork(facts_)), HasSubstr("Calico's pool main has ipipMode: Always"));
  facts_.virtual_pods =
      These({Json::parse(R"({"metadata":{"namespace":"shop","name":"web"},"status":{"podIP":"10.9.3.4"}})")});
  EXPECT_THAT(
      Shown(CheckNetwork(facts_)),
      HasSubstr(
          "FAIL network: shop/web has the address 10.9.3.4 in the cloud, which is in this cluster's own 10.9.0.0/16"));
  facts_.virtual_pods = These({Json::parse(R"({"metadata":{"name":"web"},"status":{"podIP":"fd00::1"}})")});
  EXPECT_THAT(Shown(CheckNetwork(facts_)), Not(HasSubstr("FAIL")));
}

// ---- the report

TEST(Report, IsALineEachAndCounts) {
  const Findings findings = {{Level::kOk, "apis", "served", ""}, {Level::kWarn, "clocks", "two\nlines", "synchronise"}};
  EXPECT_EQ(ReportText(findings),
            "OK      apis          served\n"
            "WARN    clocks        two lines\n"
            "                      -> synchronise\n"
            "1 OK, 0 UNKNOWN, 1 WARN, 0 FAIL\n");
  const Json json = Json::parse(ReportJson(findings));
  EXPECT_EQ(json["exitCode"], 4);
  EXPECT_EQ(json["counts"]["WARN"], 1);
  EXPECT_EQ(json["findings"][1],
            Json::parse(R"({"level":"WARN","check":"clocks","what":"two\nlines","todo":"synchronise"})"));
}

TEST(Report, ExitCodes) {
  EXPECT_EQ(ExitCodeOf({}), 0);
  EXPECT_EQ(ExitCodeOf({{Level::kUnknown, "", "", ""}}), 0);
  EXPECT_EQ(ExitCodeOf({{Level::kFail, "", "", ""}, {Level::kWarn, "", "", ""}}), 3);
}

}  // namespace
}  // namespace spillway::cmd::doctor
