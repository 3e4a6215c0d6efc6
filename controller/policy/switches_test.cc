#include "controller/policy/switches.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace spillway::controller {
namespace {

using ::testing::HasSubstr;

using Text = std::optional<std::string>;

kube::Pod PodWith(kube::StringMap annotations, kube::StringMap labels = {}) {
  kube::Pod pod;
  pod.metadata.ns = "shop";
  pod.metadata.annotations = std::move(annotations);
  pod.metadata.labels = std::move(labels);
  return pod;
}

NamespaceSwitches Shop(kube::StringMap annotations, kube::StringMap labels = {}) {
  kube::Namespace ns;
  ns.metadata.name = "shop";
  ns.metadata.uid = "u";
  ns.metadata.annotations = std::move(annotations);
  ns.metadata.labels = std::move(labels);
  NamespaceSwitches switches;
  switches.Set(ns);
  return switches;
}

SwitchAnswer Ask(const kube::Pod& pod, const Text& global = std::nullopt, const NamespaceSwitches& ns = {},
                 const Policy& policy = {}) {
  return AskSwitches(pod, ns, global, policy);
}

struct Cell {
  Text global, local;
  bool coherent, brief;
};

TEST(Switches, AutoScaleEksInAllNineCellsOfBothTables) {
  const Cell cells[] = {
      {"true", "false", false, true},        {"true", std::nullopt, true, true},
      {"true", "true", true, true},          {"false", "false", false, false},
      {"false", std::nullopt, false, false}, {"false", "true", true, true},
      {std::nullopt, "false", false, true},  {std::nullopt, std::nullopt, true, true},
      {std::nullopt, "true", true, true},
  };
  Policy brief;
  brief.auto_scale_eks_table = SwitchTable::kBrief;
  for (const Cell& cell : cells) {
    kube::Pod pod = PodWith({});
    if (cell.local) pod = PodWith({{"AUTO_SCALE_EKS", *cell.local}});
    const std::string which = cell.global.value_or("undefined") + "/" + cell.local.value_or("undefined");
    EXPECT_EQ(Ask(pod, cell.global).may, cell.coherent) << which;
    EXPECT_EQ(Ask(pod, cell.global, {}, brief).may, cell.brief) << which << " with the brief's table";
  }
}

TEST(Switches, TheNearestThatIsSetDecidesAndSaysSo) {
  const kube::Pod pod = PodWith({{"AUTO_SCALE_EKS", "true"}, {"spillway.io/overflow", "false"}});
  const SwitchAnswer own = Ask(pod, "true");
  EXPECT_FALSE(own.may);
  EXPECT_TRUE(own.own_name);
  EXPECT_EQ(own.by, "spillway.io/overflow=false on the Pod");
  EXPECT_THAT(own.besides, HasSubstr("AUTO_SCALE_EKS=true on the Pod is not followed"));

  const SwitchAnswer ns = Ask(PodWith({}), "true", Shop({{"spillway.io/overflow", "false"}}));
  EXPECT_FALSE(ns.may);
  EXPECT_FALSE(ns.own_name);
  EXPECT_EQ(ns.by, "spillway.io/overflow=false on Namespace shop");
  EXPECT_TRUE(Ask(PodWith({{"spillway.io/overflow", "true"}}), "false", Shop({{"spillway.io/overflow", "false"}})).may);

  const SwitchAnswer global = Ask(PodWith({}), "false");
  EXPECT_EQ(global.by, "AUTO_SCALE_EKS=false on ConfigMap kube-system/eks-config");
}

TEST(Switches, AWordThatIsNoneCountsAsNotSetAndIsTold) {
  for (const char* word : {"False", "0", "", "no"}) {
    const SwitchAnswer answer = Ask(PodWith({{"AUTO_SCALE_EKS", word}}), "false");
    EXPECT_FALSE(answer.may) << "the cluster's decides";
    EXPECT_THAT(answer.besides, HasSubstr("is none of its words and counts as not set")) << word;
  }
  EXPECT_TRUE(Ask(PodWith({}), "perhaps").may);
}

TEST(Switches, EveryNameOfAnotherCloudDoesWhatItsTableSays) {
  for (const SwitchAlias& alias : SwitchAliases()) {
    const kube::StringMap set = {{std::string(alias.key), std::string(alias.value)}};
    for (const kube::Pod& pod : {PodWith(set), PodWith({}, set)}) {
      const SwitchAnswer answer = Ask(pod, alias.may ? "false" : "true");
      EXPECT_EQ(answer.may, alias.may) << alias.key << "=" << alias.value;
      EXPECT_THAT(answer.by, HasSubstr(std::string(alias.key)));
    }
  }
  EXPECT_TRUE(Ask(PodWith({}), "false", Shop({}, {{"alibabacloud.com/eci", "true"}})).may);
  EXPECT_THAT(Ask(PodWith({{"bursting.cci.io/burst-to-cci", "sometimes"}})).besides, HasSubstr("none of its words"));
}

TEST(NamespaceSwitches, TellWhetherAnythingChanged) {
  kube::Namespace ns;
  ns.metadata.name = "shop";
  ns.metadata.uid = "u";
  NamespaceSwitches switches;
  EXPECT_FALSE(switches.Set(ns));
  ns.metadata.annotations = {{"spillway.io/overflow", "false"}};
  EXPECT_TRUE(switches.Set(ns));
  EXPECT_FALSE(switches.Set(ns));
  ns.metadata.annotations.clear();
  EXPECT_TRUE(switches.Set(ns));
  EXPECT_EQ(switches.Of("shop"), nullptr);
  EXPECT_FALSE(switches.Remove("u"));
}

}  // namespace
}  // namespace spillway::controller
