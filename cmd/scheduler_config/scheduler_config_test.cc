#include "cmd/scheduler_config/scheduler_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace spillway::cmd {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

constexpr std::string_view kHead = "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n";

sim::SchedulerConfig ReadConfig(std::string_view yaml) {
  const auto config = ParseSchedulerConfig(std::string(kHead).append(yaml), "s.yaml");
  EXPECT_TRUE(config.has_value()) << config.error().message;
  return config.value_or(sim::SchedulerConfig());
}

std::string MistakeIn(std::string_view yaml) {
  const auto config = ParseSchedulerConfig(std::string(kHead).append(yaml), "s.yaml");
  return config ? "no error" : config.error().message;
}

TEST(SchedulerConfig, ABareOneIsTheDefault) {
  const sim::SchedulerConfig config = ReadConfig("");
  ASSERT_THAT(config.profiles, SizeIs(1));
  EXPECT_EQ(config.profiles[0].scheduler_name, "default-scheduler");
  EXPECT_FALSE(config.profiles[0].added_affinity);
}

TEST(SchedulerConfig, ReadsProfilesPluginsAndArguments) {
  const sim::SchedulerConfig config = ReadConfig(R"(
leaderElection: {leaderElect: true}
clientConnection:
  qps: 100
profiles:
- schedulerName: default-scheduler
  plugins:
    multiPoint:
      disabled: [{name: ImageLocality}]
    filter:
      enabled: [{name: TaintToleration}]
    score:
      enabled: [{name: NodeAffinity, weight: 3}]
  pluginConfig:
  - name: NodeAffinity
    args:
      apiVersion: kubescheduler.config.k8s.io/v1
      kind: NodeAffinityArgs
      addedAffinity:
        requiredDuringSchedulingIgnoredDuringExecution:
          nodeSelectorTerms:
          - matchExpressions:
            - {key: pool, operator: In, values: [a, "5"]}
  - name: NodeResourcesFit
    args:
      ignoredResources: [example.com/a]
      ignoredResourceGroups: [group.io]
      scoringStrategy: {type: MostAllocated, resources: [{name: cpu, weight: 1}]}
  - name: Coscheduling
    args: {anything: [goes, 1]}
- schedulerName: batch
)");
  ASSERT_THAT(config.profiles, SizeIs(2));
  const sim::SchedulerProfile& first = config.profiles[0];
  EXPECT_THAT(first.multi_point.disabled, ElementsAre("ImageLocality"));
  EXPECT_THAT(first.filter.enabled, ElementsAre("TaintToleration"));
  ASSERT_TRUE(first.added_affinity);
  ASSERT_THAT(first.added_affinity->terms, SizeIs(1));
  EXPECT_EQ(first.added_affinity->terms[0].match_expressions[0].key, "pool");
  EXPECT_THAT(first.added_affinity->terms[0].match_expressions[0].values, ElementsAre("a", "5"));
  EXPECT_THAT(first.ignored_resources, ElementsAre("example.com/a"));
  EXPECT_THAT(first.ignored_resource_groups, ElementsAre("group.io"));
  EXPECT_EQ(config.profiles[1].scheduler_name, "batch");
}

TEST(SchedulerConfig, JsonWillDo) {
  const auto config = ParseSchedulerConfig(
      R"({"apiVersion":"kubescheduler.config.k8s.io/v1","kind":"KubeSchedulerConfiguration","profiles":[{"schedulerName":"x"}]})",
      "s.json");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->profiles[0].scheduler_name, "x");
}

TEST(SchedulerConfig, MistakesAreOneLineWithTheirPlace) {
  EXPECT_EQ(MistakeIn("profiles:\n- schedularName: x\n"),
            "s.yaml:4: unknown field \"profiles[0].schedularName\"; did you mean schedulerName?");
  EXPECT_EQ(MistakeIn("profiles:\n- schedulerName: a\n  schedulerName: b\n"),
            "s.yaml:5: field profiles[0].schedulerName appears twice; remove one");
  EXPECT_EQ(MistakeIn("profiles:\n- schedulerName: 5\n"),
            "s.yaml:4: profiles[0].schedulerName: 5 is not text; put it in quotes");
  EXPECT_EQ(MistakeIn("profiles: {}\n"), "s.yaml:3: profiles: not a list");
  EXPECT_EQ(MistakeIn("profiles:\n- schedulerName: a\n- schedulerName: a\n"),
            "s.yaml:5: profiles[1].schedulerName: a second profile named a");
  EXPECT_EQ(MistakeIn("profiles:\n- schedulerName: a\n- plugins: {}\n"),
            "s.yaml:5: profiles[1].schedulerName: missing; with several profiles each needs a name of its own");
  EXPECT_EQ(
      MistakeIn("profiles:\n- plugins:\n    filter:\n      enabled: [{name: ImageLocality}]\n"),
      "s.yaml:4: profiles[0].plugins: kube-scheduler would not start: plugins.filter enables ImageLocality, which "
      "is no plugin of that kind");
  EXPECT_EQ(MistakeIn("profiles:\n- plugins:\n    filter:\n      enabled: [{name: EBSLimits}]\n"),
            "s.yaml:6: profiles[0].plugins.filter.enabled[0].name: EBSLimits is gone from kube-scheduler; remove it");
  EXPECT_EQ(MistakeIn("percentageOfNodesToScore: 101\n"),
            "s.yaml:3: percentageOfNodesToScore: 101 is not between 0 and 100");
  EXPECT_EQ(MistakeIn("leaderElection: {leaderElekt: true}\n"),
            "s.yaml:3: unknown field \"leaderElection.leaderElekt\"; did you mean leaderElect?");
}

