#include "kube/event_recorder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "base/log.h"
#include "base/scope.h"
#include "base/sim_runtime.h"
#include "kube/testing/fake_transport.h"

namespace spillway::kube {
namespace {

using nlohmann::json;
using ::testing::EndsWith;
using testing::FakeTransport;
using ::testing::SizeIs;
using ::testing::StartsWith;

class EventRecorderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    log::Quiet();
    transport_.on_request = [](const Request&) { return FakeTransport::Reply(201, "{}"); };
  }
  Event About(const std::string& pod, const std::string& reason = "OverflowScheduled",
              const std::string& note = "Bound") {
    Event event;
    event.regarding = {"v1", "Pod", "shop", pod, "uid-" + pod, "77"};
    event.reason = reason;
    event.action = "Binding";
    event.note = note;
    return event;
  }
  const std::vector<Request>& Sent() { return transport_.requests(); }
  json Body(std::size_t at) { return json::parse(Sent().at(at).body); }

  SimRuntime runtime_{3};
  FakeTransport transport_{runtime_};
  RateLimiter limiter_{runtime_, 1000, 1000};
  Client client_{runtime_, transport_, limiter_};
  EventRecorder recorder_{runtime_, client_, "spillway.io/controller", "spillway.io/controller-host"};
  TaskScope scope_{runtime_};
};

TEST_F(EventRecorderTest, WritesAnEventThatTheApiServerAccepts) {
  recorder_.Record(About("web"));
  runtime_.RunFor(1s);
  ASSERT_THAT(Sent(), SizeIs(1));
  EXPECT_EQ(Sent()[0].path, "/apis/events.k8s.io/v1/namespaces/shop/events");
  EXPECT_EQ(Sent()[0].method, Method::kPost);
  json body = Body(0);
  EXPECT_THAT(body["metadata"]["name"].get<std::string>(), StartsWith("web."));
  body["metadata"].erase("name");
  EXPECT_EQ(body, json::parse(R"({"apiVersion":"events.k8s.io/v1","kind":"Event","metadata":{"namespace":"shop"},
    "eventTime":"2026-01-01T00:00:00.000000Z","reportingController":"spillway.io/controller",
    "reportingInstance":"spillway.io/controller-host","type":"Normal","reason":"OverflowScheduled","action":"Binding","note":"Bound",
    "regarding":{"apiVersion":"v1","kind":"Pod","namespace":"shop","name":"web","uid":"uid-web","resourceVersion":"77"}})"));
  EXPECT_EQ(recorder_.counts().emitted, 1u);
}

TEST_F(EventRecorderTest, TheFirstRepeatPatchesTheSeriesLaterOnesStayInMemory) {
  recorder_.Record(About("web"));
  runtime_.RunFor(10s);
  Event again = About("web", "OverflowScheduled", "another note");
  again.regarding.resource_version = "99";
  for (int i = 0; i < 5; ++i) recorder_.Record(again);
  runtime_.RunFor(10s);
  ASSERT_THAT(Sent(), SizeIs(2));
  EXPECT_EQ(Sent()[1].method, Method::kPatch);
  EXPECT_THAT(Sent()[1].path, EndsWith("/events/" + Body(0)["metadata"]["name"].get<std::string>()));
  EXPECT_EQ(Sent()[1].content_type, "application/merge-patch+json");
  EXPECT_EQ(recorder_.counts().emitted, 1u);
  EXPECT_EQ(recorder_.counts().repeated, 5u);
}

TEST_F(EventRecorderTest, SeriesCountsTwoAtTheFirstRepeat) {
  recorder_.Record(About("web"));
  runtime_.RunFor(10s);
  recorder_.Record(About("web"));
  runtime_.RunFor(1s);
  EXPECT_EQ(Body(1), json::parse(R"({"series":{"count":2,"lastObservedTime":"2026-01-01T00:00:10.000000Z"}})"));
}

TEST_F(EventRecorderTest, DistinctReasonsAndObjectsAreDistinctEvents) {
  recorder_.Record(About("web"));
  recorder_.Record(About("web", "OverflowBindFailed"));
  recorder_.Record(About("db"));
  Event warning = About("web");
  warning.type = Event::Type::kWarning;
  recorder_.Record(warning);
  runtime_.RunFor(1s);
  ASSERT_THAT(Sent(), SizeIs(4));
  std::set<std::string> names;
  for (std::size_t i = 0; i < 4; ++i) names.insert(Body(i)["metadata"]["name"]);
  EXPECT_THAT(names, SizeIs(4));  // all in the same nanosecond of virtual time
  EXPECT_EQ(Body(0)["type"], "Warning") << "they go first";
}

TEST_F(EventRecorderTest, ALastingSeriesIsRefreshedEveryHalfHour) {
  recorder_.Record(About("web"));
  for (int minute = 0; minute < 65; ++minute) {
    runtime_.RunFor(60s);
    recorder_.Record(About("web"));
  }
  ASSERT_THAT(Sent(), SizeIs(4));  // created, count=2, two refreshes
  EXPECT_GT(Body(2)["series"]["count"], 25);
  EXPECT_GT(Body(3)["series"]["count"], 55);
}

