#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kube/api/decode.h"
#include "scheduler_sim/packing.h"
#include "scheduler_sim/spread_balancer.h"

// VolumeRestrictions, NodeVolumeLimits, VolumeBinding, VolumeZone: what they say, on objects as the API has them.
namespace spillway::sim {
namespace {

using ::testing::HasSubstr;

class VolumeFilters : public ::testing::Test {
 protected:
  void SetUp() override { Reset(36); }

  void Reset(int minor_version) {
    ClusterOptions options;
    options.minor_version = minor_version;
    cluster_ = Cluster(options);
  }

  template <typename T>
  void Add(const std::string& json) {
    const auto object = decoder_.Decode<T>(json);
    ASSERT_TRUE(object) << object.error().message;
    cluster_.Upsert(*object);
  }
  void Node(const std::string& name, const std::string& labels = "") {
    Add<kube::Node>(
        R"({"metadata":{"name":")" + name + R"(","uid":")" + name + R"(","labels":{)" + labels +
        R"(}},"status":{"allocatable":{"cpu":"8","pods":"10"},"conditions":[{"type":"Ready","status":"True"}]}})");
  }
  void Pod(const std::string& name, const std::string& volumes, const std::string& node = "") {
    Add<kube::Pod>(R"({"metadata":{"name":")" + name + R"(","namespace":"d","uid":")" + name +
                   R"("},"spec":{"nodeName":")" + node + R"(","containers":[{"name":"c"}],"volumes":[)" + volumes +
                   "]}}");
  }
  static std::string Of(const std::string& claim) {
    return R"({"name":"v-)" + claim + R"(","persistentVolumeClaim":{"claimName":")" + claim + R"("}})";
  }
  // A claim of class "wait"; `more` continues its spec.
  void Claim(const std::string& name, const std::string& more = "") {
    Add<kube::PersistentVolumeClaim>(R"({"metadata":{"name":")" + name +
                                     R"(","namespace":"d"},"spec":{"storageClassName":
      "wait","accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"2Gi"}})" +
                                     more + "}}");
  }
  void BoundClaim(const std::string& name, const std::string& volume) {
    Add<kube::PersistentVolumeClaim>(R"({"metadata":{"name":")" + name +
                                     R"(","namespace":"d","annotations":{"pv.kubernetes.io/bind-completed":"yes"}},
      "spec":{"storageClassName":"wait","accessModes":["ReadWriteOnce"],"volumeName":")" +
                                     volume + R"("}})");
  }
  // `more` continues its spec, behind capacity and class.
  void Volume(const std::string& name, const std::string& more = "", const std::string& labels = "") {
    Add<kube::PersistentVolume>(R"({"metadata":{"name":")" + name + R"(","labels":{)" + labels +
                                R"(}},"spec":{"storageClassName":"wait","accessModes":["ReadWriteOnce"],
      "capacity":{"storage":"5Gi"})" +
                                more + R"(},"status":{"phase":"Available"}})");
  }
  void Class(const std::string& more = "") {
    Add<kube::StorageClass>(
        R"({"metadata":{"name":"wait"},"provisioner":"csi.a","volumeBindingMode":"WaitForFirstConsumer")" + more + "}");
  }
  static std::string Reaching(const std::string& zone) {
    return R"(,"nodeAffinity":{"required":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"zone","operator":"In","values":[")" +
           zone + R"("]}]}]}})";
  }

  Verdict Ask(const std::string& pod) const { return Judge(cluster_, *cluster_.FindPod(pod), NodeDomain::kAll); }
  std::string Message(const std::string& pod) const {
    const Verdict verdict = Ask(pod);
    if (verdict.kind == Verdict::Kind::kFits) return "on " + std::string(cluster_.node(verdict.node).name);
    return verdict.why_not ? verdict.why_not->SchedulerMessage() : verdict.undecidable;
  }

  kube::Decoder decoder_;
  Cluster cluster_{ClusterOptions()};
};

TEST_F(VolumeFilters, ADiskIsMountedOnceUnlessAllReadOnly) {
  Node("a");
  Pod("there", R"({"name":"x","gcePersistentDisk":{"pdName":"pd","readOnly":true}})", "a");
  Pod("writes", R"({"name":"x","gcePersistentDisk":{"pdName":"pd"}})");
  Pod("reads", R"({"name":"x","gcePersistentDisk":{"pdName":"pd","readOnly":true}})");
  EXPECT_EQ(Message("writes"), "0/1 nodes are available: 1 node(s) had no available disk.");
  EXPECT_EQ(Message("reads"), "on a");
}

