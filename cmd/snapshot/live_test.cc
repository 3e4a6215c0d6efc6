#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/sim_runtime.h"
#include "base/testing/run_until.h"
#include "cmd/explain/live.h"
#include "cmd/simulate/simulation.h"
#include "cmd/snapshot/live_snapshot.h"
#include "kube/testing/fake_transport.h"

namespace spillway::cmd {
namespace {

using kube::testing::FakeTransport;
using spillway::testing::Await;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class LiveTest : public ::testing::Test {
 protected:
  Result<std::string> Ask(bool all_nodes = false) {
    LiveQuestion question{
        .service = {"ops", "spillway", "metrics"}, .ns = "shop", .pod = "web-7", .all_nodes = all_nodes};
    auto answer = Await(runtime_, AskController(runtime_, transport_, std::move(question)), std::chrono::minutes(1));
    return answer ? std::move(*answer) : Result<std::string>(Fail(Code::kInternal, "it never ended"));
  }
  // The error's message when the proxy answers so.
  std::string Told(int status, std::string body) {
    transport_.on_request = [=](const kube::Request&) { return FakeTransport::Reply(status, body); };
    const auto answer = Ask();
    return answer ? "no error" : answer.error().message;
  }
  std::vector<std::string> Paths() const {
    std::vector<std::string> paths;
    for (const kube::Request& request : transport_.requests()) paths.push_back(request.path);
    return paths;
  }

  SimRuntime runtime_{3};
  FakeTransport transport_{runtime_};
};

TEST_F(LiveTest, AsksTheControllerThroughTheServiceProxy) {
  transport_.on_request = [](const kube::Request&) { return FakeTransport::Reply(200, R"({"verdict":"Fits"})"); };
  ASSERT_TRUE(Ask());
  ASSERT_TRUE(Ask(true));
  EXPECT_THAT(Paths(), ElementsAre("/api/v1/namespaces/ops/services/http:spillway:metrics/proxy/explain/v1/namespaces/"
                                   "shop/pods/web-7",
                                   "/api/v1/namespaces/ops/services/http:spillway:metrics/proxy/explain/v1/namespaces/"
                                   "shop/pods/web-7?nodes=all"));
  for (const kube::Request& request : transport_.requests()) EXPECT_EQ(request.method, kube::Method::kGet);
}

TEST_F(LiveTest, WhateverIsWrongIsOneLineThatSaysWhatToDo) {
  const auto status = [](int code, const char* reason, const char* message) {
    return FakeTransport::StatusBody(code, reason, message);
  };
  EXPECT_THAT(Told(403, status(403, "Forbidden", "services is forbidden: User x cannot get resource services/proxy")),
              AllOf(HasSubstr("this needs get on services/proxy in namespace ops"), HasSubstr("User x cannot")));
  EXPECT_THAT(Told(404, status(404, "NotFound", "services not found")),
              AllOf(HasSubstr("there is no Service ops/spillway"), HasSubstr("--service")));
  EXPECT_THAT(Told(503, status(503, "ServiceUnavailable", "no endpoints available for service")),
              HasSubstr("the controller does not answer at Service ops/spillway, port metrics: no endpoints"));
  EXPECT_EQ(Told(404, R"({"error":{"code":"NotFound","message":"there is no Pod shop/web-7"}})"),
            "there is no Pod shop/web-7");
  EXPECT_EQ(Told(503, R"({"error":{"code":"Unavailable","message":"not in step with the API server: nodes"}})"),
            "the controller cannot answer: not in step with the API server: nodes");
  EXPECT_THAT(Told(404, "not found; there is /metrics\n"), HasSubstr("does not explain"));
  EXPECT_THAT(Told(200, "<html>"), HasSubstr("is no Spillway controller"));
  EXPECT_THAT(Told(502, "\x1b[31mred\n<html>"), Not(HasSubstr("\x1b")));
}

TEST_F(LiveTest, WaitsWhereItIsToldToAndNotForEver) {
  int left = 2;
  transport_.on_request = [&](const kube::Request&) {
    if (left-- > 0) return FakeTransport::Reply(429, "{}", std::chrono::seconds(1));
    return FakeTransport::Reply(200, "{}");
  };
  const Instant began = runtime_.Now();
  ASSERT_TRUE(Ask());
  EXPECT_EQ(runtime_.Now() - began, std::chrono::seconds(2));
  left = 1000;
  EXPECT_FALSE(Ask());
}

TEST_F(LiveTest, PrefersTheLeadersAnswer) {
  int asked = 0;
  transport_.on_request = [&](const kube::Request&) {
    return FakeTransport::Reply(200,
                                ++asked < 3 ? R"({"spillway":{"leads":false}})" : R"({"spillway":{"leads":true}})");
  };
  EXPECT_EQ(*Ask(), R"({"spillway":{"leads":true}})");
  transport_.on_request = [](const kube::Request&) {
    return FakeTransport::Reply(200, R"({"spillway":{"leads":false}})");
  };
  EXPECT_EQ(*Ask(), R"({"spillway":{"leads":false}})") << "a standby's is better than none";
}

TEST(ServiceName, IsReadOrRefused) {
  const auto name = ParseServiceName("spillway-system/spillway:metrics");
  ASSERT_TRUE(name);
  EXPECT_EQ(name->ns + " " + name->name + " " + name->port, "spillway-system spillway metrics");
  for (const char* text : {"", "spillway", "a/b", "a:b", "a/b:", "/b:c", "a/:c", "a/b/c:d", "a:b/c"}) {
    EXPECT_FALSE(ParseServiceName(text)) << text;
  }
}

// An API server with one page of nodes and two of Pods.
class LiveSnapshotTest : public LiveTest {
 protected:
  LiveSnapshotTest() {
    transport_.on_request = [this](const kube::Request& request) { return Page(request.path); };
  }
  std::optional<Result<kube::Response>> Page(const std::string& path) {
    const auto list = [](const std::string& items, const std::string& token = "") {
      return FakeTransport::Reply(200, R"({"kind":"List","metadata":{"resourceVersion":"5","continue":")" + token +
                                           R"("},"items":[)" + items + "]}");
    };
    if (path.starts_with("/api/v1/nodes")) {
      return list(
          R"({"metadata":{"name":"a","uid":"n"},"status":{"allocatable":{"cpu":"4","memory":"1Gi","pods":"9"}}})");
    }
    if (path.starts_with("/apis/storage.k8s.io") || path.starts_with("/api/v1/persistentvolume")) return list("");
    if (path.starts_with("/apis/resource.k8s.io")) {
      return FakeTransport::Reply(404, FakeTransport::StatusBody(404, "NotFound", "no such group"));
    }
    if (path.starts_with("/api/v1/services")) {
      return list(R"({"metadata":{"namespace":"shop","name":"s","uid":"s"},"spec":{"selector":{}}})");
    }
    if (path.find("sets?") != std::string::npos || path.find("controllers?") != std::string::npos) return list("");
    if (path.starts_with("/api/v1/namespaces")) return list(R"({"metadata":{"name":"shop","uid":"ns"}})");
    const auto pod = [](const std::string& name, const std::string& spec) {
      return R"({"metadata":{"namespace":"shop","uid":")" + name + R"(","name":")" + name + R"("},"spec":{)" + spec +
             R"("containers":[{"name":"c","resources":{"requests":{"cpu":"3"}}}]}})";
    };
    if (path.find("continue=") == std::string::npos) return list(pod("o", R"("nodeName":"a",)"), "more please");
    return refused_ ? refused_ : list(pod("web", ""));
  }
  Status Read(Snapshot& snapshot) {
    kube::RateLimiter limiter(runtime_, 0, 1);
    kube::Client client(runtime_, transport_, limiter);
    auto read = Await(runtime_, ReadCluster(client, snapshot));
    return read ? std::move(*read) : Status(Fail(Code::kInternal, "it never ended"));
  }

  std::optional<Result<kube::Response>> refused_;
};

