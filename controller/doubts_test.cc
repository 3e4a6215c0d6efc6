#include "controller/doubts.h"

#include <gtest/gtest.h>

namespace spillway::controller {
namespace {

PendingPod PodThatAsksFor(const std::string& resource) {
  PendingPod pod;
  kube::Container container;
  container.requests = {{resource, kube::Quantity::FromUnits(1)}};
  pod.object.containers = {container};
  return pod;
}

TEST(Doubts, AnUnreadableDeviceClassConcernsWhoeverAsksForWhatMayBeDevices) {
  const sim::Cluster cluster{sim::ClusterOptions()};
  Doubts doubts;
  doubts.Note(Doubts::Scope::kPodsThatAskForDevices, "deviceclasses", "gpu", "DeviceClass gpu: no object");
  for (const char* resource : {"example.com/gpu", "deviceclass.resource.kubernetes.io/gpu"}) {
    EXPECT_EQ(doubts.Against(cluster, PodThatAsksFor(resource)), "DeviceClass gpu: no object") << resource;
  }
  for (const char* resource : {"cpu", "hugepages-2Mi", "kubernetes.io/batch"}) {
    EXPECT_EQ(doubts.Against(cluster, PodThatAsksFor(resource)), "") << resource;
  }
}

}  // namespace
}  // namespace spillway::controller
