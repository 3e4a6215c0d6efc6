#include <gtest/gtest.h>

#include "scheduler_sim/testing/matchers.h"
#include "scheduler_sim/testing/scenario_fields.h"

// One table a filter, in the words of scenarios; cases follow kube-scheduler's own unit tests.
namespace spillway::sim::testing {
namespace {

struct Case {
  const char* name;
  const char* text;
  const char* message;  // "" when the Pod fits
};

void Check(std::initializer_list<Case> cases, int minor_version = 36) {
  for (const Case& c : cases) {
    ClusterOptions options;
    options.minor_version = minor_version;
    EXPECT_EQ(MessageFor(c.text, options), c.message) << c.name;
  }
}

constexpr const char* kCordoned = "0/1 nodes are available: 1 node(s) were unschedulable.";
constexpr const char* kTainted = "0/1 nodes are available: 1 node(s) had untolerated taint(s).";
constexpr const char* kUnmatched = "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.";
constexpr const char* kNoPort =
    "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.";

TEST(NodeUnschedulable, Cases) {
  Check({{"schedulable", "node a\npod p", ""},
         {"cordoned", "node a cordoned\npod p", kCordoned},
         {"tolerated", "node a cordoned\npod p tolerate=node.kubernetes.io/unschedulable:NoSchedule", ""},
         {"tolerated for every effect", "node a cordoned\npod p tolerate=node.kubernetes.io/unschedulable", ""},
         {"everything tolerated", "node a cordoned\npod p tolerate=all", ""},
         {"another effect", "node a cordoned\npod p tolerate=node.kubernetes.io/unschedulable:NoExecute", kCordoned}});
}

TEST(TaintToleration, Cases) {
  Check({{"no tolerations", "node a taint=k=v:NoSchedule\npod p", kTainted},
         {"equal", "node a taint=k=v:NoSchedule\npod p tolerate=k=v:NoSchedule", ""},
         {"another value", "node a taint=k=v:NoSchedule\npod p tolerate=k=w:NoSchedule", kTainted},
         {"any value", "node a taint=k=v:NoSchedule\npod p tolerate=k:NoSchedule", ""},
         {"another effect", "node a taint=k=v:NoSchedule\npod p tolerate=k=v:NoExecute", kTainted},
         {"NoExecute keeps out too", "node a taint=k=v:NoExecute\npod p", kTainted},
         {"every effect", "node a taint=k=v:NoExecute\npod p tolerate=k=v", ""},
         {"one of two", "node a taint=k=v:NoSchedule taint=l=w:NoSchedule\npod p tolerate=k", kTainted},
         {"all of two", "node a taint=k=v:NoSchedule taint=l=w:NoSchedule\npod p tolerate=k tolerate=l", ""},
         {"preference fails nobody", "node a taint=k=v:PreferNoSchedule\npod p", ""}});
}

TEST(TaintToleration, NamesTheTaintUntil133) {
  const char* text = "node a taint=k=v:NoSchedule\nnode b taint=l=w:NoSchedule\nnode c taint=k=v:NoSchedule\npod p";
  Check({{"1.33", text,
          "0/3 nodes are available: 1 node(s) had untolerated taint {l: w}, 2 node(s) had untolerated taint {k: v}."}},
        33);
  Check({{"1.34", text, "0/3 nodes are available: 3 node(s) had untolerated taint(s)."}}, 34);
}

TEST(NodeAffinity, Cases) {
  Check({{"no selector", "node a\npod p", ""},
         {"selector", "node a label=k=v\npod p select=k=v", ""},
         {"selector, other value", "node a label=k=w\npod p select=k=v", kUnmatched},
         {"selector, label missing", "node a\npod p select=k=v", kUnmatched},
         {"all of the selector", "node a label=k=v\npod p select=k=v select=l=w", kUnmatched},
         {"in", "node a label=k=v\npod p in=k:u|v", ""},
         {"not in", "node a label=k=v\npod p not-in=k:u|v", kUnmatched},
         {"not in, label missing", "node a\npod p not-in=k:u|v", ""},
         {"selector and affinity", "node a label=k=v\npod p select=k=v in=l:w", kUnmatched}});
}

TEST(NodeAffinity, NamesOfNodesAreJudgedBeforeAllElse) {
  Check({{"there", "node a\nnode b\npod p pin=b", ""},
         {"gone", "node a\nnode b\npod p pin=c",
          "0/2 nodes are available: 2 node(s) didn't satisfy plugin(s) [NodeAffinity]."},
         {"conflict", "node a\nnode b\npod p pin=a pin=b", "0/2 nodes are available: pod affinity terms conflict."},
         {"full", "node a pods=0\nnode b\npod p pin=a",
          "0/2 nodes are available: 1 Too many pods, 1 node(s) didn't satisfy plugin(s) [NodeAffinity]."},
         {"labels count as well", "node a\nnode b\npod p pin=a in=k:v",
          "0/2 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, "
          "1 node(s) didn't satisfy plugin(s) [NodeAffinity]."}});
}

TEST(NodeAffinity, Until131NodesThatAreLeftOutAreNotInTheMessage) {
  Check({{"gone", "node a\nnode b\npod p pin=c", "0/2 nodes are available:"},
         {"full", "node a pods=0\nnode b\npod p pin=a", "0/2 nodes are available: 1 Too many pods."},
         {"nominated to one", "node a pods=0\nnode b pods=0\npod p pin=a nominated=b",
          "0/2 nodes are available: 1 Too many pods, 1 node(s) didn't match Pod's node affinity/selector."}},
        31);
}

TEST(NodeAffinity, TermsAreAlternativesAndEmptyOnesMatchNothing) {
  Scenario scenario("node a label=k=v\nnode b\npod p in=k:v");
  kube::Pod pod = scenario.pods.front();
  pod.required_node_affinity->terms.insert(pod.required_node_affinity->terms.begin(), kube::NodeSelectorTerm());
  scenario.cluster.Upsert(pod);
  EXPECT_EQ(Judge(scenario.cluster, scenario.pod("p"), NodeDomain::kAll).kind, Verdict::Kind::kFits);
  pod.required_node_affinity->terms.resize(1);
  scenario.cluster.Upsert(pod);
  EXPECT_EQ(Judge(scenario.cluster, scenario.pod("p"), NodeDomain::kAll).kind, Verdict::Kind::kNowhere);
  pod.required_node_affinity->terms.clear();
  scenario.cluster.Upsert(pod);
  EXPECT_EQ(Judge(scenario.cluster, scenario.pod("p"), NodeDomain::kAll).kind, Verdict::Kind::kNowhere);
}

TEST(NodePorts, Cases) {
  Check({{"free", "node a\npod other on=a port=81\npod p port=80", ""},
         {"taken", "node a\npod other on=a port=80\npod p port=80", kNoPort},
         {"other protocol", "node a\npod other on=a port=80/UDP\npod p port=80", ""},
         {"TCP is the default", "node a\npod other on=a port=80/TCP\npod p port=80", kNoPort},
         {"other address", "node a\npod other on=a port=127.0.0.1@80\npod p port=127.0.0.2@80", ""},
         {"same address", "node a\npod other on=a port=127.0.0.1@80\npod p port=127.0.0.1@80", kNoPort},
         {"any address wanted", "node a\npod other on=a port=127.0.0.1@80\npod p port=0.0.0.0@80", kNoPort},
         {"any address taken", "node a\npod other on=a port=80\npod p port=127.0.0.1@80", kNoPort},
         {"second of two", "node a\npod other on=a port=81\npod p port=80 port=81", kNoPort},
         {"terminating Pods hold theirs", "node a\npod other on=a port=80 terminating\npod p port=80", kNoPort},
         {"finished Pods do not", "node a\npod other on=a port=80 phase=Failed\npod p port=80", ""}});
}

TEST(NodePorts, SidecarsHoldTheirsSince133) {
  for (const int version : {32, 33}) {
    ClusterOptions options;
    options.minor_version = version;
    Scenario scenario("node a\npod other on=a port=80\npod p port=80", options);
    kube::Pod other = scenario.pods.front();
    kube::Container& sidecar = other.init_containers.emplace_back();
    sidecar.restart_always = true;
    sidecar.host_ports.swap(other.containers.front().host_ports);
    scenario.cluster.Upsert(other);
    EXPECT_EQ(Judge(scenario.cluster, scenario.pod("p"), NodeDomain::kReal).kind,
              version == 32 ? Verdict::Kind::kFits : Verdict::Kind::kNowhere);
  }
}

TEST(NodeResourcesFit, Cases) {
  Check({{"fits exactly", "node a cpu=2\npod other on=a cpu=1\npod p cpu=1", ""},
         {"one milli too many", "node a cpu=2\npod other on=a cpu=1\npod p cpu=1001m",
          "0/1 nodes are available: 1 Insufficient cpu."},
         {"all that is short", "node a cpu=1 mem=1 eph=1 pods=0\npod p cpu=2 mem=2 eph=2 example.com/gpu=1",
          "0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient ephemeral-storage, "
          "1 Insufficient example.com/gpu, 1 Insufficient memory, 1 Too many pods."},
         {"a Pod without requests needs a slot", "node a pods=1\npod other on=a\npod p",
          "0/1 nodes are available: 1 Too many pods."},
         {"and nothing else", "node a cpu=1\npod other on=a cpu=2\npod p", ""},
         {"overcommitted", "node a cpu=1\npod other on=a cpu=2\npod p cpu=1m",
          "0/1 nodes are available: 1 Insufficient cpu."},
         {"terminating Pods count", "node a cpu=1\npod other on=a cpu=1 terminating\npod p cpu=1",
          "0/1 nodes are available: 1 Insufficient cpu."},
         {"finished Pods do not", "node a cpu=1\npod other on=a cpu=1 phase=Succeeded\npod p cpu=1", ""},
         {"ephemeral storage is none unless said", "node a\npod p eph=1",
          "0/1 nodes are available: 1 Insufficient ephemeral-storage."},
         {"extended", "node a example.com/gpu=2\npod other on=a example.com/gpu=1\npod p example.com/gpu=1", ""},
         {"extended, used up", "node a example.com/gpu=1\npod other on=a example.com/gpu=1\npod p example.com/gpu=1",
          "0/1 nodes are available: 1 Insufficient example.com/gpu."},
         {"hugepages", "node a hugepages-2Mi=1Gi\npod p hugepages-2Mi=2Gi",
          "0/1 nodes are available: 1 Insufficient hugepages-2Mi."},
         {"zero of an unknown resource", "node a\npod p example.com/gpu=0", ""}});
}

TEST(NodeResourcesFit, ReasonsAreSortedAsTexts) {
  Check({{"counts sort as strings", "node a[1..10] cpu=1\nnode b[1..2] cordoned\npod p cpu=2",
          "0/12 nodes are available: 10 Insufficient cpu, 2 node(s) were unschedulable."}});
}

TEST(NodeDeclaredFeatures, NodesMustDeclareWhatThePodNeeds) {
  const auto kind = [](int minor_version, const std::vector<std::string>& declared, auto&& change) {
    ClusterOptions options;
    options.minor_version = minor_version;
    Scenario scenario("pod p", options);
    kube::Node node = MakeNode("a", false, {});
    node.declared_features = declared;
    scenario.cluster.Upsert(node);
    kube::Pod pod = scenario.pods.front();
    change(pod);
    scenario.cluster.Upsert(pod);
    const Verdict verdict = Judge(scenario.cluster, scenario.pod("p"), NodeDomain::kReal);
    return verdict.why_not ? verdict.why_not->Summary() : "";
  };
  const auto user_namespaces = [](kube::Pod& pod) {
    pod.host_network = true;
    pod.host_users = false;
  };
  const auto restart_all = [](kube::Pod& pod) {
    pod.containers.front().restart_rules_actions = {"RestartAllContainers"};
  };
  const auto host_network = [](kube::Pod& pod) { pod.host_network = true; };
  const std::string missing = "1 node(s) didn't match Pod's required features";
  EXPECT_EQ(kind(36, {}, user_namespaces), missing);
  EXPECT_EQ(kind(36, {"UserNamespacesHostNetworkSupport"}, user_namespaces), "");
  EXPECT_EQ(kind(36, {"UserNamespacesHostNetworkSupport"}, restart_all), missing);
  EXPECT_EQ(kind(36, {"RestartAllContainersOnContainerExits"}, restart_all), "");
  EXPECT_EQ(kind(36, {}, host_network), "");
  EXPECT_EQ(kind(35, {}, user_namespaces), "") << "off until 1.36";
}

TEST(Filters, TheFirstThatFailsIsNamed) {
  Scenario scenario(R"(
    node a cordoned taint=k:NoSchedule cpu=1
    node b taint=k:NoSchedule cpu=1
    node c cpu=1
    node d
    pod p cpu=2
  )");
  std::vector<std::string> filters;
  for (const NodeReport& report : ReportNodes(scenario.cluster, scenario.pod("p"))) filters.push_back(report.filter);
  EXPECT_EQ(filters, (std::vector<std::string>{"NodeUnschedulable", "TaintToleration", "NodeResourcesFit", ""}));
}

TEST(Filters, WhatCannotBeKnownIsUndecidable) {
  const char* gang =
      "it belongs to a gang (annotation scheduling.k8s.io/group-name), whose members only its own "
      "scheduler can place together";
  Check({{"volcano", "node a\npod p annotation=scheduling.k8s.io/group-name=g", gang}});
  Scenario scenario("node a\npod p");
  kube::Pod pod = scenario.pods.front();
  pod.has_resource_claims = true;
  scenario.cluster.Upsert(pod);
  const Verdict verdict = Judge(scenario.cluster, scenario.pod("p"), NodeDomain::kReal);
  EXPECT_EQ(verdict.kind, Verdict::Kind::kUndecidable);
  EXPECT_NE(verdict.undecidable.find("resource claims"), std::string::npos);
}

}  // namespace
}  // namespace spillway::sim::testing
