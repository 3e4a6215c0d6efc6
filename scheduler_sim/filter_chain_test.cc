#include "scheduler_sim/filter_chain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scheduler_sim/filter.h"
#include "scheduler_sim/testing/matchers.h"
#include "scheduler_sim/testing/scenario.h"

namespace spillway::sim {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using testing::Fits;
using testing::FitsNowhere;
using ::testing::HasSubstr;
using testing::Judge;
using ::testing::Not;
using testing::On;

std::vector<std::string> Names(const std::vector<const Filter*>& filters) {
  std::vector<std::string> names;
  for (const Filter* filter : filters) names.emplace_back(filter->name());
  return names;
}

FilterChain ChainOf(const SchedulerProfile& profile) { return sim::ChainOf(profile, Semantics()); }

ClusterOptions With(SchedulerProfile profile) {
  ClusterOptions options;
  options.scheduler.profiles = {std::move(profile)};
  return options;
}

kube::NodeSelector Label(const std::string& key, const std::string& value) {
  kube::NodeSelectorTerm term;
  term.match_expressions = {{key, kube::LabelRequirement::Operator::kIn, {value}}};
  return {{term}};
}

TEST(FilterChain, EverythingIsOnByDefault) {
  const FilterChain chain = ChainOf({});
  std::vector<std::string> all;
  for (const Filter* filter : Filters()) all.emplace_back(filter->name());
  EXPECT_EQ(Names(chain.filters), all);
  EXPECT_THAT(Names(chain.pre_filters), Not(Contains("TaintToleration")));
  EXPECT_EQ(chain.undecidable + chain.refused, "");
}

TEST(FilterChain, DeclaredFeaturesCameWith136) {
  EXPECT_THAT(Names(ChainOf({}).filters), Contains("NodeDeclaredFeatures"));
  EXPECT_THAT(Names(sim::ChainOf({}, Semantics::Of(35)).filters), Not(Contains("NodeDeclaredFeatures")));
}

TEST(FilterChain, DynamicResourcesCameWith134) {
  SchedulerProfile without;  // until then it is no default, so nothing is missing
  without.pre_filter.disabled = {"DynamicResources"};
  EXPECT_NE(sim::ChainOf(without, Semantics::Of(34)).undecidable, "");
  EXPECT_EQ(sim::ChainOf(without, Semantics::Of(33)).undecidable, "");
}

TEST(FilterChain, DisabledAtMultiPointIsOffEverywhere) {
  SchedulerProfile profile;
  profile.multi_point.disabled = {"NodePorts"};
  const FilterChain chain = ChainOf(profile);
  EXPECT_THAT(Names(chain.filters), Not(Contains("NodePorts")));
  EXPECT_THAT(Names(chain.pre_filters), Not(Contains("NodePorts")));
}

TEST(FilterChain, DisabledAsAFilterItMayStillBeAPreFilter) {
  SchedulerProfile profile;
  profile.filter.disabled = {"NodeAffinity"};
  const FilterChain chain = ChainOf(profile);
  EXPECT_THAT(Names(chain.filters), Not(Contains("NodeAffinity")));
  EXPECT_THAT(Names(chain.pre_filters), Contains("NodeAffinity"));
}

TEST(FilterChain, EnabledBeatsDisabledInMultiPoint) {
  SchedulerProfile profile;
  profile.multi_point.disabled = {"*"};
  profile.multi_point.enabled = {"NodePorts", "TaintToleration"};
  EXPECT_THAT(Names(ChainOf(profile).filters), ElementsAre("NodePorts", "TaintToleration"));
}

TEST(FilterChain, AStarAtTheExtensionPointLeavesOnlyWhatIsNamedThere) {
  SchedulerProfile profile;
  profile.filter.disabled = {"*"};
  profile.filter.enabled = {"NodeResourcesFit", "NodeUnschedulable"};
  EXPECT_THAT(Names(ChainOf(profile).filters), ElementsAre("NodeResourcesFit", "NodeUnschedulable"));
}

// framework.go: overrides, then multiPoint, then the rest.
TEST(FilterChain, NamingAPluginAtItsPointPutsItFirst) {
  SchedulerProfile profile;
  profile.multi_point.disabled = {"NodePorts"};
  profile.filter.enabled = {"NodePorts", "TaintToleration"};
  const std::vector<std::string> names = Names(ChainOf(profile).filters);
  EXPECT_EQ(names.front(), "TaintToleration");
  EXPECT_EQ(names.back(), "NodePorts");
}

TEST(FilterChain, WhatKubeSchedulerRefusesIsSaid) {
  SchedulerProfile twice;
  twice.filter.enabled = {"NodePorts", "NodePorts"};
  EXPECT_EQ(ChainOf(twice).refused, "plugins.filter enables NodePorts twice");
  SchedulerProfile wrong;
  wrong.filter.enabled = {"ImageLocality"};
  EXPECT_EQ(ChainOf(wrong).refused, "plugins.filter enables ImageLocality, which is no plugin of that kind");
}

TEST(FilterChain, PluginsOfOthersMakeItsPodsUndecidable) {
  for (PluginSet SchedulerProfile::* point : {&SchedulerProfile::multi_point, &SchedulerProfile::filter,
                                              &SchedulerProfile::pre_filter, &SchedulerProfile::pre_enqueue}) {
    SchedulerProfile profile;
    (profile.*point).enabled = {"Coscheduling"};
    EXPECT_THAT(ChainOf(profile).undecidable, HasSubstr("uses the plugin Coscheduling"));
  }
}

TEST(FilterChain, AFilterWithoutItsPreFilterFailsEveryPod) {
  SchedulerProfile profile;
  profile.pre_filter.disabled = {"NodeResourcesFit"};
  EXPECT_THAT(ChainOf(profile).undecidable, HasSubstr("runs NodeResourcesFit as a filter but not as a preFilter"));
  profile.filter.disabled = {"NodeResourcesFit"};
  EXPECT_EQ(ChainOf(profile).undecidable, "");
  SchedulerProfile affinity;
  affinity.pre_filter.disabled = {"NodeAffinity"};  // computes what it needs
  EXPECT_EQ(ChainOf(affinity).undecidable, "");
}

TEST(Profile, AddedAffinityIsForAllPods) {
  SchedulerProfile profile;
  profile.added_affinity = Label("pool", "shared");
  EXPECT_THAT(Judge(R"(
    node a  label=pool=shared label=zone=z1
    node b  label=zone=z2
    pod  p
    pod  q  select=zone=z2
  )",
                    With(profile)),
              AllOf(Fits("p", On("a")),
                    FitsNowhere("q",
                                "0/2 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 1 "
                                "node(s) didn't match scheduler-enforced node affinity.")));
}