TEST_F(VolumeFilters, RbdImagesAreTheSameOnlyIfAMonitorIsShared) {
  Node("a");
  Pod("there", R"({"name":"x","rbd":{"image":"i","pool":"p","monitors":["m1","m2"]}})", "a");
  Pod("same", R"({"name":"x","rbd":{"image":"i","pool":"p","monitors":["m2","m3"]}})");
  Pod("other", R"({"name":"x","rbd":{"image":"i","pool":"p","monitors":["m3"]}})");
  EXPECT_EQ(Message("same"), "0/1 nodes are available: 1 node(s) had no available disk.");
  EXPECT_EQ(Message("other"), "on a");
}

TEST_F(VolumeFilters, AReadWriteOncePodClaimIsForOnePodAtATime) {
  for (const int version : {36, 33}) {
    Reset(version);
    Node("a");
    Node("b");
    Add<kube::PersistentVolumeClaim>(R"({"metadata":{"name":"c","namespace":"d","annotations":{
      "pv.kubernetes.io/bind-completed":"yes"}},"spec":{"volumeName":"pv","accessModes":["ReadWriteOncePod"]}})");
    Volume("pv");
    Pod("there", Of("c"), "a");
    Pod("p", Of("c"));
    EXPECT_EQ(Message("p"), version == 33
                                ? "0/2 nodes are available: 2 node has pod using PersistentVolumeClaim with the same "
                                  "name and ReadWriteOncePod access mode."
                                : "0/2 nodes are available: 2 node(s) unavailable due to PersistentVolumeClaim with "
                                  "ReadWriteOncePod access mode already in-use by another pod.");
    cluster_.RemovePod("there");
    EXPECT_THAT(Message("p"), HasSubstr("on "));
  }
}

TEST_F(VolumeFilters, ANodeTakesAsManyVolumesAsItsCsiNodeSays) {
  Node("a");
  Add<kube::CsiNode>(R"({"metadata":{"name":"a"},"spec":{"drivers":[{"name":"csi.a","allocatable":{"count":1}}]}})");
  Volume("pv1", R"(,"csi":{"driver":"csi.a","volumeHandle":"h1"})");
  Volume("pv2", R"(,"csi":{"driver":"csi.a","volumeHandle":"h2"})");
  BoundClaim("c1", "pv1");
  BoundClaim("c2", "pv2");
  Pod("there", Of("c1"), "a");
  Pod("same", Of("c1"));
  Pod("another", Of("c2"));
  EXPECT_EQ(Message("same"), "on a") << "a volume that is there already costs nothing more";
  EXPECT_EQ(Message("another"), "0/1 nodes are available: 1 node(s) exceed max volume count.");
  cluster_.RemovePod("there");
  EXPECT_EQ(Message("another"), "on a");
  Add<kube::VolumeAttachment>(R"({"metadata":{"name":"va"},"spec":{"attacher":"csi.a","nodeName":"a",
    "source":{"persistentVolumeName":"pv2"}}})");
  EXPECT_EQ(Message("another"), "0/1 nodes are available: 1 node(s) exceed max volume count.")
      << "attached without a Pod it counts, and the Pod's own counts again";
  cluster_.RemoveVolumeAttachment("va");
  EXPECT_EQ(Message("another"), "on a");
}

TEST_F(VolumeFilters, WhatIsAttachedWithoutAPodCountsSince132) {
  for (const int version : {31, 32}) {
    Reset(version);
    Node("a");
    Add<kube::CsiNode>(R"({"metadata":{"name":"a"},"spec":{"drivers":[{"name":"csi.a","allocatable":{"count":1}}]}})");
    Volume("pv", R"(,"csi":{"driver":"csi.a","volumeHandle":"h"})");
    Volume("other", R"(,"csi":{"driver":"csi.a","volumeHandle":"o"})");
    BoundClaim("c", "pv");
    Add<kube::VolumeAttachment>(R"({"metadata":{"name":"va"},"spec":{"attacher":"csi.a","nodeName":"a",
      "source":{"persistentVolumeName":"other"}}})");
    Pod("p", Of("c"));
    EXPECT_EQ(Message("p"), version == 31 ? "on a" : "0/1 nodes are available: 1 node(s) exceed max volume count.");
  }
}

