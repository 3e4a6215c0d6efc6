#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "base/testing/captured_log.h"
#include "kube/reflector.h"
#include "kube/testing/reflector_fixture.h"

namespace spillway::kube {
namespace {

using base::testing::CapturedLog;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::StartsWith;
using namespace testing;  // NOLINT: the fixture

// An API server that can stop and start again, as twelve watches see it. Nothing ever happens to its objects but by
// Touch().
class RestartingServer {
 public:
  enum class State { kUp, kRefusing, kStarting, kMute };

  RestartingServer(Runtime& runtime, FakeTransport& transport) : runtime_(runtime), transport_(transport) {
    transport_.on_request = [this](const Request& request) { return Answer(request); };
  }
  void Stop() {
    state = State::kRefusing;
    for (const auto& exchange : transport_.open()) exchange->Break({Code::kUnavailable, "connection reset by peer"});
  }
  // Its watch caches begin now: what began before is too old for them.
  void ComeBack() {
    state = State::kUp;
    oldest_ = ++version_;
  }
  // Something happens to an object of whatever is watched.
  void Touch() {
    ++version_;
    for (const auto& exchange : transport_.open()) {
      if (IsWatch(exchange->request())) exchange->Data(Line("ADDED", PodJson("p", version_)));
    }
  }

  State state = State::kUp;

 private:
  std::optional<Result<Response>> Answer(const Request& request) {
    if (state == State::kRefusing) return FakeTransport::Broken(Code::kUnavailable, "connection refused");
    if (state == State::kStarting) {
      return FakeTransport::Reply(503, FakeTransport::StatusBody(503, "ServiceUnavailable", "not ready"));
    }
    if (state == State::kMute) return std::nullopt;
    if (!IsWatch(request)) return FakeTransport::Reply(200, ListJson({}, version_));
    const std::size_t at = request.path.find("resourceVersion=") + 16;
    if (std::stoi(request.path.substr(at)) < oldest_) {
      return FakeTransport::Reply(410, FakeTransport::StatusBody(410, "Expired", "too old resource version"));
    }
    const auto exchange = transport_.open().back();
    runtime_.Post([exchange] { exchange->Start(); });
    return std::nullopt;
  }

  Runtime& runtime_;
  FakeTransport& transport_;
  int version_ = 10, oldest_ = 10;
};

class Outage : public ::testing::Test {
 protected:
  void Watch(int count) {
    for (int i = 0; i < count; ++i) {
      ReflectorOptions options;
      options.path = fmt::format("/r{}", i);
      options.resource = fmt::format("r{}", i);
      reflectors_.push_back(std::make_unique<Reflector<Pod>>(runtime_, transport_, options,
                                                             [this](DeltaBatch<Pod> batch) { Take(batch); }));
      reflectors_.back()->Start();
    }
  }
  void Take(const DeltaBatch<Pod>& batch) { deltas_ += batch.deltas.size(); }
  bool Moving() const {
    return std::all_of(reflectors_.begin(), reflectors_.end(),
                       [](const auto& r) { return r->counts().synced && !r->counts().stale; });
  }
  // Watches `span` go by; false if any reflector was stale or not synced at any time.
  bool MovingFor(Duration span) {
    return !runtime_.RunUntil([&] { return !Moving(); }, span);
  }

