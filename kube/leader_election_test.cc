#include "kube/leader_election.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/log.h"
#include "base/scope.h"
#include "base/sim_runtime.h"
#include "base/testing/captured_log.h"
#include "kube/testing/fake_transport.h"

namespace spillway::kube {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::FakeTransport;
using ::testing::HasSubstr;

// One Lease as the API server keeps it, with resourceVersions.
struct LeaseServer {
  std::optional<json> lease;
  int version = 0;

  std::optional<Result<Response>> Handle(const Request& request) {
    if (request.method == Method::kGet) {
      if (!lease) return FakeTransport::Reply(404, FakeTransport::StatusBody(404, "NotFound", "no lease"));
      return FakeTransport::Reply(200, lease->dump());
    }
    json written = json::parse(request.body);
    if (request.method == Method::kPost && lease) return Conflict("AlreadyExists");
    if (request.method == Method::kPut) {
      if (!lease || written["metadata"]["resourceVersion"] != (*lease)["metadata"]["resourceVersion"])
        return Conflict("Conflict");
    }
    written["metadata"]["resourceVersion"] = std::to_string(++version);
    lease = written;
    return FakeTransport::Reply(200, written.dump());
  }
  static std::optional<Result<Response>> Conflict(const std::string& reason) {
    return FakeTransport::Reply(409, FakeTransport::StatusBody(409, reason, "conflict"));
  }
  std::string holder() const { return lease ? (*lease)["spec"]["holderIdentity"].get<std::string>() : "nobody"; }
};

struct Contender {
  Contender(Runtime& r, const std::string& identity)
      : runtime(r), transport(r), limiter(r, 100, 100), client(r, transport, limiter) {
    LeaderElectionOptions options;
    options.ns = "ops";
    options.name = "spillway";
    options.identity = identity;
    elector = std::make_unique<LeaderElector>(r, client, options);
  }
  void Start() {
    elector->Start([this] { ++started; },
                   [this](std::string w) {
                     ++lost;
                     why = std::move(w);
                   });
  }
  bool leads() const { return elector && elector->is_leader(); }