TEST_F(VolumeFilters, InTreeVolumesCountAgainstTheirDriver) {
  Node("a");
  Add<kube::CsiNode>(
      R"({"metadata":{"name":"a"},"spec":{"drivers":[{"name":"ebs.csi.aws.com","allocatable":{"count":1}}]}})");
  Volume("pv", R"(,"awsElasticBlockStore":{"volumeID":"aws://z/vol-1"})");
  BoundClaim("c", "pv");
  Pod("there", Of("c"), "a");
  Pod("same", R"({"name":"x","awsElasticBlockStore":{"volumeID":"vol-2"}})");
  EXPECT_EQ(Message("same"), "0/1 nodes are available: 1 node(s) exceed max volume count.");
}

TEST_F(VolumeFilters, PortworxCountsWhereItIsListedUntil135) {
  for (const int version : {35, 36}) {
    Reset(version);
    Node("a");
    Add<kube::CsiNode>(
        R"({"metadata":{"name":"a"},"spec":{"drivers":[{"name":"pxd.portworx.com","allocatable":{"count":0}}]}})");
    Pod("p", R"({"name":"x","portworxVolume":{"volumeID":"px"}})");
    EXPECT_EQ(Message("p"), version == 36 ? "0/1 nodes are available: 1 node(s) exceed max volume count." : "on a");
  }
}

TEST_F(VolumeFilters, ABoundVolumeMustBeReachable) {
  Node("a", R"("zone":"z1")");
  Node("b", R"("zone":"z2")");
  Volume("pv", Reaching("z2"));
  BoundClaim("c", "pv");
  Pod("p", Of("c"));
  EXPECT_EQ(Message("p"), "on b");
  cluster_.RemoveNode("b");
  EXPECT_EQ(Message("p"), "0/1 nodes are available: 1 node(s) didn't match PersistentVolume's node affinity.");
  Reset(32);
  Node("a", R"("zone":"z1")");
  Volume("pv", Reaching("z2"));
  BoundClaim("c", "pv");
  Pod("p", Of("c"));
  EXPECT_EQ(Message("p"), "0/1 nodes are available: 1 node(s) had volume node affinity conflict.") << "until 1.32";
}

TEST_F(VolumeFilters, AClaimThatWaitsFindsTheSmallestVolumeOrOneIsMade) {
  Node("a", R"("zone":"z1")");
  Class(R"(,"allowedTopologies":[{"matchLabelExpressions":[{"key":"zone","values":["z2"]}]}])");
  Claim("c");
  Pod("p", Of("c"));
  EXPECT_EQ(Message("p"), "0/1 nodes are available: 1 node(s) didn't find available persistent volumes to bind.");
  Volume("pv", Reaching("z1"));
  EXPECT_EQ(Message("p"), "on a");
  cluster_.RemoveVolume("pv");
  Node("b", R"("zone":"z2")");
  EXPECT_EQ(Message("p"), "on b");
}

TEST_F(VolumeFilters, AVolumeIsMadeOnlyWhereThereIsSpace) {
  Node("a", R"("zone":"z1")");
  Class();
  Claim("c");
  Pod("p", Of("c"));
  EXPECT_EQ(Message("p"), "on a") << "a driver that does not say what it has";
  Add<kube::CsiDriver>(R"({"metadata":{"name":"csi.a"},"spec":{"storageCapacity":true}})");
  EXPECT_EQ(Message("p"), "0/1 nodes are available: 1 node(s) did not have enough free storage.");
  Add<kube::CsiStorageCapacity>(
      R"({"metadata":{"name":"s"},"storageClassName":"wait","nodeTopology":{"matchLabels":{"zone":"z1"}},
    "capacity":"9Gi","maximumVolumeSize":"1Gi"})");
  EXPECT_EQ(Message("p"), "0/1 nodes are available: 1 node(s) did not have enough free storage.");
  Add<kube::CsiStorageCapacity>(
      R"({"metadata":{"name":"s"},"storageClassName":"wait","nodeTopology":{"matchLabels":{"zone":"z1"}},
    "capacity":"9Gi"})");
  EXPECT_EQ(Message("p"), "on a");
}

TEST_F(VolumeFilters, OfEquallyLargeVolumesAnyMayBeTaken) {
  Node("a");
  Class(R"(,"reclaimPolicy":"Delete")");
  Volume("pv1", "", R"("kind":"fast")");
  Volume("pv2");
  Claim("any");
  Claim("fast", R"(,"selector":{"matchLabels":{"kind":"fast"}})");
  Add<kube::StorageClass>(R"({"metadata":{"name":"wait"},"provisioner":"kubernetes.io/no-provisioner",
    "volumeBindingMode":"WaitForFirstConsumer"})");
  Pod("p", Of("any") + "," + Of("fast"));
  EXPECT_EQ(Message("p"), "on a") << "kube-scheduler finds out sooner or later, though pv1 for the first claim fails";
  cluster_.RemoveVolume("pv2");
  EXPECT_EQ(Message("p"), "0/1 nodes are available: 1 node(s) didn't find available persistent volumes to bind.");
}

