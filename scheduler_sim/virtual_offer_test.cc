// What virtual nodes say of themselves decides which Pods go there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kube/api/decode.h"
#include "scheduler_sim/testing/matchers.h"
#include "scheduler_sim/testing/scenario.h"

namespace spillway::sim::testing {
namespace {

using ::testing::AllOf;

TEST(VirtualOffer, RespectsWhatTheProviderCannotRun) {
  const std::string nodes = "virtual v can=emptyDir,readinessProbe\n";
  EXPECT_THAT(Judge(nodes + "pod p hostNetwork"),
              StaysBecause("p", "0/1 virtual nodes fit: 1 cannot run hostNetwork (spec.hostNetwork)"));
  EXPECT_THAT(Judge(nodes + "pod p port=80"),
              StaysBecause("p", "0/1 virtual nodes fit: 1 cannot run hostPort (spec.containers[0].ports[0].hostPort)"));
  EXPECT_THAT(Judge(nodes + "pod p volume=emptyDir volume=hostPath needs=hostPID"),
              StaysBecause("p",
                           "0/1 virtual nodes fit: 1 cannot run hostPID (spec.hostPID), hostPath "
                           "(spec.volumes[1].hostPath)"));
  EXPECT_THAT(Judge(nodes + "pod p volume=emptyDir needs=readinessProbe"), Overflow(1, Onto("v")));
}

TEST(VirtualOffer, OnlyNodesThatCanAreCandidates) {
  EXPECT_THAT(Judge(R"(
    virtual v1  can=configMap
    virtual v2  can=configMap,hostPID
    virtual v3  can=secret
    pod  p[1..4]  needs=hostPID
  )"),
              Overflow(4, Onto("v2")));
}

TEST(VirtualOffer, OfOtherPeoplesNodesIsAssumedWhatTheOptionsSay) {
  const std::string text = "virtual v\npod p needs=hostPID needs=configMap";
  EXPECT_THAT(Judge(text), StaysBecause("p",
                                        "0/1 virtual nodes fit: 1 cannot run hostPID (spec.hostPID), as far as "
                                        "--foreign-node-capabilities says"));
  ClusterOptions options;
  options.foreign_capabilities = kube::Capabilities::Parse("hostPID,configMap");
  EXPECT_THAT(Judge(text, options), Overflow(1, Onto("v")));
  EXPECT_THAT(Judge("virtual v can=\npod p needs=configMap", options),
              StaysBecause("p", "0/1 virtual nodes fit: 1 cannot run configMap (spec.configMap)"));
}

TEST(VirtualOffer, NoPodIsLargerThanTheLargestInstance) {
  const std::string nodes = "virtual v cpu=1000 mem=8Ti nvidia.com/gpu=8 can= largest=cpu=64,memory=512Gi\n";
  EXPECT_THAT(Judge(nodes + "pod p cpu=64 mem=512Gi"), Overflow(1, Onto("v")));
  EXPECT_THAT(Judge(nodes + "pod p cpu=65"),
              StaysBecause("p", "0/1 virtual nodes fit: 1 has no instance that large (at most cpu=64,memory=512Gi)"));
  EXPECT_THAT(Judge(nodes + "pod p nvidia.com/gpu=1"),
              StaysBecause("p", "0/1 virtual nodes fit: 1 has no instance that large (at most cpu=64,memory=512Gi)"));
  EXPECT_THAT(Judge("virtual v can= largest=cpu\npod p"),
              StaysBecause("p",
                           "0/1 virtual nodes fit: 1 annotation spillway.io/largest-instances cannot be read: \"cpu\" "
                           "is not resource=quantity, such as cpu=64 or memory=512Gi"));
}

TEST(VirtualOffer, OverflowsWhatAsksForStorageOrDevicesThatANodeOffers) {
  EXPECT_THAT(Judge(R"(
    virtual v1  ephemeral-storage=1Ti nvidia.com/gpu=2
    virtual v2
    pod  scratch  ephemeral-storage=20Gi
    pod  train[1..3]  nvidia.com/gpu=1
  )"),
              AllOf(Overflow(3, Onto("v1")), Overflow(0, Onto("v2"))));
}

class ClaimsOfVirtualNodes : public ::testing::Test {
 protected:
  template <typename T>
  void Add(const std::string& json) {
    const auto object = decoder_.Decode<T>(json);
    ASSERT_TRUE(object) << object.error().message;
    cluster_.Upsert(*object);
  }
  void Volume(const std::string& source) {
    Add<kube::PersistentVolume>(R"({"metadata":{"name":"pv"},"spec":{"storageClassName":"fast",
      "accessModes":["ReadWriteOnce"],"capacity":{"storage":"5Gi"},)" +
                                source + "}}");
  }
  // Of the Pod's only claim on a node that can run that besides commands.
  std::string Why(const std::string& can) {
    Add<kube::Node>(R"({"metadata":{"name":"v","uid":"v","labels":{"type":"virtual-kubelet"},
      "annotations":{"spillway.io/capabilities":")" +
                    can + R"("}},"status":{"allocatable":{"cpu":"8","pods":"10"},
      "conditions":[{"type":"Ready","status":"True"}]}})");
    const std::vector<Placement> placements = Spread(cluster_, cluster_.pending(), {});
    return placements.at(0).node ? "placed" : placements.at(0).why;
  }

  kube::Decoder decoder_;
  Cluster cluster_ = Cluster(ClusterOptions());
};

TEST_F(ClaimsOfVirtualNodes, GoOnlyWhereTheirVolumesCanBeMounted) {
  Add<kube::PersistentVolumeClaim>(R"({"metadata":{"name":"c","namespace":"d",
    "annotations":{"pv.kubernetes.io/bind-completed":"yes"}},
    "spec":{"storageClassName":"fast","accessModes":["ReadWriteOnce"],"volumeName":"pv"}})");
  Add<kube::Pod>(R"({"metadata":{"name":"p","namespace":"d","uid":"p"},"spec":{"schedulerName":"default-scheduler",
    "containers":[{"name":"c","command":["run"]}],
    "volumes":[{"name":"v","persistentVolumeClaim":{"claimName":"c"}}]}})");
  Volume(R"("csi":{"driver":"disk.example","volumeHandle":"h"})");
  EXPECT_EQ(Why(""),
            "0/1 virtual nodes fit: 1 cannot run persistentVolumeClaim (spec.volumes[0].persistentVolumeClaim)");
  EXPECT_EQ(Why("persistentVolumeClaim/nfs"),
            "0/1 virtual nodes fit: 1 cannot mount claim c (volume of disk.example, class fast)");
  EXPECT_EQ(Why("persistentVolumeClaim/disk.example"), "placed");
  EXPECT_EQ(Why("persistentVolumeClaim/fast"), "placed") << "by its class";
  EXPECT_EQ(Why("persistentVolumeClaim"), "placed");
  Volume(R"("nfs":{"server":"s","path":"/"})");
  EXPECT_EQ(Why("persistentVolumeClaim/nfs"), "placed");
  Volume(R"("awsElasticBlockStore":{"volumeID":"vol-1"})");
  EXPECT_EQ(Why("persistentVolumeClaim/ebs.csi.aws.com"), "placed") << "the driver that has taken the plugin over";
}

}  // namespace
}  // namespace spillway::sim::testing
