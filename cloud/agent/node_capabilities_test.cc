#include "cloud/agent/node_capabilities.h"

#include <gtest/gtest.h>

#include <array>

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

class Plain final : public Provider {
 public:
  std::string_view name() const override { return "plain"; }
  ProviderCapabilities capabilities() const override { return {}; }
  bool fills_in_pod_ip() const override { return false; }
  Task<CloudResult<Instance>> Create(CreateRequest) override { co_return Instance(); }
  Task<CloudResult<Changes>> Poll(InstanceScope, std::string) override { co_return Changes(); }
  Task<CloudResult<std::vector<Instance>>> List(std::string) override { co_return std::vector<Instance>(); }
  Task<CloudResult<std::vector<Instance>>> Describe(std::vector<std::string>) override {
    co_return std::vector<Instance>();
  }
  Task<CloudStatus> Delete(std::string, Duration) override { co_return CloudStatus(); }
  Task<CloudStatus> Ping() override { co_return CloudStatus(); }
};

TEST(NodeCapabilities, WithoutTheTokenItsVolumeIsTakenAndNoOther) {
  AgentOptions options;
  const Plain provider;
  EXPECT_FALSE(NodeCapabilities(provider, options).features.Can("projected/kubeApiAccess"));
  options.omit_api_token = true;
  const kube::Capabilities features = NodeCapabilities(provider, options).features;
  for (const kube::PodFeature& feature :
       {kube::PodFeature{"projected/kubeApiAccess", ""}, kube::PodFeature{"serviceAccountToken/kubeApiAccess", ""}}) {
    EXPECT_EQ(features.Lacking(std::array{feature}), "");
  }
  EXPECT_FALSE(features.Can("secret"));
  EXPECT_FALSE(features.Can("projected/other"));
}

TEST(NodeCapabilities, WhoCannotFillInAddressesDoesNotSayThatItCan) {
  const Plain provider;
  const kube::Capabilities features = NodeCapabilities(provider, AgentOptions()).features;
  EXPECT_FALSE(features.Can("envAddresses"));
  EXPECT_TRUE(features.Can("activeDeadline"));
}

}  // namespace
}  // namespace spillway::cloud
