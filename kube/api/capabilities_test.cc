#include "kube/api/capabilities.h"

#include <gtest/gtest.h>

namespace spillway::kube {
namespace {

TEST(Capabilities, AreAnAllowList) {
  const Capabilities can = Capabilities::Parse("configMap, secret ,,secret,csi/a.example,nfs");
  EXPECT_TRUE(can.Can("configMap"));
  EXPECT_TRUE(can.Can("secret"));
  EXPECT_FALSE(can.Can("hostPath"));
  EXPECT_FALSE(can.Can(""));
  EXPECT_EQ(can.Text(), "configMap,csi/a.example,nfs,secret");
  EXPECT_FALSE(Capabilities().Can("configMap"));
  EXPECT_TRUE(Capabilities::Parse("*").Can("hostPath"));
}

TEST(Capabilities, AQualifierNarrowsDown) {
  const Capabilities can = Capabilities::Parse("csi,persistentVolumeClaim/nfs");
  EXPECT_TRUE(can.Can("csi/any.example"));
  EXPECT_TRUE(can.Can("persistentVolumeClaim/nfs"));
  EXPECT_FALSE(can.Can("persistentVolumeClaim/disk.example"));
  EXPECT_TRUE(can.Can("persistentVolumeClaim")) << "some claims it can; which, is looked at when they are known";
  EXPECT_FALSE(can.Can("persistentVolume"));
  EXPECT_FALSE(Capabilities::Parse("csi/a").Can("csi/ab"));
}

TEST(Capabilities, SayWhatIsLackingAndWhoAsksForIt) {
  const std::vector<PodFeature> asked = {
      {"configMap", "spec.volumes[0].configMap"}, {"hostIPC", "spec.hostIPC"}, {"hostPID", "spec.hostPID"}};
  EXPECT_EQ(Capabilities::Parse("configMap").Lacking(asked), "hostIPC (spec.hostIPC), hostPID (spec.hostPID)");
  EXPECT_EQ(Capabilities::Parse("configMap,hostIPC,hostPID").Lacking(asked), "");
  const std::vector<PodFeature> many = {{"a", "a"}, {"b", "b"}, {"c", "c"}, {"d", "d"}, {"e", "e"}};
  EXPECT_EQ(Capabilities().Lacking(many), "a (a), b (b), c (c) and 2 more");
}

Quantity Amount(std::string_view text) { return *Quantity::Parse(text); }

TEST(LargestInstance, NothingLargerFits) {
  const auto largest = ParseLargestInstances("cpu=64, memory=512Gi; cpu=52,memory=192Gi,nvidia.com/gpu=8;");
  ASSERT_TRUE(largest);
  ASSERT_EQ(largest->size(), 2u);
  EXPECT_EQ(ToText(*largest), "cpu=64,memory=512Gi;cpu=52,memory=192Gi,nvidia.com/gpu=8");
  const ResourceList wide = {{"cpu", Amount("64")}, {"memory", Amount("512Gi")}};
  EXPECT_TRUE(largest->at(0).Fits(wide));
  EXPECT_FALSE(largest->at(1).Fits(wide));
  const ResourceList gpu = {{"cpu", Amount("4")}, {"nvidia.com/gpu", Amount("1")}};
  EXPECT_FALSE(largest->at(0).Fits(gpu)) << "what is not named is not there";
  EXPECT_TRUE(largest->at(1).Fits(gpu));
  EXPECT_FALSE(largest->at(0).Fits({{"cpu", Amount("64001m")}}));
  EXPECT_TRUE(largest->at(0).Fits({{"nvidia.com/gpu", Quantity()}}));
}

TEST(LargestInstance, MistakesAreTold) {
  const auto why = [](std::string_view text) {
    const auto parsed = ParseLargestInstances(text);
    return parsed ? "taken" : parsed.error().message;
  };
  EXPECT_EQ(why(""), "taken");
  EXPECT_EQ(why("cpu"), "\"cpu\" is not resource=quantity, such as cpu=64 or memory=512Gi");
  EXPECT_EQ(why("cpu=many"), "\"cpu=many\" is not resource=quantity, such as cpu=64 or memory=512Gi");
  EXPECT_EQ(why("=4"), "\"=4\" is not resource=quantity, such as cpu=64 or memory=512Gi");
  EXPECT_EQ(why("cpu=-1"), "\"cpu=-1\" is not resource=quantity, such as cpu=64 or memory=512Gi");
  EXPECT_EQ(why("cpu=1,cpu=2"), "it names cpu twice in one instance");
}

}  // namespace
}  // namespace spillway::kube