  Runtime& runtime;
  FakeTransport transport;
  RateLimiter limiter;
  Client client;
  std::unique_ptr<LeaderElector> elector;
  int started = 0, lost = 0;
  std::string why;
};

class LeaderElectionTest : public ::testing::Test {
 protected:
  void SetUp() override { log::Quiet(); }
  void Serve(Contender& who) {
    who.transport.on_request = [this](const Request& request) { return server_.Handle(request); };
  }
  static void CutOff(Contender& who) {
    who.transport.on_request = [](const Request&) {
      return FakeTransport::Broken(Code::kUnavailable, "connection refused");
    };
  }
  SimRuntime runtime_{5};
  LeaseServer server_;
};

TEST_F(LeaderElectionTest, TakesAFreeLeaseAndKeepsRenewingIt) {
  Contender a(runtime_, "a");
  Serve(a);
  a.Start();
  runtime_.RunFor(1s);
  EXPECT_TRUE(a.leads());
  EXPECT_EQ(a.started, 1);
  EXPECT_EQ(server_.holder(), "a");
  EXPECT_EQ((*server_.lease)["spec"]["leaseDurationSeconds"], 15);
  EXPECT_EQ((*server_.lease)["spec"]["leaseTransitions"], 0);
  runtime_.RunFor(10min);
  EXPECT_TRUE(a.leads());
  EXPECT_EQ(a.lost, 0);
  EXPECT_NEAR(server_.version, 300, 5);  // every two seconds
  EXPECT_EQ((*server_.lease)["spec"]["leaseTransitions"], 0);
}

TEST_F(LeaderElectionTest, AFollowerWaitsAndTakesOverAfterTheLeaseExpired) {
  Contender a(runtime_, "a"), b(runtime_, "b");
  Serve(a);
  Serve(b);
  a.Start();
  runtime_.RunFor(1s);
  b.Start();
  runtime_.RunFor(60s);
  EXPECT_TRUE(a.leads());
  EXPECT_FALSE(b.leads());
  a.elector.reset();  // dies without a word
  const Instant died = runtime_.Now();
  ASSERT_TRUE(runtime_.RunUntil([&] { return b.leads(); }, 60s));
  EXPECT_GE(runtime_.Now() - died, 13s);
  EXPECT_LE(runtime_.Now() - died, 22s);
  EXPECT_EQ((*server_.lease)["spec"]["leaseTransitions"], 1);
}

TEST_F(LeaderElectionTest, LosesTheLeaseAfterTheRenewDeadline) {
  Contender a(runtime_, "a");
  Serve(a);
  a.Start();
  runtime_.RunFor(5s);
  CutOff(a);
  ASSERT_TRUE(runtime_.RunUntil([&] { return a.lost > 0; }, 30s));
  EXPECT_LE(runtime_.Now().time_since_epoch(), 14s + 1ms);  // last renewal at 4 s, ten more
  EXPECT_FALSE(a.leads());
  EXPECT_THAT(a.why, HasSubstr("lease ops/spillway could not be renewed for 10s: update leases: connection refused"));
  runtime_.RunFor(60s);
  EXPECT_EQ(a.lost, 1);
  EXPECT_EQ(a.started, 1);  // never again in this process
}

TEST_F(LeaderElectionTest, LosesTheLeaseEvenIfTheServerNeverAnswers) {
  Contender a(runtime_, "a");
  Serve(a);
  a.Start();
  runtime_.RunFor(5s);
  a.transport.on_request = nullptr;
  runtime_.RunFor(10s);
  EXPECT_EQ(a.lost, 1);
}

TEST_F(LeaderElectionTest, SurvivesAShortOutage) {
  Contender a(runtime_, "a");
  Serve(a);
  a.Start();
  runtime_.RunFor(5s);
  CutOff(a);
  runtime_.RunFor(6s);
  Serve(a);
  runtime_.RunFor(60s);
  EXPECT_TRUE(a.leads());
  EXPECT_EQ(a.lost, 0);
}

TEST_F(LeaderElectionTest, SomebodyElseInTheLeaseEndsOurTermAtOnce) {
  Contender a(runtime_, "a");
  Serve(a);
  a.Start();
  runtime_.RunFor(5s);
  (*server_.lease)["spec"]["holderIdentity"] = "usurper";
  (*server_.lease)["metadata"]["resourceVersion"] = std::to_string(++server_.version);
  runtime_.RunFor(3s);
  EXPECT_EQ(a.lost, 1);
  EXPECT_THAT(a.why, HasSubstr("held by usurper"));
}

TEST_F(LeaderElectionTest, AWriteWhoseAnswerWasLostIsNoReasonToStepDown) {
  Contender a(runtime_, "a");
  int drop = 0;
  a.transport.on_request = [&](const Request& request) {
    auto answer = server_.Handle(request);
    if (request.method == Method::kPut && ++drop == 3) return FakeTransport::Broken(Code::kDeadlineExceeded, "lost");
    return answer;
  };
  a.Start();
  runtime_.RunFor(60s);
  EXPECT_GE(drop, 4);
  EXPECT_TRUE(a.leads());
  EXPECT_EQ(a.lost, 0);
}

TEST_F(LeaderElectionTest, OthersLabelsOnTheLeaseSurvive) {
  server_.lease =
      json::parse(R"({"metadata":{"name":"spillway","resourceVersion":"1","labels":{"team":"ops"}},"spec":{}})");
  server_.version = 1;
  Contender a(runtime_, "a");
  Serve(a);
  a.Start();
  runtime_.RunFor(5s);
  EXPECT_TRUE(a.leads());
  EXPECT_EQ((*server_.lease)["metadata"]["labels"]["team"], "ops");
}

TEST_F(LeaderElectionTest, ReleaseLetsTheNextOneInAtOnce) {
  Contender a(runtime_, "a"), b(runtime_, "b");
  Serve(a);
  Serve(b);
  a.Start();
  runtime_.RunFor(1s);
  b.Start();
  runtime_.RunFor(30s);
  TaskScope scope(runtime_);
  scope.Spawn(a.elector->Release(runtime_.Now() + 5s));
  runtime_.RunFor(1ms);
  EXPECT_FALSE(a.leads());
  EXPECT_EQ(server_.holder(), "");
  runtime_.RunFor(5s);
  EXPECT_TRUE(b.leads());
  runtime_.RunFor(60s);
  EXPECT_EQ(a.lost, 0);  // given, not lost
  EXPECT_FALSE(a.leads());
}

TEST_F(LeaderElectionTest, ReleaseCopesWithARenewalUnderWay) {
  Contender a(runtime_, "a");
  a.transport.latency = 100ms;
  Serve(a);
  a.Start();
  runtime_.RunFor(1s);
  // The server carries out a renewal that the Release then overtakes.
  server_.version += 1;
  (*server_.lease)["metadata"]["resourceVersion"] = std::to_string(server_.version);
  TaskScope scope(runtime_);
  scope.Spawn(a.elector->Release(runtime_.Now() + 5s));
  runtime_.RunFor(5s);
  EXPECT_EQ(server_.holder(), "");
}

TEST_F(LeaderElectionTest, RefusalsNameVerbAndResource) {
  Contender a(runtime_, "a");
  a.transport.on_request = [](const Request&) {
    return FakeTransport::Reply(403, FakeTransport::StatusBody(403, "Forbidden", "no"));
  };
  const base::testing::CapturedLog log;
  a.Start();
  runtime_.RunFor(1min);
  EXPECT_THAT(log.lines(), ElementsAre(AllOf(HasSubstr("the API server refused to get leases: no"),
                                             HasSubstr("lease=ops/spillway"))));
  EXPECT_FALSE(a.leads());
  EXPECT_GT(a.transport.requests().size(), 10u);
}

// A process that stands still: its clock goes on, none of its timers runs.
class StandingStill final : public Runtime {
 public:
  explicit StandingStill(SimRuntime& inner) : inner_(inner) {}
  void For(Duration span) { behind_ += span; }

