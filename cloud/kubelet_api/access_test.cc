#include "cloud/kubelet_api/access.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "base/scope.h"
#include "base/sim_runtime.h"
#include "kube/testing/fake_transport.h"

namespace spillway::cloud {
namespace {

using kube::testing::FakeTransport;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// An API server that knows one token, and what each user may do on which subresource of nodes.
class KubeletAccessTest : public ::testing::Test {
 protected:
  void SetUp() override {
    log::Quiet();
    transport_.on_request = [this](const kube::Request& request) { return Serve(request); };
  }

  std::optional<Result<kube::Response>> Serve(const kube::Request& request) {
    Json review = Json::parse(request.body);
    reviews_.push_back(review);
    if (is_down_) return FakeTransport::Reply(503, FakeTransport::StatusBody(503, "ServiceUnavailable", "starting"));
    if (request.path == "/apis/authentication.k8s.io/v1/tokenreviews") {
      const bool is_known = TextAt(review, "spec", "token") == "good";
      review["status"] = {{"authenticated", is_known}};
      if (is_known) {
        review["status"]["user"] = {{"username", "system:serviceaccount:kube-system:metrics-server"},
                                    {"uid", "u-7"},
                                    {"groups", {"system:serviceaccounts", "system:authenticated"}},
                                    {"extra", {{"pod", {"ms-1"}}}}};
      }
    } else {
      const std::string who = TextAt(review, "spec", "user") + " " +
                              TextAt(review, "spec", "resourceAttributes", "verb") + " " +
                              TextAt(review, "spec", "resourceAttributes", "subresource");
      review["status"] = {{"allowed", may_.contains(who)}};
    }
    return FakeTransport::Reply(201, review.dump());
  }

  static net::ServerRequest Request(std::string method, std::string path) {
    net::ServerRequest request;
    request.method = std::move(method);
    request.path = std::move(path);
    return request;
  }
  static net::ServerRequest WithToken(std::string path, const std::string& token) {
    net::ServerRequest request = Request("GET", std::move(path));
    request.headers.emplace_back("authorization", "Bearer " + token);
    return request;
  }
  static net::ServerRequest WithCertificate(std::string method, std::string path, std::string name) {
    net::ServerRequest request = Request(std::move(method), std::move(path));
    request.client_common_name = std::move(name);
    request.client_organizations = {"ops"};
    return request;
  }
  static Task<void> Ask(KubeletAccess& access, const net::ServerRequest& request, std::optional<Status>& answer) {
    answer = co_await access.Check(request);
  }
  // "ok", or the code and the message.
  std::string Check(const net::ServerRequest& request) {
    std::optional<Status> answer;
    TaskScope scope(runtime_);
    scope.Spawn(Ask(access_, request, answer));
    EXPECT_TRUE(runtime_.RunUntil([&] { return answer.has_value(); }, 60s));
    if (!answer) return "no answer";
    return *answer ? "ok" : std::string(base::ToString(answer->error().code)) + ": " + answer->error().message;
  }
  std::size_t Asked() { return std::exchange(reviews_, {}).size(); }