TEST_F(LiveSnapshotTest, ReadsPageByPage) {
  Snapshot snapshot((SnapshotOptions()));
  const Status read = Read(snapshot);
  ASSERT_TRUE(read) << read.error().message;
  const auto pods = snapshot.PendingPods();
  const auto outcomes = JudgeEach(snapshot, pods);
  ASSERT_EQ(outcomes.size(), 1u);
  EXPECT_EQ(outcomes[0].message, "0/1 nodes are available: 1 Insufficient cpu.");
  EXPECT_THAT(Paths(), Contains(AllOf(HasSubstr("/api/v1/pods?limit=500"), HasSubstr("&continue=more%20please"),
                                      HasSubstr("fieldSelector="))));
  EXPECT_THAT(Paths().back(), HasSubstr("deviceclasses"));
}

TEST_F(LiveSnapshotTest, ReadsWhatSelectsPodsWhereThereAreDefaultConstraints) {
  SnapshotOptions options;
  kube::TopologySpreadConstraint constraint;
  constraint.topology_key = "zone";
  options.cluster.scheduler.profiles[0].default_constraints = {constraint};
  Snapshot snapshot(std::move(options));
  const Status read = Read(snapshot);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_THAT(Paths(), Contains(HasSubstr("/apis/apps/v1/replicasets?")));
  const auto pods = snapshot.PendingPods();
  EXPECT_EQ(JudgeEach(snapshot, pods)[0].verdict.kind, sim::Verdict::Kind::kNowhere);
}

TEST_F(LiveSnapshotTest, SaysWhichPermissionIsMissing) {
  refused_ = FakeTransport::Reply(403, FakeTransport::StatusBody(403, "Forbidden", "pods is forbidden: User x cannot"));
  Snapshot snapshot((SnapshotOptions()));
  EXPECT_THAT(Read(snapshot).error().message, HasSubstr("the API server refused to list pods: "));
  refused_ = FakeTransport::Reply(410, FakeTransport::StatusBody(410, "Expired", "too old"));
  EXPECT_THAT(Read(snapshot).error().message, HasSubstr("listing pods took longer"));
  refused_ = FakeTransport::Reply(200, R"({"kind":"PodList","metadata":{},"items":[{"metadata":{}}]})");
  EXPECT_THAT(Read(snapshot).error().message, HasSubstr("listing pods: one is a Pod without metadata.name"));
}

}  // namespace
}  // namespace spillway::cmd