  Instant Now() const override { return inner_.Now() + behind_; }
  WallTime WallNow() const override { return inner_.WallNow() + behind_; }
  void Post(std::function<void()> work) override { inner_.Post(std::move(work)); }
  TimerId PostAt(Instant when, std::function<void()> work) override {
    return inner_.PostAt(when - behind_, std::move(work));
  }
  void CancelTimer(TimerId timer) override { inner_.CancelTimer(timer); }
  Random& random() override { return inner_.random(); }

 private:
  SimRuntime& inner_;
  Duration behind_{0};
};

TEST_F(LeaderElectionTest, WhoStoodStillLongerThanItsDeadlineDoesNotLeadThoughNoTimerHasRun) {
  StandingStill clock(runtime_);
  Contender a(clock, "a");
  Serve(a);
  a.Start();
  runtime_.RunFor(5s);  // the last renewal was sent at 4 s
  clock.For(8s);
  EXPECT_TRUE(a.leads());
  clock.For(1s);
  EXPECT_FALSE(a.leads());
  EXPECT_EQ(a.lost, 0);
  clock.For(20s);
  EXPECT_FALSE(a.leads());
}

TEST_F(LeaderElectionTest, CallsNobodyOnceItIsDestroyed) {
  Contender a(runtime_, "a"), b(runtime_, "b");
  Serve(a);
  Serve(b);
  a.Start();
  ASSERT_TRUE(runtime_.RunUntil([&] { return a.leads(); }, 10s));
  a.elector.reset();  // what it posted still waits
  runtime_.RunFor(60s);
  EXPECT_EQ(a.started, 0);
  b.Start();
  ASSERT_TRUE(runtime_.RunUntil([&] { return b.started > 0; }, 60s));
  (*server_.lease)["spec"]["holderIdentity"] = "usurper";
  (*server_.lease)["metadata"]["resourceVersion"] = std::to_string(++server_.version);
  ASSERT_TRUE(runtime_.RunUntil([&] { return !b.leads(); }, 10s));
  b.elector.reset();
  runtime_.RunFor(60s);
  EXPECT_EQ(b.lost, 0);
}

// Random delays in both directions, lost requests and answers, deaths: never two leaders, and always one again at the
// end.
TEST_F(LeaderElectionTest, TwoNeverLeadAtOnce) {
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    SimRuntime runtime(seed);
    Random random(seed * 31);
    LeaseServer server;
    std::vector<std::unique_ptr<Contender>> contenders;
    bool calm = false;
    for (const char* name : {"a", "b", "c"}) {
      contenders.push_back(std::make_unique<Contender>(runtime, name));
      FakeTransport& transport = contenders.back()->transport;
      // Left open, the request reaches the server later, and its answer later still.
      transport.on_request = [&, &transport = transport](const Request&) -> std::optional<Result<Response>> {
        const auto exchange = transport.open().back();
        const Request request = exchange->request();
        const Duration there = calm ? 1ms : random.Exponential(800ms), back = calm ? 1ms : random.Exponential(800ms);
        const bool lost_there = !calm && random.Chance(0.15), lost_back = !calm && random.Chance(0.15);
        runtime.PostAt(runtime.Now() + request.timeout,
                       [exchange] { exchange->Break({Code::kDeadlineExceeded, "no answer"}); });
        if (lost_there) return std::nullopt;
        runtime.PostAt(runtime.Now() + there, [&, exchange, request, back, lost_back] {
          auto answer = server.Handle(request);
          if (lost_back) return;
          runtime.PostAt(runtime.Now() + back,
                         [exchange, answer = std::move(answer)]() mutable { exchange->Answer(std::move(**answer)); });
        });
        return std::nullopt;
      };
    }
    for (auto& contender : contenders) contender->Start();
    const auto leaders = [&] {
      return std::count_if(contenders.begin(), contenders.end(), [](const auto& c) { return c->leads(); });
    };
    for (int step = 0; step < 3000; ++step) {
      runtime.RunFor(100ms);
      ASSERT_LE(leaders(), 1) << "seed " << seed << " at step " << step;
      for (auto& contender : contenders) {
        if (contender->lost == 0) continue;
        // The process ends; another starts in its place.
        contender->lost = 0;
        contender->elector = std::make_unique<LeaderElector>(
            runtime, contender->client,
            LeaderElectionOptions{"ops", "spillway",
                                  "again-" + std::to_string(step) + std::to_string(random.Below(1000))});
        contender->Start();
      }
    }
    calm = true;
    ASSERT_TRUE(runtime.RunUntil([&] { return leaders() == 1; }, 60s)) << "seed " << seed;
  }
}

}  // namespace
}  // namespace spillway::kube
