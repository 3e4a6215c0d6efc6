#include "cloud/agent/pod_volumes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace spillway::cloud {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const InputKey kVolumeMap{InputKey::Kind::kConfigMap, "map"};
const InputKey kVolumeSecret{InputKey::Kind::kSecret, "secret"};

Json VolumePod(const char* volume) {
  Json pod = Json::parse(R"json({"metadata": {"name": "p", "namespace": "ns", "uid": "u",
      "labels": {"app": "web", "zone": "a\"b"}, "annotations": {"note": "two\nlines"}},
      "spec": {"containers": [{"name": "main", "resources": {"limits": {"cpu": "250m"}}}]}})json");
  Json parsed = Json::parse(volume);
  parsed["name"] = "v";
  pod["spec"]["volumes"] = Json::array({parsed});
  return pod;
}

Inputs SomeInputs() {
  return {{kVolumeMap, std::make_shared<const Json>(
                           Json::parse(R"({"data": {"a": "alpha", "b": "beta"}, "binaryData": {"raw": "AAH/"}})"))},
          {kVolumeSecret, std::make_shared<const Json>(Json::parse(R"({"data": {"token": "aHVudGVyMg=="}})"))}};
}

std::vector<VolumeFile> FilesOf(const char* volume, const Tokens& tokens = {}) {
  const auto volumes = ResolveVolumes(VolumePod(volume), SomeInputs(), tokens);
  EXPECT_TRUE(volumes) << (volumes ? "" : volumes.error().message);
  if (!volumes || volumes->size() != 1) return {};
  return volumes->front().files;
}

std::string WhyNot(const char* volume, const Inputs& inputs = SomeInputs()) {
  const auto volumes = ResolveVolumes(VolumePod(volume), inputs, {});
  if (volumes) return "";
  EXPECT_EQ(volumes.error().reason, "FailedMount");
  return volumes.error().message;
}

TEST(PodVolumes, AConfigMapIsOneFileForEachKey) {
  EXPECT_THAT(FilesOf(R"({"configMap": {"name": "map"}})"),
              ElementsAre(VolumeFile{"a", "alpha", 0644}, VolumeFile{"b", "beta", 0644},
                          VolumeFile{"raw", std::string("\0\1\xff", 3), 0644}));
}

TEST(PodVolumes, ItemsChooseKeysPathsAndModes) {
  EXPECT_THAT(FilesOf(R"({"secret": {"secretName": "secret", "defaultMode": 256,
                          "items": [{"key": "token", "path": "deep/er/token", "mode": 288}]}})"),
              ElementsAre(VolumeFile{"deep/er/token", "hunter2", 0440}));
  EXPECT_THAT(FilesOf(R"({"secret": {"secretName": "secret", "defaultMode": 256}})"),
              ElementsAre(VolumeFile{"token", "hunter2", 0400}));
}

TEST(PodVolumes, WhatIsMissingIsToldInKubeletsWords) {
  EXPECT_EQ(WhyNot(R"({"configMap": {"name": "map"}})", {}),
            "MountVolume.SetUp failed for volume \"v\" : configmap \"map\" not found");
  EXPECT_EQ(WhyNot(R"({"secret": {"secretName": "secret"}})", {}),
            "MountVolume.SetUp failed for volume \"v\" : secret \"secret\" not found");
  EXPECT_EQ(WhyNot(R"({"configMap": {"name": "map", "items": [{"key": "z", "path": "z"}]}})"),
            "MountVolume.SetUp failed for volume \"v\" : configmap references non-existent config key: z");
  EXPECT_EQ(WhyNot(R"({"secret": {"secretName": "secret", "items": [{"key": "z", "path": "z"}]}})"),
            "MountVolume.SetUp failed for volume \"v\" : references non-existent secret key: z");
}

TEST(PodVolumes, WhatIsOptionalMayBeMissing) {
  EXPECT_THAT(FilesOf(R"({"configMap": {"name": "none", "optional": true}})"), IsEmpty());
  EXPECT_THAT(FilesOf(R"({"configMap": {"name": "map", "optional": true,
                          "items": [{"key": "z", "path": "z"}, {"key": "a", "path": "a"}]}})"),
              ElementsAre(VolumeFile{"a", "alpha", 0644}));
}

