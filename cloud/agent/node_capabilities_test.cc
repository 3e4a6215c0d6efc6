#include "cloud/agent/node_capabilities.h"

#include <gtest/gtest.h>

#include "kube/api/capabilities.h"

namespace spillway::cloud {
namespace {

// A budget of what no instance can have would only draw Pods that wait for ever.
TEST(CheckOffer, NothingIsOfferedThatNoInstanceHas) {
  AgentOptions options;
  ProviderCapabilities capabilities;
  options.capacity["nvidia.com/gpu"] = "8";
  EXPECT_TRUE(CheckOffer(capabilities, options)) << "instances of any size";
  capabilities.largest = *kube::ParseLargestInstances("cpu=64,memory=512Gi,ephemeral-storage=1Ti");
  const Status offer = CheckOffer(capabilities, options);
  ASSERT_FALSE(offer);
  EXPECT_EQ(offer.error().message,
            "the node would offer nvidia.com/gpu=8, but no instance can have any nvidia.com/gpu: the largest is "
            "cpu=64,memory=512Gi,ephemeral-storage=1Ti; see --largest-instances");
  options.capacity["nvidia.com/gpu"] = "0";
  EXPECT_TRUE(CheckOffer(capabilities, options));
}

}  // namespace
}  // namespace spillway::cloud
