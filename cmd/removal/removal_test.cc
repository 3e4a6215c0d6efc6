#include "cmd/removal/removal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "base/sim_runtime.h"
#include "base/testing/run_until.h"
#include "kube/json.h"
#include "kube/testing/fake_transport.h"

namespace spillway::cmd {
namespace {

using kube::testing::FakeTransport;
using spillway::testing::Await;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::string_view kSecrets = "/api/v1/namespaces/ops/secrets/";
constexpr std::string_view kLeases = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/";

// As much of an API server as taking nodes away needs; agents publish what `instances` says every 10 s.
class RemovalTest : public ::testing::Test {
 protected:
  RemovalTest() {
    log::Quiet();
    transport_.on_request = [this](const kube::Request& request) { return Answer(request); };
  }

  void AddNode(const std::string& name) {
    nodes_[name] = {{"metadata", {{"name", name}, {"uid", "uid-" + name}}}, {"spec", kube::Json::object()}};
    Publish(name);
  }
  void AddPod(const std::string& name, const std::string& node, const std::string& owner = "ReplicaSet") {
    pods_[name] = {
        {"metadata",
         {{"name", name}, {"namespace", "shop"}, {"ownerReferences", kube::Json::array({{{"kind", owner}}})}}},
        {"spec", {{"nodeName", node}}}};
  }
  void SetLease(const std::string& node, const std::string& holder) {
    leases_[node] = {{"spec", {{"leaseDurationSeconds", 40}, {"renewTime", "2026-01-01T00:00:00.000000Z"}}}};
    if (!holder.empty()) leases_[node]["spec"]["holderIdentity"] = holder;
  }
  // The agent of `node` tells, now and every ten seconds.
  void Publish(const std::string& node) {
    const kube::Json told = {{"count", instances_[node]}, {"observedAt", base::FormatRfc3339(runtime_.WallNow())}};
    if (nodes_.contains(node)) nodes_[node]["metadata"]["annotations"]["spillway.io/instances"] = told.dump();
    if (is_alive_) runtime_.PostAt(runtime_.Now() + 10s, [this, node] { Publish(node); });
  }

  Status Retire(std::set<std::string> keep = {}) {
    Removal removal{"spillway.io/release=spillway", std::move(keep), std::chrono::minutes(2)};
    return Ended(Await(runtime_, RetireVirtualNodes(client_, std::move(removal)), std::chrono::minutes(10)));
  }
  Status Forget(std::set<std::string> keep = {}) {
    Removal removal{"spillway.io/release=spillway", std::move(keep), std::chrono::minutes(2)};
    return Ended(Await(runtime_, ForgetVirtualNodes(client_, std::move(removal), {}), std::chrono::minutes(10)));
  }
  static Status Ended(std::optional<Status> status) {
    return status ? *std::move(status) : Status(Fail(Code::kInternal, "it never ended"));
  }
  bool IsCordoned(const std::string& node) { return nodes_[node]["spec"].contains("unschedulable"); }

  SimRuntime runtime_{5};
  FakeTransport transport_{runtime_};
  kube::RateLimiter limiter_{runtime_, 0, 1};
  kube::Client client_{runtime_, transport_, limiter_};
  std::map<std::string, kube::Json> nodes_, pods_, leases_, secrets_;
  std::map<std::string, int> instances_;
  bool is_alive_ = true;
  std::vector<std::string> deleted_;

  // The last part of a path, or nothing.
  static std::string NameIn(const std::string& path, std::string_view prefix) {
    return path.starts_with(prefix) ? path.substr(prefix.size()) : "";
  }
  static std::optional<Result<kube::Response>> NotThere() {
    return FakeTransport::Reply(404, FakeTransport::StatusBody(404, "NotFound", "not found"));
  }
  static std::optional<Result<kube::Response>> One(const std::map<std::string, kube::Json>& objects,
                                                   const std::string& name) {
    const auto found = objects.find(name);
    return found == objects.end() ? NotThere() : FakeTransport::Reply(200, found->second.dump());
  }
  std::optional<Result<kube::Response>> List(const std::map<std::string, kube::Json>& objects,
                                             const std::string& node) const {
    kube::Json items = kube::Json::array();
    for (const auto& [_, object] : objects) {
      if (node.empty() || kube::TextAt(object, "spec", "nodeName") == node) items.push_back(object);
    }
    return FakeTransport::Reply(200, kube::Json{{"items", items}}.dump());
  }
  std::optional<Result<kube::Response>> Delete(std::map<std::string, kube::Json>& objects, const std::string& name) {
    if (objects.erase(name) == 0) return NotThere();
    deleted_.push_back((&objects == &nodes_ ? "node " : &objects == &secrets_ ? "secret " : "lease ") + name);
    return FakeTransport::Reply(200, "{}");
  }