TEST_F(EventRecorderTest, AfterSixQuietMinutesTheFinalCountIsWrittenAndTheNextIsNew) {
  for (int i = 0; i < 4; ++i) recorder_.Record(About("web"));
  runtime_.RunFor(1s);
  recorder_.Record(About("web"));
  runtime_.RunFor(8min);
  ASSERT_THAT(Sent(), SizeIs(3));
  EXPECT_EQ(Body(2)["series"]["count"], 5);
  recorder_.Record(About("web"));
  runtime_.RunFor(1s);
  EXPECT_EQ(Sent().back().method, Method::kPost);
  EXPECT_EQ(recorder_.counts().emitted, 2u);
}

TEST_F(EventRecorderTest, AnExpiredEventIsWrittenAnewWithItsSeries) {
  transport_.on_request = [](const Request& request) {
    if (request.method == Method::kPatch)
      return FakeTransport::Reply(404, FakeTransport::StatusBody(404, "NotFound", "gone"));
    return FakeTransport::Reply(201, "{}");
  };
  recorder_.Record(About("web"));
  recorder_.Record(About("web"));
  runtime_.RunFor(1s);
  ASSERT_THAT(Sent(), SizeIs(3));
  EXPECT_EQ(Body(2)["series"]["count"], 2);
  EXPECT_EQ(recorder_.counts().failed, 0u);
}

TEST_F(EventRecorderTest, WarningsGoFirstAndHavePlacesOfTheirOwn) {
  EventRecorder recorder(runtime_, client_, "spillway.io/agent", "host",
                         {.per_second = 10, .burst = 1, .queue = 5, .for_warnings = 2});
  const auto warning = [this](const char* pod) {
    Event event = About(pod, "InstanceLost");
    event.type = Event::Type::kWarning;
    return event;
  };
  for (const char* pod : {"a", "b", "c"}) EXPECT_TRUE(recorder.Record(About(pod)));
  EXPECT_FALSE(recorder.Record(About("d")));
  EXPECT_TRUE(recorder.Record(warning("e")));
  EXPECT_TRUE(recorder.Record(warning("f")));
  EXPECT_FALSE(recorder.Record(warning("g")));
  runtime_.RunFor(10s);
  std::vector<std::string> told;
  for (std::size_t i = 0; i < Sent().size(); ++i) told.push_back(Body(i)["regarding"]["name"]);
  EXPECT_THAT(told, ::testing::ElementsAre("e", "f", "a", "b", "c"));
  EXPECT_EQ(recorder.counts().dropped, 2u);
}

TEST_F(EventRecorderTest, OfOneObjectNoMoreThanAKubeletTells) {
  EventRecorder recorder(runtime_, client_, "spillway.io/agent", "host",
                         {.per_second = 1000, .burst = 1000, .queue = 1000, .per_object = 25});
  for (int i = 0; i < 40; ++i) recorder.Record(About("noisy", "Reason" + std::to_string(i)));
  EXPECT_TRUE(recorder.Record(About("quiet")));
  runtime_.RunFor(1s);
  EXPECT_THAT(Sent(), SizeIs(26));
  runtime_.RunFor(10min);
  for (int i = 40; i < 50; ++i) recorder.Record(About("noisy", "Reason" + std::to_string(i)));
  runtime_.RunFor(1s);
  EXPECT_THAT(Sent(), SizeIs(28)) << "one in five minutes";
}

TEST_F(EventRecorderTest, NotesAreCutAt1024BytesNeverInsideACharacter) {
  recorder_.Record(About("a", "R1", std::string(1024, 'x')));
  recorder_.Record(About("a", "R2", std::string(1025, 'x')));
  std::string wide = "y";
  while (wide.size() < 2000) wide += "\xe4\xb8\xad";
  recorder_.Record(About("a", "R3", wide));
  runtime_.RunFor(1s);
  EXPECT_EQ(Body(0)["note"].get<std::string>().size(), 1024u);
  EXPECT_EQ(Body(1)["note"], std::string(1020, 'x') + " ...");
  const std::string cut = Body(2)["note"];
  EXPECT_LE(cut.size(), 1024u);
  EXPECT_EQ((cut.size() - 5) % 3, 0u);
}

TEST_F(EventRecorderTest, ClusterScopedObjectsReportInDefault) {
  Event event;
  event.regarding = ObjectReference{.kind = "Node", .name = "vnode-1", .uid = "u"};
  event.reason = "VirtualNodeQuotaReached";
  recorder_.Record(event);
  runtime_.RunFor(1s);
  EXPECT_EQ(Sent()[0].path, "/apis/events.k8s.io/v1/namespaces/default/events");
  EXPECT_EQ(Body(0)["action"], "VirtualNodeQuotaReached");  // required by validation
}

TEST_F(EventRecorderTest, TheRateIsBoundAndTheRestIsDroppedAndCounted) {
  for (int i = 0; i < 1500; ++i) recorder_.Record(About("p" + std::to_string(i)));
  EXPECT_EQ(recorder_.counts().dropped, 500u);
  runtime_.RunFor(1s);
  EXPECT_NEAR(static_cast<double>(Sent().size()), 120, 2);
  runtime_.RunFor(60s);
  EXPECT_THAT(Sent(), SizeIs(1000));
  EXPECT_EQ(recorder_.counts().emitted, 1000u);
}

