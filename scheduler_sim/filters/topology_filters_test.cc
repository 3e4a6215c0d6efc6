#include <gtest/gtest.h>

#include "scheduler_sim/testing/matchers.h"

// Filters that look at other nodes' Pods; cases follow kube-scheduler's own unit tests.
namespace spillway::sim::testing {
namespace {

using ::testing::AllOf;

struct TopologyCase {
  const char* name;
  std::string text;
  const char* message;  // "" when the Pod fits
};

void CheckTopology(std::initializer_list<TopologyCase> cases) {
  for (const TopologyCase& c : cases) EXPECT_EQ(MessageFor(c.text), c.message) << c.name;
}

constexpr const char* kAffinity = "0/1 nodes are available: 1 node(s) didn't match pod affinity rules.";
constexpr const char* kAnti = "0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules.";
constexpr const char* kExisting =
    "0/1 nodes are available: 1 node(s) didn't satisfy existing pods anti-affinity rules.";

TEST(InterPodAffinity, Cases) {
  const std::string node = "node a label=zone=z1\n";
  CheckTopology(
      {{"company found", node + "pod other on=a label=app=db\npod p affinity=zone:app=db", ""},
       {"no company", node + "pod p affinity=zone:app=db", kAffinity},
       {"company of another namespace", node + "pod other on=a ns=x label=app=db\npod p affinity=zone:app=db",
        kAffinity},
       {"terminating company counts", node + "pod other on=a label=app=db terminating\npod p affinity=zone:app=db", ""},
       {"first of its group", node + "pod p label=app=web affinity=zone:app=web", ""},
       {"first of its group, no label", "node a\npod p label=app=web affinity=zone:app=web", kAffinity},
       {"both terms must match one Pod",
        node + "pod x on=a label=app=db\npod y on=a label=tier=t\npod p affinity=zone:app=db affinity=zone:tier=t",
        kAffinity},
       {"anti", node + "pod other on=a label=app=db\npod p anti=zone:app=db", kAnti},
       {"anti, label missing on the node", "node a\npod other on=a label=app=db\npod p anti=zone:app=db", ""},
       {"anti, no such Pod", node + "pod other on=a label=app=web\npod p anti=zone:app=db", ""},
       {"existing anti", node + "pod other on=a anti=zone:app=web\npod p label=app=web", kExisting},
       {"existing anti, other namespace", node + "pod other on=a ns=x anti=zone:app=web\npod p label=app=web", ""},
       {"affinity is named before anti-affinity",
        node + "pod other on=a label=app=db\npod p affinity=zone:app=x anti=zone:app=db", kAffinity}});
}

TEST(InterPodAffinity, ReachesAcrossTheDomain) {
  const std::string nodes = "node a label=zone=z1\nnode b label=zone=z1\nnode c label=zone=z2 cordoned\n";
  CheckTopology(
      {{"anti", nodes + "pod x on=a label=app=db\npod p anti=zone:app=db",
        "0/3 nodes are available: 1 node(s) were unschedulable, 2 node(s) didn't match pod anti-affinity rules."},
       {"affinity", nodes + "pod x on=c label=app=db\npod p affinity=zone:app=db",
        "0/3 nodes are available: 1 node(s) were unschedulable, 2 node(s) didn't match pod affinity rules."}});
}

TEST(InterPodAffinity, ReplicasGoApartWhilePacked) {
  EXPECT_THAT(Judge(R"(
    node n[1..3]
    virtual v
    pod p[1..5]  label=app=web anti=hostname:app=web
  )"),
              AllOf(Fit(1, On("n1")), Fit(1, On("n2")), Fit(1, On("n3"))));
}

TEST(InterPodAffinity, ReplicasFollowTheFirst) {
  const Fates fates = Judge(R"(
    node a label=zone=z1 pods=1
    node b label=zone=z1 pods=1
    node c label=zone=z2 pods=9
    pod p[1..3]  cpu=1 label=app=web affinity=zone:app=web
  )");
  EXPECT_THAT(fates, AllOf(Fit(1, On("a")), Fit(1, On("b")), Fit(0, On("c"))));
}

TEST(InterPodAffinity, APodMayComeAfterTheOneItFollows) {
  EXPECT_THAT(Judge(R"(
    node a label=zone=z1
    node b label=zone=z2
    pod cache  affinity=zone:app=db prio=1
    pod db     label=app=db
    pod cache2 affinity=zone:app=db
  )"),
              AllOf(FitsNowhere("cache", "0/2 nodes are available: 2 node(s) didn't match pod affinity rules."),
                    Fits("db", On("a")), Fits("cache2", On("a"))));
}

// The kinds of verdict on a Pod that must not be near Pods of team a, of team b, and of other teams than a; one is
// near.
std::vector<Verdict::Kind> KindsByNamespaceSelector(int minor_version) {
  ClusterOptions options;
  options.minor_version = minor_version;
  Scenario scenario("node a label=zone=z1\npod x on=a ns=one label=app=db\npod p ns=two anti=zone:app=db", options);
  kube::Namespace ns;
  ns.metadata.name = ns.metadata.uid = "one";
  ns.metadata.labels = {{"team", "a"}};
  scenario.cluster.Upsert(ns);
  kube::Pod pod = scenario.pods.back();
  const auto kind_with = [&](kube::LabelRequirement requirement) {
    kube::LabelSelector selector;
    selector.match_expressions = {std::move(requirement)};
    pod.required_pod_anti_affinity.front().namespace_selector = selector;
    scenario.cluster.Upsert(pod);
    return Judge(scenario.cluster, scenario.pod("p"), NodeDomain::kReal).kind;
  };
  using Op = kube::LabelRequirement::Operator;
  return {kind_with({"team", Op::kIn, {"a"}}), kind_with({"team", Op::kIn, {"b"}}),
          kind_with({"team", Op::kNotIn, {"a"}})};
}

TEST(InterPodAffinity, NamespaceSelectorsWithOnlyNegationsMatchEveryNamespaceAsUpstreamSince134) {
  using Kind = Verdict::Kind;
  EXPECT_EQ(KindsByNamespaceSelector(33), (std::vector{Kind::kNowhere, Kind::kFits, Kind::kFits}));
  EXPECT_EQ(KindsByNamespaceSelector(34), (std::vector{Kind::kNowhere, Kind::kFits, Kind::kNowhere}))
      << "the selector is asked about no labels at all";
}

constexpr const char* kSkew = "0/2 nodes are available: 2 node(s) didn't match pod topology spread constraints.";

TEST(PodTopologySpread, Cases) {
  const std::string nodes = "node a label=zone=z1\nnode b label=zone=z2 cordoned\n";
  const std::string p = "pod p label=app=web spread=zone:1:app=web";
  CheckTopology(
      {{"even", nodes + p, ""},
       {"the other zone is behind", nodes + "pod x on=a label=app=web\n" + p,
        "0/2 nodes are available: 1 node(s) didn't match pod topology spread constraints, 1 node(s) were "
        "unschedulable."},
       {"wider skew", nodes + "pod x on=a label=app=web\npod p label=app=web spread=zone:2:app=web", ""},
       {"terminating Pods do not count", nodes + "pod x on=a label=app=web terminating\n" + p, ""},
       {"other namespaces do not count", nodes + "pod x on=a ns=x label=app=web\n" + p, ""},
       {"does not match itself", nodes + "pod x on=a label=app=web\npod p spread=zone:1:app=web", ""},
       {"missing label", "node a\n" + p,
        "0/1 nodes are available: 1 node(s) didn't match pod topology spread constraints (missing required label)."},
       {"a zone the Pod cannot go to does not count",
        "node a label=zone=z1\nnode b label=zone=z2\npod x on=a label=app=web\npod p label=app=web in=zone:z1 "
        "spread=zone:1:app=web",
        ""}});
}

TEST(PodTopologySpread, MinDomainsMakeMissingDomainsEmptyOnes) {
  Scenario scenario(
      "node a label=zone=z1\nnode b label=zone=z2\npod x on=a label=app=web\npod y on=b label=app=web\n"
      "pod p label=app=web spread=zone:1:app=web");
  kube::Pod pod = scenario.pods.back();
  EXPECT_EQ(Judge(scenario.cluster, scenario.pod("p"), NodeDomain::kReal).kind, Verdict::Kind::kFits);
  pod.topology_spread.front().min_domains = 3;
  scenario.cluster.Upsert(pod);
  const Verdict verdict = Judge(scenario.cluster, scenario.pod("p"), NodeDomain::kReal);
  ASSERT_EQ(verdict.kind, Verdict::Kind::kNowhere);
  EXPECT_EQ(verdict.why_not->SchedulerMessage(), kSkew);
}

TEST(PodTopologySpread, ZonesTakeTurnsWhilePacked) {
  EXPECT_THAT(Judge(R"(
    node a label=zone=z1 cpu=100
    node b label=zone=z2 cpu=4
    pod p[1..9]  cpu=1 label=app=web spread=zone:1:app=web
  )"),
              AllOf(Fit(5, On("a")), Fit(4, On("b"))));
}

TEST(PodTopologySpread, AFullZoneHoldsBackTheOthers) {
  EXPECT_THAT(Judge(R"(
    node a label=zone=z1 pods=1
    node b label=zone=z2
    node c label=zone=z3
    virtual v
    pod p[1..9]  label=app=web spread=zone:1:app=web
  )"),
              AllOf(Fit(1, On("a")), Fit(2, On("b")), Fit(2, On("c"))));
}

TEST(PodTopologySpread, RelaxationsAreNoticed) {
  Scenario scenario(
      "node a label=zone=z1\nnode b label=zone=z2\npod x on=a label=app=web\npod p label=app=web "
      "spread=zone:1:app=web");
  const std::uint64_t before = scenario.cluster.relaxations();
  kube::Pod other = scenario.pods.front();
  other.metadata.name = other.metadata.uid = "y";
  other.node_name = "b";
  scenario.cluster.Upsert(other);
  EXPECT_NE(scenario.cluster.relaxations(), before) << "the emptier zone caught up";
}

}  // namespace
}  // namespace spillway::sim::testing