TEST(SchedulerConfig, AWrongVersionIsNamed) {
  const auto config = ParseSchedulerConfig(
      "kind: KubeSchedulerConfiguration\napiVersion: kubescheduler.config.k8s.io/v1beta3\n", "s.yaml");
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().message,
            "s.yaml:2: apiVersion: \"kubescheduler.config.k8s.io/v1beta3\" is not what kube-scheduler 1.30 to 1.36 "
            "reads; want kubescheduler.config.k8s.io/v1");
}

TEST(SchedulerConfig, BrokenAffinityIsRefusedAsKubeSchedulerDoes) {
  const auto requirement = [](const std::string& text) {
    return MistakeIn(
        "profiles:\n- pluginConfig:\n  - name: NodeAffinity\n    args:\n      addedAffinity:\n        "
        "requiredDuringSchedulingIgnoredDuringExecution:\n          nodeSelectorTerms:\n          - " +
        text + "\n");
  };
  const std::string at =
      "s.yaml:10: profiles[0].pluginConfig[0].args.addedAffinity.requiredDuringSchedulingIgnoredDuringExecution."
      "nodeSelectorTerms[0].";
  EXPECT_EQ(requirement("matchExpressions: [{key: a, operator: In}]"),
            at + "matchExpressions[0].values: In wants a value");
  EXPECT_EQ(requirement("matchExpressions: [{key: a, operator: Gt, values: [x]}]"),
            at + "matchExpressions[0].values: Gt wants a whole number");
  EXPECT_EQ(requirement("matchExpressions: [{key: a, operator: Near, values: [x]}]"),
            at + "matchExpressions[0].operator: \"Near\" is no operator here");
  EXPECT_EQ(requirement("matchFields: [{key: metadata.name, operator: In, values: [x, y]}]"),
            at + "matchFields[0].values: In wants exactly one value");
}

TEST(SchedulerConfig, ReadsDefaultConstraints) {
  const sim::SchedulerConfig config = ReadConfig(R"(
profiles:
- pluginConfig:
  - name: PodTopologySpread
    args:
      defaultingType: List
      defaultConstraints:
      - {maxSkew: 2, topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: DoNotSchedule, minDomains: 3,
         nodeTaintsPolicy: Honor}
      - {maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway}
)");
  const auto& constraints = config.profiles[0].default_constraints;
  ASSERT_THAT(constraints, SizeIs(2));
  EXPECT_EQ(constraints[0].max_skew, 2);
  EXPECT_EQ(constraints[0].min_domains, 3);
  EXPECT_TRUE(constraints[0].node_taints_honor && constraints[0].node_affinity_honor);
  EXPECT_FALSE(constraints[1].do_not_schedule);
  EXPECT_TRUE(sim::SpreadsByDefault(config));
}

TEST(SchedulerConfig, BrokenDefaultConstraintsAreRefusedAsKubeSchedulerDoes) {
  const auto spread = [](const std::string& args) {
    return MistakeIn("profiles:\n- pluginConfig:\n  - name: PodTopologySpread\n    args:\n" + args);
  };
  const std::string at = "profiles[0].pluginConfig[0].args.";
  const std::string good = "{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule";
  EXPECT_EQ(spread("      defaultConstraints: [" + good + "}]\n"),
            "s.yaml:7: " + at + "defaultingType: want List, since there are defaultConstraints");
  EXPECT_EQ(spread("      defaultingType: List\n      defaultConstraints: [" + good + ", labelSelector: {}}]\n"),
            "s.yaml:8: " + at +
                "defaultConstraints[0].labelSelector: default constraints have none; it is derived for each Pod");
  EXPECT_EQ(spread("      defaultingType: List\n      defaultConstraints: [" + good + "}, " + good + "}]\n"),
            "s.yaml:8: " + at + "defaultConstraints[1].topologyKey: a second such constraint for zone");
  EXPECT_EQ(spread("      defaultingType: Some\n"), "s.yaml:7: " + at + "defaultingType: want System or List");
}

TEST(SchedulerConfig, ExtendersThatFilterAreKeptAndWhatTheyIgnoreIsIgnored) {
  const sim::SchedulerConfig config = ReadConfig(R"(
profiles:
- pluginConfig:
  - name: NodeResourcesFit
    args: {ignoredResources: [example.com/replaced]}
extenders:
- urlPrefix: https://a
  filterVerb: filter
  ignorable: true
  managedResources:
  - {name: example.com/a, ignoredByScheduler: true}
- urlPrefix: https://b
  bindVerb: bind
)");
  ASSERT_THAT(config.extenders, SizeIs(1));
  EXPECT_EQ(config.extenders[0].url, "https://a");
  EXPECT_THAT(config.extenders[0].managed_resources, ElementsAre("example.com/a"));
  EXPECT_THAT(config.profiles[0].ignored_resources, ElementsAre("example.com/a"));
}

TEST(SchedulerConfig, HostileTextIsAnErrorAndNothingElse) {
  EXPECT_EQ(MistakeIn("profiles: [\n"), "s.yaml:4: not YAML: end of sequence flow not found");
  EXPECT_EQ(MistakeIn("---\na: b\n"), "s.yaml:4: a second document; there may be one");
  const auto deep = ParseSchedulerConfig(std::string(100000, '['), "s.yaml");
  EXPECT_FALSE(deep.has_value());
  EXPECT_FALSE(ParseSchedulerConfig("", "s.yaml").has_value());
  EXPECT_FALSE(ParseSchedulerConfig("[]", "s.yaml").has_value());
}

}  // namespace
}  // namespace spillway::cmd
