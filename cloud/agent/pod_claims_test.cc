#include "cloud/agent/pod_claims.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace spillway::cloud {
namespace {

using ::testing::HasSubstr;

const Json kClaiming = {{"name", "data"}, {"persistentVolumeClaim", {{"claimName", "c"}}}};
const Json kClaim = {{"metadata", {{"name", "c"}, {"namespace", "ns"}, {"uid", "claim-1"}}},
                     {"spec", {{"volumeName", "pv"}}},
                     {"status", {{"phase", "Bound"}}}};

Json Volume(Json source, const char* claim_uid = "claim-1") {
  source["capacity"] = {{"storage", "10Gi"}};
  source["accessModes"] = {"ReadWriteMany"};
  source["claimRef"] = {{"uid", claim_uid}};
  source["persistentVolumeReclaimPolicy"] = "Retain";
  return {{"metadata", {{"name", "pv"}}}, {"spec", std::move(source)}};
}

InputResult<Json> Place(const Json& volume, const char* can) {
  return VolumeInPlace(kClaiming, kClaim, volume, kube::Capabilities::Parse(can));
}

TEST(PodClaims, AVolumeStandsWhereItsClaimStood) {
  const Json nfs = {{"server", "10.0.0.9"}, {"path", "/export"}};
  const auto placed = Place(Volume({{"nfs", nfs}}), "persistentVolumeClaim/nfs");
  ASSERT_TRUE(placed);
  EXPECT_EQ(*placed, (Json{{"name", "data"}, {"nfs", nfs}}));
  const Json disk = {{"driver", "com.tencent.cloud.csi.cbs"}, {"volumeHandle", "disk-1"}};
  const auto csi = Place(Volume({{"csi", disk}}), "nfs,persistentVolumeClaim/com.tencent.cloud.csi.cbs");
  ASSERT_TRUE(csi);
  EXPECT_EQ(*csi, (Json{{"name", "data"}, {"csi", disk}}));
}

TEST(PodClaims, AStorageClassCanBeAllowedToo) {
  const Json volume = Volume({{"cephfs", {{"path", "/"}}}, {"storageClassName", "shared"}});
  EXPECT_TRUE(Place(volume, "persistentVolumeClaim/shared"));
  EXPECT_FALSE(Place(volume, "persistentVolumeClaim/other"));
}

TEST(PodClaims, WhatTheNodeHasNoVolumesOfIsNamed) {
  for (const auto& [source, kind] : {std::pair{"cephfs", "cephfs"}, {"hostPath", "hostPath"}, {"local", "own disk"}}) {
    const auto refused = Place(Volume({{source, {{"path", "/x"}}}}), "persistentVolumeClaim/nfs");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().reason, "FailedMount");
    EXPECT_THAT(refused.error().message, HasSubstr("volume \"data\""));
    EXPECT_THAT(refused.error().message, HasSubstr(kind));
  }
}

TEST(PodClaims, SomebodyElsesVolumeIsNotMounted) {
  const auto refused = Place(Volume({{"nfs", {{"path", "/"}}}}, "claim-0"), "persistentVolumeClaim/nfs");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("bound to another claim"));
}

TEST(PodClaims, AClaimThatIsNotBoundWaits) {
  EXPECT_EQ(*BoundVolume(kClaiming, kClaim), "pv");
  Json pending = kClaim;
  pending["status"]["phase"] = "Pending";
  const auto refused = BoundVolume(kClaiming, pending);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("error processing PVC ns/c: PVC is not bound"));
}

TEST(PodClaims, ReadOnlyHoldsInEveryContainer) {
  Json pod = Json::parse(R"({"spec": {"initContainers": [{"volumeMounts": [{"name": "data"}]}],
                                      "containers": [{}, {"volumeMounts": [{"name": "data"}, {"name": "other"}]}]}})");
  MountReadOnly(pod, "data");
  EXPECT_EQ(pod["spec"]["initContainers"][0]["volumeMounts"][0]["readOnly"], true);
  EXPECT_EQ(pod["spec"]["containers"][1]["volumeMounts"][0]["readOnly"], true);
  EXPECT_FALSE(pod["spec"]["containers"][1]["volumeMounts"][1].contains("readOnly"));
  Json reading = kClaiming;
  reading["persistentVolumeClaim"]["readOnly"] = true;
  const auto placed = VolumeInPlace(reading, kClaim, Volume({{"nfs", {{"path", "/"}}}}),
                                    kube::Capabilities::Parse("persistentVolumeClaim/nfs"));
  ASSERT_TRUE(placed);
  EXPECT_EQ((*placed)["nfs"]["readOnly"], true);
}

}  // namespace
}  // namespace spillway::cloud
