#include "kube/evict.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/sim_runtime.h"
#include "base/testing/run_until.h"
#include "kube/testing/fake_transport.h"

namespace spillway::kube {
namespace {

using testing::FakeTransport;

class EvictTest : public ::testing::Test {
 protected:
  Status Run(EvictRequest request) {
    auto result = spillway::testing::Await(runtime_, Evict(client_, std::move(request)));
    return result ? std::move(*result) : Status(Fail(Code::kInternal, "did not return"));
  }
  SimRuntime runtime_{1};
  FakeTransport transport_{runtime_};
  RateLimiter limiter_{runtime_, 50, 100};
  Client client_{runtime_, transport_, limiter_};
};

TEST_F(EvictTest, SendsBothPreconditions) {
  transport_.on_request = [](const Request&) { return FakeTransport::Reply(201, R"({"kind":"Status"})"); };
  EXPECT_TRUE(Run({"shop", "web-1", "u1", "77"}));
  const Request& sent = transport_.requests().at(0);
  EXPECT_EQ(sent.path, "/api/v1/namespaces/shop/pods/web-1/eviction");
  EXPECT_EQ(nlohmann::json::parse(sent.body), nlohmann::json::parse(R"({"apiVersion":"policy/v1","kind":"Eviction",
    "metadata":{"name":"web-1","namespace":"shop"},
    "deleteOptions":{"preconditions":{"uid":"u1","resourceVersion":"77"}}})"));
}

TEST_F(EvictTest, WithoutThemNothingIsSent) {
  EXPECT_EQ(Run({"shop", "web-1", "u1", ""}).error().code, Code::kInvalidArgument);
  EXPECT_EQ(Run({"shop", "web-1", "", "77"}).error().code, Code::kInvalidArgument);
  EXPECT_TRUE(transport_.requests().empty());
}

TEST_F(EvictTest, ABudgetIsAThrottleWithACause) {
  transport_.on_request = [](const Request&) {
    return FakeTransport::Reply(429, R"({"kind":"Status","status":"Failure","code":429,"reason":"TooManyRequests",
      "message":"Cannot evict pod","details":{"causes":[{"reason":"DisruptionBudget","message":"x"}]}})");
  };
  const Status status = Run({"shop", "web-1", "u1", "77"});
  EXPECT_EQ(status.error().code, Code::kThrottled);
  EXPECT_TRUE(status.error().HasCause("DisruptionBudget"));
}

}  // namespace
}  // namespace spillway::kube
