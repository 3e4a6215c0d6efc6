#include "cmd/configuration/configuration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace spillway::cmd {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr std::string_view kHeader = "apiVersion: spillway.io/v1alpha1\nkind: SpillwayConfiguration\n";

Result<controller::Policy> Read(const std::string& rest, const controller::Policy& flags = {}) {
  return ReadConfiguration(std::string(kHeader) + rest, flags, "ConfigMap a/b");
}

std::string Mistake(const std::string& rest) {
  const auto policy = Read(rest);
  return policy ? "none" : policy.error().message;
}

TEST(Configuration, SaysWhatItSaysAndLeavesTheRestToTheFlags) {
  controller::Policy flags;
  flags.pending_grace = std::chrono::seconds(7);
  const auto policy = Read(R"(mode: DryRun
excludeNamespaces: [kube-system, ops]
restrictions: tke
limits:
  cluster: {pods: 100, cpu: 200, memory: 400Gi, moneyPerHour: "12.5"}
  namespaces:
  - {name: shop, cpu: 500m}
  - {name: "*", pods: 5}
prices:
- {nodeSelector: pool=spot, cpuHour: "0.02", gibHour: "0.002"}
pools:
- {name: reserved, nodeSelector: pool=reserved, maxPods: 10}
- {name: spot, nodeSelector: pool=spot}
nodeAutoscaler: {mode: defer, deadline: 5m}
virtualGrace: 10m
)",
                           flags);
  ASSERT_TRUE(policy) << policy.error().message;
  EXPECT_EQ(policy->mode, controller::Mode::kDryRun);
  EXPECT_EQ(policy->mode_set_in, "mode of ConfigMap a/b");
  EXPECT_EQ(policy->pending_grace, std::chrono::seconds(7));
  ASSERT_THAT(policy->limits.caps, SizeIs(3));
  EXPECT_EQ(policy->limits.caps[0].milli_cpu, 200'000);
  EXPECT_EQ(policy->limits.caps[0].micro_money_per_hour, 12'500'000);
  EXPECT_EQ(policy->limits.caps[1].set_in, "limits.namespaces[0] of ConfigMap a/b");
  EXPECT_EQ(policy->limits.caps[1].milli_cpu, 500);
  EXPECT_EQ(policy->limits.prices[0].price, (kube::Price{20'000, 2'000}));
  ASSERT_THAT(policy->pools, SizeIs(2));
  EXPECT_EQ(policy->pools[0].most_pods, 10);
  EXPECT_EQ(policy->restrictions.set_in, "restrictions: tke of ConfigMap a/b");
  EXPECT_EQ(policy->node_autoscaler_deadline, std::chrono::minutes(5));
  EXPECT_EQ(policy->virtual_grace, std::chrono::minutes(10));
}

TEST(Configuration, IsRejectedWholeWithTheLineOfTheFirstMistake) {
  EXPECT_THAT(Mistake("mode: Sometimes\n"), HasSubstr("config.yaml:3: mode: Sometimes: want Enforce, DryRun or Off"));
  EXPECT_THAT(Mistake("mode: Off\n"), "none") << "Off is no text in YAML 1.1, yet everybody writes it";
  EXPECT_THAT(Mistake("limits:\n  cluster: {pods: -1}\n"), HasSubstr("limits.cluster.pods: -1: want a quantity"));
  EXPECT_THAT(Mistake("limits:\n  cluster: {moneyPerHour: \"-3\"}\n"), HasSubstr("moneyPerHour: -3"));
  EXPECT_THAT(Mistake("limits:\n  cluster: {pod: 1}\n"), HasSubstr("did you mean pods?"));
  EXPECT_THAT(Mistake("limits:\n  namespaces: [{name: a}, {name: a}]\n"), HasSubstr("a appears twice"));
  EXPECT_THAT(Mistake("pools: [{name: a, share: 1}, {name: b}]\n"), HasSubstr("either all have a share or none has"));
  EXPECT_THAT(Mistake("restrictions: aws\n"), HasSubstr("want tke, eci, none, or the fields of a profile"));
  EXPECT_THAT(Mistake("restrictions: {ports: \"70000-1\"}\n"), HasSubstr("want a range within 1-65535"));
  EXPECT_THAT(Mistake("restrictions: {annotations: [example.com/x]}\n"), HasSubstr("is none that Spillway reads"));
  EXPECT_THAT(Mistake("nodeReturnGrace: 3h\n"), HasSubstr("want a duration from 0s to"));
  EXPECT_THAT(Mistake("- a\n"), HasSubstr("config.yaml:"));
  EXPECT_THAT(ReadConfiguration("", {}, "x").error().message, HasSubstr("empty"));
  EXPECT_THAT(ReadConfiguration("kind: Pod\n", {}, "x").error().message, HasSubstr("apiVersion: want"));
}

TEST(Restrictions, OfAFlagAreAProfileOrAFile) {
  EXPECT_EQ(RestrictionsFromFlag("none")->set_in, "");
  EXPECT_EQ(RestrictionsFromFlag("eci")->set_in, "--restrictions=eci");
  EXPECT_THAT(RestrictionsFromFlag("no-such-file").error().message, HasSubstr("want tke, eci, none or a file"));
}

}  // namespace
}  // namespace spillway::cmd
