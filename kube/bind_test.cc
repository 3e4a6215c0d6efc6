#include "kube/bind.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/scope.h"
#include "base/sim_runtime.h"
#include "kube/paths.h"
#include "kube/testing/fake_transport.h"

namespace spillway::kube {
namespace {

using testing::FakeTransport;

Task<void> Keep(Task<Status> task, std::optional<Status>& into) { into.emplace(co_await std::move(task)); }

struct Fixture {
  SimRuntime runtime{1};
  FakeTransport transport{runtime};
  RateLimiter limiter{runtime, 50, 100};
  Client client{runtime, transport, limiter};
  TaskScope scope{runtime};

  Status Run(BindRequest request) {
    std::optional<Status> result;
    scope.Spawn(Keep(Bind(client, std::move(request)), result));
    runtime.RunFor(10s);
    return result.value_or(Fail(Code::kInternal, "did not return"));
  }
};

BindRequest Web() { return {"shop", "web-1", "u1", "77", "vnode-1", {{"spillway.io/decision", "7f3a2c"}}}; }

TEST(Bind, SendsPreconditionsAndAnnotationsWithTheTarget) {
  Fixture fixture;
  fixture.transport.on_request = [](const Request&) { return FakeTransport::Reply(201, R"({"kind":"Status"})"); };
  EXPECT_TRUE(fixture.Run(Web()));
  const Request& sent = fixture.transport.requests().at(0);
  EXPECT_EQ(sent.path, "/api/v1/namespaces/shop/pods/web-1/binding");
  EXPECT_EQ(nlohmann::json::parse(sent.body), nlohmann::json::parse(R"({"apiVersion":"v1","kind":"Binding",
    "metadata":{"name":"web-1","namespace":"shop","uid":"u1","resourceVersion":"77","annotations":{"spillway.io/decision":"7f3a2c"}},
    "target":{"apiVersion":"v1","kind":"Node","name":"vnode-1"}})"));
}

TEST(Bind, RefusesToBindWithoutPreconditions) {
  Fixture fixture;
  BindRequest blind = Web();
  blind.resource_version.clear();
  EXPECT_EQ(fixture.Run(blind).error().code, Code::kInvalidArgument);
  EXPECT_TRUE(fixture.transport.requests().empty());
}

TEST(Bind, TellsConflictFromMissingRight) {
  Fixture fixture;
  fixture.transport.on_request = [](const Request&) {
    return FakeTransport::Reply(409, FakeTransport::StatusBody(409, "Conflict", "the object has been modified"));
  };
  EXPECT_EQ(fixture.Run(Web()).error().code, Code::kConflict);
  fixture.transport.on_request = [](const Request&) {
    return FakeTransport::Reply(403, FakeTransport::StatusBody(403, "Forbidden", "denied by policy no-overflow"));
  };
  const Error refused = fixture.Run(Web()).error();
  EXPECT_EQ(refused.code, Code::kPermissionDenied);
  EXPECT_EQ(refused.reason, "Forbidden");
  EXPECT_EQ(refused.message, "denied by policy no-overflow");
}

TEST(Paths, EncodeNames) {
  EXPECT_EQ(PodPath("a", "b", "status"), "/api/v1/namespaces/a/pods/b/status");
  EXPECT_EQ(NodePath("n/../x"), "/api/v1/nodes/n%2F..%2Fx");
  EXPECT_EQ(LeasePath("ns"), "/apis/coordination.k8s.io/v1/namespaces/ns/leases");
  EXPECT_EQ(EventPath("ns", "e.1"), "/apis/events.k8s.io/v1/namespaces/ns/events/e.1");
}

}  // namespace
}  // namespace spillway::kube
