// What every cloud's provider does alike, each against its emulator.
#include <gmock/gmock.h>

#include <memory>

#include "base/scope.h"
#include "tests/emulators/eci_world.h"
#include "tests/emulators/eksci_world.h"
#include "tests/emulators/provider_fixture.h"

namespace spillway::emulators {
namespace {

using cloud::CreateRequest;
using cloud::Instance;
using cloud::InstanceState;
using ::testing::IsEmpty;
using ::testing::SizeIs;

template <class Cloud>
class CloudProviders : public CloudProviderTest<Cloud> {};
using Clouds = ::testing::Types<EciCloud, EksciCloud>;
TYPED_TEST_SUITE(CloudProviders, Clouds);

TYPED_TEST(CloudProviders, PollsTellEachChangeOnce) {
  this->Make("a");
  auto first = this->Poll();
  ASSERT_TRUE(first);
  ASSERT_THAT(first->instances, SizeIs(1));
  std::vector<InstanceState> states = {first->instances.at(0).state};
  std::string cursor = first->cursor;
  for (int i = 0; i < 3; ++i) {
    auto next = this->Poll(cursor);
    ASSERT_TRUE(next);
    for (const Instance& instance : next->instances) states.push_back(instance.state);
    cursor = next->cursor;
  }
  EXPECT_EQ(states.back(), InstanceState::kRunning);
  EXPECT_LE(states.size(), 4u);
  const auto before = this->Calls(TypeParam::kPollApi);
  const Instant then = this->runtime().Now();
  auto quiet = this->Poll(cursor);
  ASSERT_TRUE(quiet);
  EXPECT_THAT(quiet->instances, IsEmpty());
  EXPECT_GE(this->runtime().Now() - then, 20s) << "waits for a change";
  EXPECT_LE(this->Calls(TypeParam::kPollApi) - before, 8u);
  auto anew = this->Poll("another process's");
  ASSERT_TRUE(anew);
  EXPECT_THAT(anew->instances, SizeIs(1)) << "everything there is";
}

TYPED_TEST(CloudProviders, AnUnknownStatusKeepsTheLastOne) {
  const std::string id = this->Make("a");
  this->runtime().RunFor(5s);
  ASSERT_EQ(this->One(id).state, InstanceState::kRunning);
  ASSERT_TRUE(this->emulator().SayOddly(id, "Hibernating"));
  EXPECT_EQ(this->One(id).state, InstanceState::kRunning);
  EXPECT_GT(this->provider().unknown_statuses(), 0u);
}

TYPED_TEST(CloudProviders, InitContainersComeFirst) {
  CreateRequest request = CloudWorld<TypeParam>::Forever();
  request.pod["spec"]["initContainers"].push_back({{"name", "init"}, {"image", "busybox"}, {"command", {"sleep 3"}}});
  const std::string id = this->Make("a", request);
  this->runtime().RunFor(3s);
  Instance instance = this->One(id);
  EXPECT_EQ(instance.state, InstanceState::kPending);
  ASSERT_THAT(instance.init_containers, SizeIs(1));
  EXPECT_EQ(instance.init_containers[0].kind, cloud::ContainerState::Kind::kRunning);
  this->runtime().RunFor(5s);
  instance = this->One(id);
  EXPECT_EQ(instance.state, InstanceState::kRunning);
  EXPECT_EQ(instance.init_containers[0].kind, cloud::ContainerState::Kind::kTerminated);
  EXPECT_TRUE(instance.init_containers[0].ready);
}

TYPED_TEST(CloudProviders, AClockThatIsHoursOffIsSetByTheClouds) {
  this->faults().clock_offset = 5h;
  EXPECT_FALSE(this->Make("a").empty());
  EXPECT_TRUE(this->Ping());
}

TYPED_TEST(CloudProviders, WhatAnUnheardDeletionTookAwayIsNotMissed) {
  const std::string id = this->Make("a");
  ASSERT_TRUE(this->Poll());
  this->faults().lost_reply = 1;
  const auto unheard = this->world_.Get(this->provider().Delete(id, 30s));
  ASSERT_FALSE(unheard);
  EXPECT_TRUE(unheard.error().is_uncertain());
  this->faults().lost_reply = 0;
  this->runtime().RunFor(2min);
  EXPECT_TRUE(this->Ping()) << "nothing is listed, for nothing is left";
  const auto again = this->world_.Get(this->provider().Delete(id, 30s));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().error.code, Code::kNotFound);
  EXPECT_TRUE(this->Ping());
}

template <class Cloud>
Task<void> CreateMany(Runtime& runtime, typename Cloud::Provider& provider, std::string line, int count, int& done) {
  for (int i = 0; i < count; ++i) {
    CreateRequest request = CloudWorld<Cloud>::Forever();
    const std::string uid = line + "-" + std::to_string(i);
    request.identity = {"cluster", "vnode", uid, "default", uid};
    request.client_token = "token-" + uid;
    for (;;) {
      auto made = co_await provider.Create(request);
      if (made) break;
      co_await runtime.SleepFor(made.error().error.retry_after + 1s);
    }
  }
  ++done;
}

TYPED_TEST(CloudProviders, ThreeAgentsOnOneAccountAreNeverThrottledWhenTheyShare) {
  constexpr int kLines = 10, kEach = 300;
  const auto credentials = cloud::rest::FixedCredentials(TypeParam::Key());
  const auto client = this->emulator().NewClient();
  std::vector<std::unique_ptr<typename TypeParam::Provider>> agents;
  TaskScope scope(this->runtime());
  int done = 0;
  for (int agent = 0; agent < 3; ++agent) {
    auto options = TypeParam::ProviderOptions();
    options.limit_share = 0.33;
    agents.push_back(std::make_unique<typename TypeParam::Provider>(this->runtime(), *client, *credentials, options));
    for (int line = 0; line < kLines; ++line) {
      std::string name = std::to_string(agent) + "-" + std::to_string(line);
      scope.Spawn(CreateMany<TypeParam>(this->runtime(), *agents.back(), std::move(name), kEach, done));
    }
  }
  ASSERT_TRUE(this->runtime().RunUntil([&] { return done == 3 * kLines; }, 1h));
  EXPECT_EQ(this->emulator().counts().created, 3u * kLines * kEach);
  EXPECT_EQ(this->emulator().counts().throttled, 0u);
}

}  // namespace
}  // namespace spillway::emulators
