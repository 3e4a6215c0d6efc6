#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/emulators/cloud_world.h"

namespace spillway::emulators {

// Calls to a provider in the world of its cloud; as CloudWorld has it.
template <class Cloud>
class CloudProviderTest : public ::testing::Test {
 protected:
  using World = CloudWorld<Cloud>;

  static cloud::CreateRequest As(cloud::CreateRequest request, const std::string& uid,
                                 const std::string& node = "vnode") {
    request.identity = {"cluster", node, uid, "default", "pod-" + uid};
    request.client_token = "token-" + uid;
    return request;
  }
  cloud::CloudResult<cloud::Instance> Create(cloud::CreateRequest request) {
    return world_.Get(provider().Create(std::move(request)));
  }
  // Its id.
  std::string Make(const std::string& uid, cloud::CreateRequest request = World::Forever()) {
    auto made = Create(As(std::move(request), uid));
    EXPECT_TRUE(made) << ToString(made.error());
    return made ? made->id : "";
  }
  std::vector<cloud::Instance> List(const std::string& cluster = "cluster") {
    auto listed = world_.Get(provider().List(cluster));
    EXPECT_TRUE(listed) << ToString(listed.error());
    return listed ? *listed : std::vector<cloud::Instance>();
  }
  cloud::Instance One(const std::string& id) {
    std::vector<std::string> ids = {id};
    auto described = world_.Get(provider().Describe(std::move(ids)));
    return described && described->size() == 1 ? described->front() : cloud::Instance();
  }
  cloud::CloudResult<cloud::Changes> Poll(std::string cursor = "") {
    return world_.Get(provider().Poll(cloud::InstanceScope{"cluster", "vnode"}, std::move(cursor)));
  }
  cloud::CloudStatus Refresh() { return world_.Get(provider().RefreshMarket()); }
  cloud::CloudStatus Ping() { return world_.Get(provider().Ping()); }
  std::uint64_t Calls(const char* api) {
    return world_.emulator().counts().calls.contains(api) ? world_.emulator().counts().calls.at(api) : 0;
  }
  typename Cloud::Provider& provider() { return world_.provider(); }
  typename Cloud::Emulator& emulator() { return world_.emulator(); }
  typename Cloud::Faults& faults() { return world_.emulator().faults(); }
  SimRuntime& runtime() { return world_.runtime(); }

  World world_;
};

}  // namespace spillway::emulators