  SimRuntime runtime_{7};
  FakeTransport transport_{runtime_};
  RestartingServer server_{runtime_, transport_};
  std::vector<std::unique_ptr<Reflector<Pod>>> reflectors_;
  std::size_t deltas_ = 0;
};

TEST_F(Outage, AllIsMovingWithinFiveSecondsOfTheServersReturnAndTheLogHasTwoLines) {
  Watch(12);
  runtime_.RunFor(5min);
  for (const Duration down : {Duration(1s), Duration(12s), Duration(40s), Duration(20min)}) {
    for (const Duration starting : {Duration(0), Duration(8s), Duration(14s)}) {
      SCOPED_TRACE(base::FormatDuration(down) + " down, " + base::FormatDuration(starting) + " starting");
      const CapturedLog log;
      server_.Stop();
      runtime_.RunFor(down);
      EXPECT_FALSE(Moving());
      server_.state = RestartingServer::State::kStarting;
      runtime_.RunFor(starting);
      server_.ComeBack();
      EXPECT_TRUE(runtime_.RunUntil([this] { return Moving(); }, 5s));
      runtime_.RunFor(3min);
      EXPECT_THAT(log.lines(), ElementsAre(AllOf(HasSubstr("does not answer"), HasSubstr("connection refused")),
                                           HasSubstr("answers again")));
    }
  }
}

TEST_F(Outage, TheServerIsNotAskedMoreOftenTheMoreWait) {
  Watch(12);
  runtime_.RunFor(1min);
  server_.Stop();
  runtime_.RunFor(2s);
  const std::size_t before = transport_.requests().size();
  runtime_.RunFor(60s);
  EXPECT_THAT(transport_.requests().size() - before, AllOf(Ge(40u), Le(61u)));
}

// As kube-apiserver after a restart: to a watch of a resource that nothing happens to, it sends no bookmark.
TEST_F(Outage, QuietResourcesStayInStepAfterARestart) {
  Watch(12);
  runtime_.RunFor(1min);
  server_.Stop();
  runtime_.RunFor(10s);
  server_.ComeBack();
  ASSERT_TRUE(runtime_.RunUntil([this] { return Moving(); }, 5s));
  const CapturedLog log;
  const std::uint64_t lists = reflectors_[0]->counts().lists;
  EXPECT_TRUE(MovingFor(30min));
  EXPECT_THAT(log.lines(), IsEmpty());
  EXPECT_EQ(reflectors_[0]->counts().lists, lists);
  EXPECT_EQ(transport_.open().size(), 12u);
  server_.Touch();
  runtime_.RunFor(1s);
  EXPECT_EQ(deltas_, 12u);
}

TEST_F(Outage, ASilentWatchThatCannotBeOpenedAnewIsLost) {
  Watch(1);
  runtime_.RunFor(80s);
  server_.state = RestartingServer::State::kMute;  // connections stand, and nothing comes any more
  EXPECT_TRUE(MovingFor(25s));
  EXPECT_FALSE(MovingFor(6s));
  EXPECT_EQ(reflectors_[0]->counts().last_error, "watch r0: no answer within 20s");
}

TEST_F(Outage, ACredentialThatIsRefusedForGoodIsToldAfterTheServersReturn) {
  Watch(2);
  runtime_.RunFor(1min);
  const CapturedLog log;
  server_.Stop();
  runtime_.RunFor(10s);
  transport_.on_request = [](const Request&) {
    return FakeTransport::Reply(401, FakeTransport::StatusBody(401, "Unauthorized", "Unauthorized"));
  };
  runtime_.RunFor(10min);
  EXPECT_THAT(log.lines(), ElementsAre(HasSubstr("does not answer"), HasSubstr("answers again"),
                                       HasSubstr("does not know us"), HasSubstr("does not know us")));
}

TEST_F(Outage, OneRequestThatTimesOutWhileOthersAreAnsweredIsNoOutage) {
  ServerHealth health;
  const Instant began = runtime_.Now();
  runtime_.RunFor(30s);
  health.Answered(200, runtime_.Now());
  runtime_.RunFor(30s);
  health.NotAnswered({Code::kDeadlineExceeded, "no answer within 60s"}, began, runtime_.Now());
  EXPECT_FALSE(health.is_out());
  health.NotAnswered({Code::kCancelled, "cancelled"}, runtime_.Now(), runtime_.Now());
  EXPECT_FALSE(health.is_out());
  health.NotAnswered({Code::kUnavailable, "refused"}, runtime_.Now(), runtime_.Now());
  EXPECT_TRUE(health.is_out());
  health.Answered(503, runtime_.Now());
  EXPECT_TRUE(health.is_out());
  health.Answered(404, runtime_.Now());
  EXPECT_FALSE(health.is_out());
}

TEST_F(Outage, WhatFailsForOneResourceIsToldWhenItRepeatsAndOnce) {
  Watch(1);
  runtime_.RunFor(1min);
  const CapturedLog log;
  transport_.on_request = [](const Request&) {
    return FakeTransport::Reply(500, FakeTransport::StatusBody(500, "InternalError", "etcd has no leader"));
  };
  transport_.open().back()->End();
  runtime_.RunFor(10min);
  EXPECT_THAT(log.lines(), ElementsAre(HasSubstr("watch r0: etcd has no leader")));
}

}  // namespace
}  // namespace spillway::kube