  std::optional<Result<kube::Response>> Answer(const kube::Request& request) {
    if (request.path.starts_with("/api/v1/nodes?labelSelector=spillway.io%2Frelease%3Dspillway"))
      return List(nodes_, "");
    if (const auto query = NameIn(request.path, "/api/v1/pods?fieldSelector=spec.nodeName%3D"); !query.empty()) {
      return List(pods_, query);
    }
    if (const auto lease = NameIn(request.path, kLeases); !lease.empty()) {
      return request.method == kube::Method::kDelete ? Delete(leases_, lease) : One(leases_, lease);
    }
    if (const auto secret = NameIn(request.path, kSecrets); !secret.empty()) return Delete(secrets_, secret);
    const std::string node = NameIn(request.path, "/api/v1/nodes/");
    if (node.empty() || !nodes_.contains(node)) return NotThere();
    if (request.method == kube::Method::kDelete) return Delete(nodes_, node);
    nodes_[node].merge_patch(kube::Json::parse(request.body));
    return FakeTransport::Reply(200, nodes_[node].dump());
  }
};

TEST_F(RemovalTest, WhatIsEmptyIsCordonedAndMayGo) {
  AddNode("v-0");
  AddNode("v-1");
  ASSERT_TRUE(Retire());
  EXPECT_TRUE(IsCordoned("v-0"));
  EXPECT_TRUE(IsCordoned("v-1"));
}

TEST_F(RemovalTest, AnObservationFromBeforeTheCordonProvesNothing) {
  is_alive_ = false;  // it has told something once, and never again
  AddNode("v-0");
  const Status done = Retire();
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message, HasSubstr("v-0 still has an agent that has said nothing of the cloud since"));
  EXPECT_FALSE(IsCordoned("v-0"));
}

TEST_F(RemovalTest, WhatStaysIsNamedAndUncordonedAgain) {
  AddNode("v-0");
  AddNode("v-1");
  AddPod("web-7", "v-0");
  instances_["v-1"] = 2;
  const Status done = Retire();
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message,
              AllOf(HasSubstr("v-0 still has 1 Pod (shop/web-7)"), HasSubstr("v-1 still has 2 instances in the cloud"),
                    HasSubstr("kubectl drain v-0")));
  EXPECT_FALSE(IsCordoned("v-0"));
  EXPECT_FALSE(IsCordoned("v-1"));
}

TEST_F(RemovalTest, ACordonOfSomebodyElseStays) {
  AddNode("v-0");
  nodes_["v-0"]["spec"]["unschedulable"] = true;
  AddPod("web-7", "v-0");
  ASSERT_FALSE(Retire());
  EXPECT_TRUE(IsCordoned("v-0"));
}

TEST_F(RemovalTest, WaitsForWhatIsGoing) {
  AddNode("v-0");
  AddPod("web-7", "v-0");
  instances_["v-0"] = 1;
  runtime_.PostAt(runtime_.Now() + 30s, [this] { pods_.clear(); });
  runtime_.PostAt(runtime_.Now() + 60s, [this] { instances_["v-0"] = 0; });
  const Instant before = runtime_.Now();
  ASSERT_TRUE(Retire());
  EXPECT_GE(runtime_.Now() - before, 60s);
}

TEST_F(RemovalTest, PodsOfDaemonSetsHoldNothingUp) {
  AddNode("v-0");
  AddPod("kube-proxy-x", "v-0", "DaemonSet");
  EXPECT_TRUE(Retire());
}

TEST_F(RemovalTest, WhatIsKeptIsNotTouched) {
  AddNode("v-0");
  AddNode("v-1");
  AddPod("web-7", "v-0");
  ASSERT_TRUE(Retire({"v-0"}));
  EXPECT_FALSE(IsCordoned("v-0"));
  EXPECT_TRUE(IsCordoned("v-1"));
}

TEST_F(RemovalTest, NodesWhoseLeaseWasReleasedAreForgottenAtOnce) {
  AddNode("v-0");
  AddNode("v-1");
  SetLease("v-0", "");
  SetLease("v-1", "");
  const Instant before = runtime_.Now();
  ASSERT_TRUE(Forget({"v-1"}));
  EXPECT_EQ(runtime_.Now(), before);
  EXPECT_THAT(deleted_, ElementsAre("node v-0", "lease v-0"));
}

TEST_F(RemovalTest, ASecretIsDeletedAndMayBeGoneAlready) {
  secrets_["ca"] = secrets_["other"] = kube::Json::object();
  for (int time = 0; time < 2; ++time) {
    ASSERT_TRUE(Ended(Await(runtime_, DeleteSecrets(client_, {"ops/ca"}), std::chrono::minutes(1))));
    EXPECT_THAT(deleted_, ElementsAre("secret ca"));
  }
}

TEST_F(RemovalTest, ADeadAgentsLeaseRunsOutFirst) {
  AddNode("v-0");
  SetLease("v-0", "v-0_dead");
  const Instant before = runtime_.Now();
  ASSERT_TRUE(Forget());
  EXPECT_GE(runtime_.Now() - before, 40s);
  EXPECT_THAT(deleted_, ElementsAre("node v-0", "lease v-0"));
}

TEST_F(RemovalTest, ANodeWhoseAgentLivesIsNotDeleted) {
  AddNode("v-0");
  SetLease("v-0", "v-0_alive");
  std::function<void()> renew = [&] {
    leases_["v-0"]["spec"]["renewTime"] = base::FormatRfc3339Micro(runtime_.WallNow());
    runtime_.PostAt(runtime_.Now() + 10s, renew);
  };
  renew();
  const Status done = Forget();
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message, HasSubstr("v-0, by v-0_alive"));
  EXPECT_THAT(deleted_, IsEmpty());
}

TEST_F(RemovalTest, ARefusalEndsItAndUndoesTheCordons) {
  AddNode("v-0");
  transport_.on_request = [this](const kube::Request& request) -> std::optional<Result<kube::Response>> {
    if (request.path.starts_with("/api/v1/pods")) {
      return FakeTransport::Reply(403, FakeTransport::StatusBody(403, "Forbidden", "cannot list pods"));
    }
    return Answer(request);
  };
  const Status done = Retire();
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message, HasSubstr("cannot list pods"));
  EXPECT_FALSE(IsCordoned("v-0"));
}

}  // namespace
}  // namespace spillway::cmd