TEST_F(EventRecorderTest, ADroppedEventIsNotTakenForWritten) {
  for (int i = 0; i < 1001; ++i) recorder_.Record(About("p" + std::to_string(i)));
  runtime_.RunFor(60s);
  recorder_.Record(About("p1000"));
  runtime_.RunFor(1s);
  EXPECT_EQ(recorder_.counts().emitted, 1001u);
  EXPECT_EQ(recorder_.counts().repeated, 0u);
}

TEST_F(EventRecorderTest, PassingFailuresAreRetriedWithRetryAfter) {
  int failures = 3;
  transport_.on_request = [&](const Request&) {
    return failures-- > 0 ? FakeTransport::Reply(429, "", 20s) : FakeTransport::Reply(201, "{}");
  };
  recorder_.Record(About("web"));
  runtime_.RunFor(59s);
  EXPECT_THAT(Sent(), SizeIs(3));
  runtime_.RunFor(2s);
  EXPECT_THAT(Sent(), SizeIs(4));
  EXPECT_EQ(recorder_.counts().failed, 0u);
}

TEST_F(EventRecorderTest, ALostAnswerDoesNotWriteTwice) {
  int tries = 0;
  transport_.on_request = [&](const Request&) {
    return ++tries == 1 ? FakeTransport::Broken(Code::kDeadlineExceeded, "no answer")
                        : FakeTransport::Reply(409, FakeTransport::StatusBody(409, "AlreadyExists", "exists"));
  };
  recorder_.Record(About("web"));
  runtime_.RunFor(60s);
  EXPECT_EQ(tries, 2);
  EXPECT_EQ(recorder_.counts().failed, 0u);
  EXPECT_EQ(Body(0)["metadata"]["name"], Body(1)["metadata"]["name"]);
}

TEST_F(EventRecorderTest, WhatIsRefusedIsCountedAndTheNextGoesOn) {
  constexpr const char* kTerminating = R"({"kind":"Status","reason":"Forbidden","code":403,"details":{"causes":[
      {"reason":"NamespaceTerminating","message":"namespace shop is being terminated","field":"metadata.namespace"}]}})";
  transport_.on_request = [&](const Request& request) {
    return request.path.find("shop") != std::string::npos ? FakeTransport::Reply(403, kTerminating)
                                                          : FakeTransport::Reply(201, "{}");
  };
  recorder_.Record(About("web"));
  Event other = About("db");
  other.regarding.ns = "d";
  recorder_.Record(other);
  runtime_.RunFor(1s);
  EXPECT_EQ(recorder_.counts().failed, 1u);
  EXPECT_THAT(Sent(), SizeIs(2));
}

TEST_F(EventRecorderTest, WhatIsForbiddenIsToldOnceItIsAllowedAndHoldsNobodyUp) {
  bool is_allowed = false;
  transport_.on_request = [&](const Request& request) {
    return is_allowed || request.path.find("shop") == std::string::npos
               ? FakeTransport::Reply(201, "{}")
               : FakeTransport::Reply(403, FakeTransport::StatusBody(403, "Forbidden", "cannot create resource"));
  };
  recorder_.Record(About("web"));
  recorder_.Record(About("api"));
  Event other = About("db");
  other.regarding.ns = "d";
  recorder_.Record(other);
  runtime_.RunFor(1s);
  EXPECT_EQ(recorder_.counts().emitted, 1u);
  runtime_.RunFor(1h);
  EXPECT_LE(Sent().size(), 3u + 360u);
  EXPECT_EQ(recorder_.counts().emitted, 1u);
  is_allowed = true;
  runtime_.RunFor(11s);
  EXPECT_EQ(recorder_.counts().emitted, 3u);
  EXPECT_EQ(recorder_.counts().failed, 0u);
}

Task<void> FlushAndNote(EventRecorder& recorder, Runtime& runtime, Instant deadline, std::optional<Instant>& done) {
  co_await recorder.Flush(deadline);
  done = runtime.Now();
}

TEST_F(EventRecorderTest, FlushReturnsWhenAllIsWrittenOrAtTheDeadline) {
  transport_.latency = 100ms;
  recorder_.Record(About("a"));
  recorder_.Record(About("b"));
  std::optional<Instant> done;
  const Instant start = runtime_.Now();
  scope_.Spawn(FlushAndNote(recorder_, runtime_, start + 10s, done));
  runtime_.RunFor(20s);
  ASSERT_TRUE(done);
  EXPECT_EQ(*done - start, 200ms);

  transport_.on_request = nullptr;  // never answers
  done.reset();
  recorder_.Record(About("c"));
  const Instant again = runtime_.Now();
  scope_.Spawn(FlushAndNote(recorder_, runtime_, again + 3s, done));
  runtime_.RunFor(20s);
  ASSERT_TRUE(done);
  EXPECT_EQ(*done - again, 3s);
}

}  // namespace
}  // namespace spillway::kube