TEST(PodVolumes, NoPathLeadsOutOfTheVolume) {
  for (const char* path : {"../a", "/a", "a/../b", "a//b", "", ".", "..data", "a/.", "..y/x"}) {
    EXPECT_FALSE(IsSafePath(path)) << path;
    const std::string volume =
        std::string(R"({"configMap": {"name": "map", "items": [{"key": "a", "path": ")") + path + R"("}]}})";
    EXPECT_THAT(WhyNot(volume.c_str()), HasSubstr("must stay within the volume")) << path;
  }
  const Inputs hostile = {
      {kVolumeMap, std::make_shared<const Json>(Json::parse(R"({"data": {"../../etc/cron.d/x": "!"}})"))}};
  EXPECT_THAT(WhyNot(R"({"configMap": {"name": "map"}})", hostile), HasSubstr("must stay within the volume"));
  EXPECT_TRUE(IsSafePath("a/b.c/..x")) << "only the first part may not begin with two dots";
}

TEST(PodVolumes, DownwardFieldsAsKubeletWritesThem) {
  EXPECT_THAT(FilesOf(R"({"downwardAPI": {"items": [
                  {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}},
                  {"path": "notes", "fieldRef": {"fieldPath": "metadata.annotations"}},
                  {"path": "app", "fieldRef": {"fieldPath": "metadata.labels['app']"}},
                  {"path": "cpu", "resourceFieldRef": {"containerName": "main", "resource": "limits.cpu",
                                                       "divisor": "1m"}}]}})"),
              ElementsAre(VolumeFile{"app", "web", 0644}, VolumeFile{"cpu", "250", 0644},
                          VolumeFile{"labels", "app=\"web\"\nzone=\"a\\\"b\"", 0644},
                          VolumeFile{"notes", "note=\"two\\nlines\"", 0644}));
}

TEST(PodVolumes, AProjectedVolumeIsAllItsSources) {
  const WallTime issued{1000s};
  const Tokens tokens = {{{"vault", 600}, {"the token", issued, issued + 600s}}};
  const char* const volume = R"({"projected": {"defaultMode": 288, "sources": [
      {"serviceAccountToken": {"audience": "vault", "expirationSeconds": 600, "path": "token"}},
      {"configMap": {"name": "map", "items": [{"key": "a", "path": "ca.crt"}]}},
      {"secret": {"name": "secret"}},
      {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]}}]}})";
  EXPECT_THAT(TokensOf(VolumePod(volume)), ElementsAre(TokenKey{"vault", 600}));
  const auto volumes = ResolveVolumes(VolumePod(volume), SomeInputs(), tokens);
  ASSERT_TRUE(volumes);
  ASSERT_THAT(*volumes, SizeIs(1));
  // A later source of the same path wins.
  EXPECT_THAT(volumes->front().files,
              ElementsAre(VolumeFile{"ca.crt", "alpha", 0440}, VolumeFile{"namespace", "ns", 0440},
                          VolumeFile{"token", "hunter2", 0440}));
  EXPECT_EQ(volumes->front().refresh_at, issued + 480s) << "80% of its life";
}

TEST(PodVolumes, ALongLivedTokenIsRefreshedEachDay) {
  const WallTime issued{0s};
  EXPECT_EQ((ServiceAccountToken{"t", issued, issued + 1000h}).refresh_at(), issued + 24h);
}

TEST(PodVolumes, AnEmptyDirAndAKindOfTheProvidersOwn) {
  Json pod = VolumePod(R"({"emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}})");
  pod["spec"]["volumes"].push_back({{"name", "disk"}, {"persistentVolumeClaim", {{"claimName", "c"}}}});
  const auto volumes = ResolveVolumes(pod, {}, {});
  ASSERT_TRUE(volumes);
  ASSERT_THAT(*volumes, SizeIs(1));
  EXPECT_EQ(volumes->front().kind, PodVolume::Kind::kEmptyDir);
  EXPECT_TRUE(volumes->front().is_in_memory);
  EXPECT_EQ(volumes->front().size_limit, 1 << 20);
}

}  // namespace
}  // namespace spillway::cloud