TEST_F(VolumeFilters, AClaimThatIsBeingProvisionedHasItsNode) {
  Node("a");
  Node("b");
  Class();
  Add<kube::PersistentVolumeClaim>(R"({"metadata":{"name":"c","namespace":"d","annotations":{
    "volume.kubernetes.io/selected-node":"b"}},"spec":{"storageClassName":"wait"}})");
  Pod("p", Of("c"));
  EXPECT_EQ(Message("p"), "on b");
}

TEST_F(VolumeFilters, ZoneLabelsOfVolumesHoldNodesWithZones) {
  Node("a", R"("topology.kubernetes.io/zone":"z1")");
  Volume("pv", "", R"("failure-domain.beta.kubernetes.io/zone":"z2__z3")");
  BoundClaim("c", "pv");
  Pod("p", Of("c"));
  EXPECT_EQ(Message("p"), "0/1 nodes are available: 1 node(s) had no available volume zone.");
  Node("b", R"("topology.kubernetes.io/zone":"z3")");
  EXPECT_EQ(Message("p"), "on b");
  cluster_.RemoveNode("b");
  Node("n");
  EXPECT_EQ(Message("p"), "on n") << "without any zone it takes all";
}

TEST_F(VolumeFilters, SomePodsAreRejectedBeforeAnyNodeIsLookedAt) {
  Node("a");
  const auto says = [&](const std::string& volumes) {
    Pod("p", volumes);
    return Message("p");
  };
  const std::string ephemeral = R"({"name":"e","ephemeral":{"volumeClaimTemplate":{}}})";
  const std::string prefix = "0/1 nodes are available: ";
  EXPECT_EQ(says(Of("c")), prefix + R"(persistentvolumeclaim "c" not found.)");
  EXPECT_EQ(says(ephemeral),
            prefix + R"(waiting for ephemeral volume controller to create the persistentvolumeclaim "p-e".)");
  Claim("p-e");
  EXPECT_EQ(says(ephemeral), prefix + "PVC d/p-e was not created for pod d/p (pod is not owner).");
  Claim("c");
  EXPECT_EQ(says(Of("c")), prefix + "pod has unbound immediate PersistentVolumeClaims.");
  BoundClaim("c", "gone");
  EXPECT_EQ(says(Of("c")), prefix + R"(persistentvolume "gone" not found.)");
  Add<kube::PersistentVolumeClaim>(R"({"metadata":{"name":"c","namespace":"d"},"spec":{"volumeName":"lost"},
    "status":{"phase":"Lost"}})");
  EXPECT_EQ(says(Of("c")), prefix + R"(persistentvolumeclaim "c" bound to non-existent persistentvolume "lost".)");
  Add<kube::PersistentVolumeClaim>(
      R"({"metadata":{"name":"c","namespace":"d","deletionTimestamp":"2026-01-01T00:00:00Z"},
    "spec":{}})");
  EXPECT_EQ(says(Of("c")), prefix + R"(persistentvolumeclaim "c" is being deleted.)");
}

TEST_F(VolumeFilters, AnEphemeralVolumeMayBeBoundToAVolumeThatIsGone) {
  Node("a");
  Add<kube::PersistentVolumeClaim>(
      R"({"metadata":{"name":"p-e","namespace":"d","annotations":{"pv.kubernetes.io/bind-completed":"yes"},
    "ownerReferences":[{"kind":"Pod","name":"p","uid":"p","controller":true}]},"spec":{"volumeName":"gone"}})");
  Pod("p", R"({"name":"e","ephemeral":{"volumeClaimTemplate":{}}})");
  EXPECT_EQ(Message("p"),
            "0/1 nodes are available: 1 node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s).");
}

TEST_F(VolumeFilters, WhatMakesKubeSchedulerFailIsUndecidable) {
  Node("a");
  Add<kube::StorageClass>(R"({"metadata":{"name":"wait"},"provisioner":"csi.a"})");
  Claim("c");
  Pod("p", Of("c"));
  EXPECT_EQ(Message("p"), R"(kube-scheduler itself fails on it: VolumeBindingMode not set for StorageClass "wait")");
}