TEST(Profile, IgnoredResourcesAreNotChecked) {
  SchedulerProfile profile;
  profile.ignored_resources = {"example.com/a"};
  profile.ignored_resource_groups = {"group.io"};
  const testing::Fates fates = Judge(R"(
    node n
    pod  p  example.com/a=1 group.io/x=1
    pod  q  example.com/b=1
    pod  r  hugepages-2Mi=2Mi
  )",
                                     With(profile));
  EXPECT_THAT(fates, Fits("p", On("n")));
  EXPECT_THAT(fates, FitsNowhere("q", "0/1 nodes are available: 1 Insufficient example.com/b."));
  EXPECT_THAT(fates, FitsNowhere("r", "0/1 nodes are available: 1 Insufficient hugepages-2Mi."));
}

TEST(Profile, NobodyElseChecksIgnoredResourcesOnVirtualNodes) {
  SchedulerProfile profile;
  profile.ignored_resources = {"example.com/a"};
  const testing::Fates fates = Judge(R"(
    node    n  cpu=1
    virtual v
    pod     p  cpu=2 example.com/a=1
  )",
                                     With(profile));
  EXPECT_FALSE(fates.at("p").overflowed);
  EXPECT_THAT(fates.at("p").why, HasSubstr("Insufficient example.com/a"));
}

TEST(Profile, EachPodIsJudgedByItsOwn) {
  ClusterOptions options;
  options.scheduler.profiles.resize(2);
  options.scheduler.profiles[1].scheduler_name = "loose";
  options.scheduler.profiles[1].multi_point.disabled = {"TaintToleration"};
  testing::Scenario scenario("node n taint=spot:NoSchedule\npod p\npod q\npod r", options);
  scenario.pods[1].scheduler_name = "loose";
  scenario.pods[2].scheduler_name = "unheard-of";
  for (const kube::Pod& pod : scenario.pods) scenario.cluster.Upsert(pod);
  EXPECT_EQ(sim::Judge(scenario.cluster, scenario.pod("p"), NodeDomain::kAll).kind, Verdict::Kind::kNowhere);
  EXPECT_EQ(sim::Judge(scenario.cluster, scenario.pod("q"), NodeDomain::kAll).kind, Verdict::Kind::kFits);
  const Verdict unknown = sim::Judge(scenario.cluster, scenario.pod("r"), NodeDomain::kAll);
  EXPECT_EQ(unknown.kind, Verdict::Kind::kUndecidable);
  EXPECT_THAT(unknown.undecidable, HasSubstr("scheduler unheard-of"));
}

// DaemonSet Pods name their node; without the PreFilter they are tried everywhere.
TEST(Profile, PinnedPodsAreTriedEverywhereWithoutThePreFilter) {
  SchedulerProfile profile;
  profile.pre_filter.disabled = {"NodeAffinity"};
  EXPECT_EQ(testing::MessageFor("node a\nnode b cpu=1\npod p cpu=2 pin=b", With(profile)),
            "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) didn't match Pod's node affinity/selector.");
}

// Nominated Pods try their node whatever the PreFilter says of it; then nothing speaks against it.
TEST(Profile, ANominatedNodeThatOnlyThePreFilterLeavesOutIsTaken) {
  SchedulerProfile profile;
  profile.filter.disabled = {"NodeAffinity"};
  EXPECT_EQ(testing::MessageFor("node a\npod p pin=gone nominated=a", With(profile)), "");
  EXPECT_EQ(testing::MessageFor("node a\npod p pin=gone", With(profile)),
            "0/1 nodes are available: 1 node(s) didn't satisfy plugin(s) [NodeAffinity].");
}

}  // namespace
}  // namespace spillway::sim