  SimRuntime runtime_{5};
  FakeTransport transport_{runtime_};
  std::set<std::string> may_;
  std::vector<Json> reviews_;
  bool is_down_ = false;
  KubeletAccessOptions options_ = [] {
    KubeletAccessOptions options;
    options.node_name = "vnode";
    return options;
  }();
  KubeletAccess access_{runtime_, transport_, options_};
};

TEST(NodeSubresources, AreKubelets) {
  EXPECT_THAT(NodeSubresources("/containerLogs/a/b/c"), ElementsAre("proxy"));
  EXPECT_THAT(NodeSubresources("/exec/a/b/c"), ElementsAre("proxy"));
  EXPECT_THAT(NodeSubresources("/stats/summary"), ElementsAre("stats"));
  EXPECT_THAT(NodeSubresources("/statsx"), ElementsAre("proxy"));
  EXPECT_THAT(NodeSubresources("/metrics/resource"), ElementsAre("metrics"));
  EXPECT_THAT(NodeSubresources("/logs/"), ElementsAre("log"));
  EXPECT_THAT(NodeSubresources("/pods"), ElementsAre("pods", "proxy"));
  EXPECT_THAT(NodeSubresources("/runningpods/"), ElementsAre("pods", "proxy"));
  EXPECT_THAT(NodeSubresources("/healthz"), ElementsAre("healthz", "proxy"));
}

TEST_F(KubeletAccessTest, ACertificateNamesTheUserWhoIsThenAuthorized) {
  EXPECT_EQ(Check(WithCertificate("POST", "/exec/ns/p/c", "eve")),
            "permission denied: Forbidden (user=eve, verb=create, resource=nodes, subresource(s)=[proxy])");
  ASSERT_EQ(reviews_.size(), 1u);
  EXPECT_EQ(reviews_[0]["spec"]["groups"], Json({"ops", "system:authenticated"}));
  EXPECT_EQ(
      reviews_[0]["spec"]["resourceAttributes"],
      Json(
          {{"verb", "create"}, {"version", "v1"}, {"resource", "nodes"}, {"subresource", "proxy"}, {"name", "vnode"}}));
  may_ = {"kube-apiserver-kubelet-client create proxy"};
  EXPECT_EQ(Check(WithCertificate("POST", "/exec/ns/p/c", "kube-apiserver-kubelet-client")), "ok");
  EXPECT_THAT(Check(WithCertificate("GET", "/exec/ns/p/c", "kube-apiserver-kubelet-client")), HasSubstr("verb=get"))
      << "another verb is another permission";
}

TEST_F(KubeletAccessTest, ATokenIsReviewed) {
  may_ = {"system:serviceaccount:kube-system:metrics-server get metrics"};
  EXPECT_EQ(Check(WithToken("/metrics/resource", "good")), "ok");
  ASSERT_EQ(reviews_.size(), 2u);
  EXPECT_EQ(reviews_[1]["spec"]["uid"], "u-7");
  EXPECT_EQ(reviews_[1]["spec"]["extra"], Json({{"pod", {"ms-1"}}}));
  EXPECT_THAT(Check(WithToken("/stats/summary", "good")), HasSubstr("permission denied"));
  EXPECT_EQ(Check(WithToken("/metrics/resource", "stolen")), "unauthenticated: Unauthorized");
}

TEST_F(KubeletAccessTest, FineGrainedPermissionsAreEnough) {
  may_ = {"eve get pods"};
  EXPECT_EQ(Check(WithCertificate("GET", "/pods", "eve")), "ok");
  may_ = {"adam get proxy"};
  EXPECT_EQ(Check(WithCertificate("GET", "/pods", "adam")), "ok");
}

TEST_F(KubeletAccessTest, AnswersAreKeptForAWhile) {
  may_ = {"system:serviceaccount:kube-system:metrics-server get metrics"};
  EXPECT_EQ(Check(WithToken("/metrics/resource", "good")), "ok");
  EXPECT_EQ(Asked(), 2u);
  EXPECT_EQ(Check(WithToken("/metrics/resource", "good")), "ok");
  EXPECT_EQ(Asked(), 0u);
  runtime_.RunFor(121s);
  EXPECT_EQ(Check(WithToken("/metrics/resource", "good")), "ok");
  EXPECT_EQ(Asked(), 1u) << "the token again, the permission not yet";
  may_.clear();
  runtime_.RunFor(180s);
  EXPECT_THAT(Check(WithToken("/metrics/resource", "good")), HasSubstr("permission denied"));
  Asked();
  may_ = {"system:serviceaccount:kube-system:metrics-server get metrics"};
  runtime_.RunFor(29s);
  EXPECT_THAT(Check(WithToken("/metrics/resource", "good")), HasSubstr("permission denied"));
  runtime_.RunFor(2s);
  EXPECT_EQ(Check(WithToken("/metrics/resource", "good")), "ok") << "a refusal is kept for half a minute";
}

TEST_F(KubeletAccessTest, WithoutCredentialsNobodyGetsInUnlessThatIsAskedFor) {
  may_ = {"system:anonymous get stats"};
  EXPECT_EQ(Check(Request("GET", "/stats/summary")), "unauthenticated: Unauthorized");
  EXPECT_THAT(reviews_, IsEmpty());
  options_.allows_anonymous = true;
  KubeletAccess open(runtime_, transport_, options_);
  std::optional<Status> answer;
  TaskScope scope(runtime_);
  const net::ServerRequest stats = Request("GET", "/stats/summary"), pods = Request("GET", "/pods");
  scope.Spawn(Ask(open, stats, answer));
  EXPECT_TRUE(runtime_.RunUntil([&] { return answer.has_value(); }, 60s));
  EXPECT_TRUE(*answer);
  EXPECT_EQ(reviews_[0]["spec"]["groups"], Json({"system:unauthenticated"}));
  answer.reset();
  scope.Spawn(Ask(open, pods, answer));
  EXPECT_TRUE(runtime_.RunUntil([&] { return answer.has_value(); }, 60s));
  EXPECT_FALSE(*answer) << "authorized like all others";
}

TEST_F(KubeletAccessTest, WhatCannotBeAskedIsNotDecidedAndNotKept) {
  may_ = {"eve get proxy"};
  is_down_ = true;
  EXPECT_THAT(Check(WithCertificate("GET", "/containerLogs/a/b/c", "eve")), HasSubstr("unavailable: "));
  is_down_ = false;
  EXPECT_EQ(Check(WithCertificate("GET", "/containerLogs/a/b/c", "eve")), "ok");
}

}  // namespace
}  // namespace spillway::cloud