TEST_F(VolumeFilters, WhatIsNotKnownIsUndecidableForPodsWithVolumesAlone) {
  Node("a");
  Pod("with", Of("c"));
  Pod("without", R"({"name":"x","emptyDir":{}})");
  cluster_.SetStorageUnknown("no permission");
  EXPECT_EQ(Message("with"), "no permission");
  EXPECT_EQ(Message("without"), "on a");
  cluster_.SetStorageUnknown("");
  EXPECT_THAT(Message("with"), HasSubstr("not found"));
}

TEST_F(VolumeFilters, PackingUsesVolumesUp) {
  Node("a");
  Add<kube::StorageClass>(R"({"metadata":{"name":"wait"},"provisioner":"kubernetes.io/no-provisioner",
    "volumeBindingMode":"WaitForFirstConsumer"})");
  Volume("pv");
  for (const char* name : {"p1", "p2"}) {
    Claim(name);
    Pod(name, Of(name));
  }
  int placed = 0;
  const Packing packing = Pack(cluster_, InQueueOrder(cluster_, cluster_.pending()), NodeDomain::kReal);
  for (const Packing::Entry& entry : packing.entries()) placed += entry.verdict.kind == Verdict::Kind::kFits;
  EXPECT_EQ(placed, 1);
}

TEST_F(VolumeFilters, AClaimWithoutAVolumeKeepsItsPodOffVirtualNodes) {
  Node("v", R"("type":"virtual-kubelet")");
  Class();
  Claim("c");
  Pod("p", Of("c"));
  const std::vector<Placement> placements = Spread(cluster_, cluster_.pending(), {});
  ASSERT_EQ(placements.size(), 1u);
  EXPECT_FALSE(placements[0].node);
  EXPECT_EQ(placements[0].why, "its claim c has no volume yet, and only kube-scheduler can get it one");
}

TEST_F(VolumeFilters, OnlyWhatCountsIsAChange) {
  Node("a");
  Volume("pv");
  const std::uint64_t generation = cluster_.generation(), relaxations = cluster_.relaxations();
  Volume("pv");
  EXPECT_EQ(cluster_.generation(), generation);
  Volume("pv", Reaching("z1"));
  EXPECT_NE(cluster_.generation(), generation);
  EXPECT_EQ(cluster_.relaxations(), relaxations) << "no Pod with volumes waits";
  Pod("p", Of("c"));
  Claim("c");
  EXPECT_NE(cluster_.relaxations(), relaxations);
}

TEST_F(VolumeFilters, OfEquallyLargeVolumesAnyChoiceThatWorksWillDo) {
  Node("a");
  Add<kube::StorageClass>(R"({"metadata":{"name":"wait"},"provisioner":"kubernetes.io/no-provisioner",
    "volumeBindingMode":"WaitForFirstConsumer"})");
  Claim("any");
  Claim("web", R"(,"selector":{"matchLabels":{"app":"web"}})");
  Volume("v1", "", R"("app":"web")");
  Pod("p", Of("any") + "," + Of("web"));
  EXPECT_THAT(Message("p"), HasSubstr("didn't find available persistent volumes to bind"));
  Volume("v2");
  EXPECT_EQ(Message("p"), "on a") << "if the first claim leaves v1 to the second";
}

// Each claim can do with all but a few volumes, the last with none; there are millions of ways to find that out.
TEST_F(VolumeFilters, ChoicesAreNotTriedForEver) {
  constexpr int kClaims = 16;
  Node("a");
  Add<kube::StorageClass>(R"({"metadata":{"name":"wait"},"provisioner":"kubernetes.io/no-provisioner",
    "volumeBindingMode":"WaitForFirstConsumer"})");
  std::string volumes;
  for (int i = 0; i < kClaims; ++i) {
    std::string fitting;
    for (int j = i / 2; j < kClaims; ++j) fitting += (fitting.empty() ? "\"" : ",\"") + std::to_string(j) + "\"";
    Claim("c" + std::to_string(i),
          R"(,"selector":{"matchExpressions":[{"key":"number","operator":"In","values":[)" + fitting + "]}]}");
    Volume("v" + std::to_string(i), "", R"("number":")" + std::to_string(i) + '"');
    volumes += Of("c" + std::to_string(i)) + ",";
  }
  Claim("never", R"(,"selector":{"matchLabels":{"number":"none"}})");
  Pod("p", volumes + Of("never"));
  EXPECT_EQ(Message("p"), "on a") << "not known to fit nowhere";
}

}  // namespace
}  // namespace spillway::sim
