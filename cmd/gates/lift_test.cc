#include "cmd/gates/lift.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/log.h"
#include "base/sim_runtime.h"
#include "base/testing/run_until.h"
#include "kube/json.h"
#include "kube/testing/fake_transport.h"

namespace spillway::cmd {
namespace {

using kube::testing::FakeTransport;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// As much of an API server as lifting gates needs.
class GatesLiftTest : public ::testing::Test {
 protected:
  GatesLiftTest() {
    log::Quiet();
    transport_.on_request = [this](const kube::Request& request) { return Answer(request); };
  }
  void Add(const std::string& name, Duration age, std::vector<std::string> gates = {"spillway.io/local-replicas"}) {
    kube::Json list = kube::Json::array();
    for (const std::string& gate : gates) list.push_back({{"name", gate}});
    pods_[name] = {{"metadata",
                    {{"name", name},
                     {"namespace", "shop"},
                     {"resourceVersion", "7"},
                     {"creationTimestamp", base::FormatRfc3339(runtime_.WallNow() - age)}}},
                   {"spec", {{"schedulingGates", list}}}};
  }
  Status Lift() {
    const WallTime begun = runtime_.WallNow();
    auto status = spillway::testing::Await(runtime_, LiftGates(client_, 45s), 10min);
    took_ = runtime_.WallNow() - begun;
    return status ? *std::move(status) : Status(Fail(Code::kInternal, "it never ended"));
  }

  std::optional<Result<kube::Response>> Answer(const kube::Request& request) {
    if (request.method == kube::Method::kGet) {
      EXPECT_THAT(request.path, HasSubstr("fieldSelector=spec.nodeName%3D%2Cstatus.phase%3DPending"));
      kube::Json items = kube::Json::array();
      for (const auto& [_, pod] : pods_) items.push_back(pod);
      return FakeTransport::Reply(200, kube::Json{{"items", items}}.dump());
    }
    const std::string name = request.path.substr(request.path.rfind('/') + 1);
    if (refusals_ > 0 && refusals_-- > 0) {
      return FakeTransport::Reply(409, FakeTransport::StatusBody(409, "Conflict", "it has changed"));
    }
    written_[name] = kube::Json::parse(request.body);
    pods_.erase(name);
    return FakeTransport::Reply(200, "{}");
  }

  SimRuntime runtime_{5};
  FakeTransport transport_{runtime_};
  kube::RateLimiter limiter_{runtime_, 0, 1};
  kube::Client client_{runtime_, transport_, limiter_};
  std::map<std::string, kube::Json> pods_, written_;
  int refusals_ = 0;
  Duration took_{};
};

TEST_F(GatesLiftTest, WithoutGatedPodsItEndsAtOnce) {
  Add("of-others", 1h, {"example.com/quota"});
  EXPECT_TRUE(Lift());
  EXPECT_THAT(written_, IsEmpty());
  EXPECT_LT(took_, 1s);
}

TEST_F(GatesLiftTest, AnOldGateIsLiftedPlainlyAndTheGatesOfOthersStay) {
  Add("web-1", 50s);
  Add("web-2", 50s, {"example.com/quota", "spillway.io/local-replicas"});
  EXPECT_TRUE(Lift());
  EXPECT_LT(took_, 1s);
  const kube::Json version = {{"op", "replace"}, {"path", "/metadata/resourceVersion"}, {"value", "7"}};
  EXPECT_THAT(written_["web-1"], ElementsAre(version, kube::Json{{"op", "remove"}, {"path", "/spec/schedulingGates"}}));
  EXPECT_THAT(written_["web-2"],
              ElementsAre(version, kube::Json{{"op", "remove"}, {"path", "/spec/schedulingGates/1"}}));
}

TEST_F(GatesLiftTest, AYoungOneIsWaitedForAndLiftedWhenItIsOldEnough) {
  Add("web-1", 20s);
  Add("web-2", 5s);
  EXPECT_TRUE(Lift());
  EXPECT_EQ(written_.size(), 2u);
  EXPECT_GE(took_, 40s);
  EXPECT_LT(took_, 45s);
}

TEST_F(GatesLiftTest, OneThatSomebodyElseLiftsMeanwhileIsLeftAlone) {
  Add("web-1", 20s);
  runtime_.PostAt(runtime_.Now() + 10s, [this] { pods_.clear(); });
  EXPECT_TRUE(Lift());
  EXPECT_THAT(written_, IsEmpty());
  EXPECT_LT(took_, 30s);
}

TEST_F(GatesLiftTest, OneThatHasChangedIsReadAgain) {
  Add("web-1", 50s);
  refusals_ = 2;
  EXPECT_TRUE(Lift());
  EXPECT_EQ(written_.size(), 1u);
}

TEST_F(GatesLiftTest, WhatCannotBeLiftedIsTold) {
  Add("web-1", 50s);
  refusals_ = 1000;
  const Status status = Lift();
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message, HasSubstr("shop/web-1"));
  EXPECT_LT(took_, 90s);
}

TEST_F(GatesLiftTest, ThousandsAreLifted) {
  for (int i = 0; i < 3000; ++i) Add("web-" + std::to_string(i), 50s);
  transport_.latency = 10ms;
  EXPECT_TRUE(Lift());
  EXPECT_EQ(written_.size(), 3000u);
}

}  // namespace
}  // namespace spillway::cmd
