#include "cmd/doctor/gather.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/sim_runtime.h"
#include "base/testing/run_until.h"
#include "kube/testing/fake_transport.h"

namespace spillway::cmd::doctor {
namespace {

using kube::Json;
using kube::testing::FakeTransport;
using spillway::testing::Await;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

// Answers by path, an empty list where nothing was said.
class GatherTest : public ::testing::Test {
 protected:
  GatherTest() : runtime_(1), transport_(runtime_), limiter_(runtime_, 0, 1), client_(runtime_, transport_, limiter_) {
    answers_["/version"] = R"({"major":"1","minor":"36"})";
    transport_.on_request = [this](const kube::Request& request) -> std::optional<Result<kube::Response>> {
      const std::string path = request.path.substr(0, request.path.find('?'));
      if (down_) return Fail(Code::kUnavailable, "connection refused");
      if (request.method == kube::Method::kPost) return Review(request);
      kube::Response response;
      response.status = missing_.contains(path) ? 404 : 200;
      response.date = "Mon, 30 Nov 2026 08:00:00 GMT";
      const auto found = answers_.find(path);
      response.body = found == answers_.end() ? R"({"items":[]})" : found->second;
      return response;
    };
  }

  Result<kube::Response> Review(const kube::Request& request) {
    kube::Response response;
    response.status = 201;
    if (request.path.ends_with("/selfsubjectreviews")) {
      response.body = R"({"status":{"userInfo":{"username":")" + self_ + R"("}}})";
      return response;
    }
    reviews_.push_back(request.path);
    const bool refuses = may_not_review_ && request.path.ends_with("/subjectaccessreviews");
    response.status = refuses ? 403 : 201;
    response.body = R"({"status":{"allowed":true}})";
    return response;
  }

  Result<Facts> Gathered() {
    GatherOptions options;
    options.dial = [](std::string) -> Task<Status> { co_return Status(); };
    auto facts = Await(runtime_, Gather(client_, std::move(options)), std::chrono::minutes(1));
    return facts ? std::move(*facts) : Result<Facts>(Fail(Code::kInternal, "it never ended"));
  }

  SimRuntime runtime_;
  FakeTransport transport_;
  kube::RateLimiter limiter_;
  kube::Client client_;
  std::map<std::string, std::string> answers_;
  std::set<std::string> missing_;
  std::vector<std::string> reviews_;
  std::string self_ = "admin";
  bool down_ = false, may_not_review_ = false;
};

TEST_F(GatherTest, AnApiServerThatDoesNotAnswerIsAnError) {
  down_ = true;
  const auto facts = Gathered();
  ASSERT_FALSE(facts);
  EXPECT_THAT(facts.error().message, HasSubstr("connection refused"));
}

TEST_F(GatherTest, ALateLeaseIsLookedAtTwice) {
  answers_["/apis/coordination.k8s.io/v1/namespaces/spillway-system/leases/spillway-controller"] =
      R"({"spec":{"holderIdentity":"a","leaseDurationSeconds":15,"renewTime":"2026-11-30T07:00:00Z"}})";
  const Instant before = runtime_.Now();
  const auto facts = Gathered();
  ASSERT_TRUE(facts) << facts.error().message;
  EXPECT_TRUE(facts->leader->later);
  EXPECT_GE(runtime_.Now() - before, 12s);
  EXPECT_EQ(base::FormatRfc3339(facts->clocks->server), "2026-11-30T08:00:00Z");
}

TEST_F(GatherTest, ALeaseInTimeIsNotWaitedFor) {
  answers_["/apis/coordination.k8s.io/v1/namespaces/spillway-system/leases/spillway-controller"] =
      R"({"spec":{"holderIdentity":"a","leaseDurationSeconds":15,"renewTime":"2026-11-30T07:59:50Z"}})";
  const auto facts = Gathered();
  ASSERT_TRUE(facts) << facts.error().message;
  EXPECT_FALSE(facts->leader->later);
}

TEST_F(GatherTest, OthersAreAskedAboutAndOneselfToo) {
  ASSERT_TRUE(Gathered());
  EXPECT_THAT(reviews_, Not(Contains(HasSubstr("selfsubject"))));
  const std::size_t all = reviews_.size();
  EXPECT_GT(all, 50U);
  reviews_.clear();
  self_ = "system:serviceaccount:spillway-system:spillway-controller";
  ASSERT_TRUE(Gathered());
  EXPECT_THAT(reviews_, Contains(HasSubstr("selfsubjectaccessreviews")));
  EXPECT_EQ(reviews_.size(), all);
}

TEST_F(GatherTest, WhoMayNotAskDoesNotAskAHundredTimes) {
  may_not_review_ = true;
  const auto facts = Gathered();
  ASSERT_TRUE(facts);
  EXPECT_EQ(reviews_.size(), 2U);  // the controller's first, the agents' first
  EXPECT_FALSE(facts->reviewed[0].answers[0].second);
}

TEST_F(GatherTest, CloudsAreDialledWhereTheirAgentsGo) {
  answers_["/apis/apps/v1/statefulsets"] = R"({"items":[{"metadata":{"name":"pool","namespace":"ops","labels":
    {"app.kubernetes.io/name":"spillway"}},"spec":{"template":{"spec":{"serviceAccountName":"a","containers":[
    {"args":["agent","--provider=alibabacloud","--eci-endpoint=https://eci.example"]}]}}}}]})";
  missing_.insert("/apis/crd.projectcalico.org/v1/ippools");
  const auto facts = Gathered();
  ASSERT_TRUE(facts) << facts.error().message;
  ASSERT_EQ(facts->clouds.size(), 1U);
  EXPECT_EQ(facts->clouds[0].url, "https://eci.example");
  ASSERT_FALSE(facts->calico_pools);
  EXPECT_EQ(facts->calico_pools.error().code, Code::kNotFound);
}

}  // namespace
}  // namespace spillway::cmd::doctor
