#include "kube/access_review.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/sim_runtime.h"
#include "base/testing/run_until.h"
#include "kube/testing/fake_transport.h"

namespace spillway::kube {
namespace {

using testing::FakeTransport;

class MayITest : public ::testing::Test {
 protected:
  MayITest() : runtime_(1), transport_(runtime_), limiter_(runtime_, 0, 1), client_(runtime_, transport_, limiter_) {}

  Result<bool> Ask(int status, std::string body) {
    transport_.on_request = [this, status, body](const Request& request) {
      asked_ = request;
      return std::optional(FakeTransport::Reply(status, body));
    };
    auto answer = spillway::testing::Await(runtime_, MayI(client_, {"create", "", "pods", "binding", "shop"}));
    return answer ? std::move(*answer) : Result<bool>(Fail(Code::kDeadlineExceeded, "no answer"));
  }

  SimRuntime runtime_;
  FakeTransport transport_;
  RateLimiter limiter_;
  Client client_;
  Request asked_;
};

TEST_F(MayITest, AsksForExactlyThis) {
  ASSERT_TRUE(Ask(201, R"({"status":{"allowed":true}})"));
  EXPECT_EQ(asked_.method, Method::kPost);
  EXPECT_EQ(asked_.path, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews");
  const auto attributes = nlohmann::json::parse(asked_.body)["spec"]["resourceAttributes"];
  EXPECT_EQ(attributes, nlohmann::json::parse(R"({"verb":"create","group":"","resource":"pods",
                                                  "subresource":"binding","namespace":"shop"})"));
}

TEST_F(MayITest, TakesTheServersWord) {
  EXPECT_EQ(Ask(201, R"({"status":{"allowed":true}})"), true);
  EXPECT_EQ(Ask(201, R"({"status":{"allowed":false,"reason":"no rule"}})"), false);
}

TEST_F(MayITest, NoAnswerIsNoRefusal) {
  EXPECT_FALSE(Ask(503, "").has_value());
  EXPECT_FALSE(Ask(201, "{}").has_value());
  EXPECT_FALSE(Ask(201, R"({"status":{"allowed":"yes"}})").has_value());
}

}  // namespace
}  // namespace spillway::kube
