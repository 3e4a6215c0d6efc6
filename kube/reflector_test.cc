#include "kube/reflector.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/log.h"
#include "base/sim_runtime.h"
#include "kube/api/objects.h"
#include "kube/testing/fake_transport.h"

namespace spillway::kube {
namespace {

using ::testing::ElementsAre;
using testing::FakeTransport;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using Exchange = FakeTransport::Exchange;

std::string PodJson(const std::string& name, int version, const std::string& uid = "") {
  return fmt::format(R"({{"metadata":{{"name":"{}","namespace":"d","uid":"{}","resourceVersion":"{}"}}}})", name,
                     uid.empty() ? "uid-" + name : uid, version);
}

std::string ListJson(const std::vector<std::string>& items, int version, const std::string& token = "") {
  return fmt::format(R"({{"kind":"PodList","metadata":{{"resourceVersion":"{}","continue":"{}"}},"items":[{}]}})",
                     version, token, fmt::join(items, ","));
}

std::string Line(const std::string& type, const std::string& object) {
  return fmt::format("{{\"type\":\"{}\",\"object\":{}}}\n", type, object);
}
std::string Bookmark(int version) {
  return Line("BOOKMARK", fmt::format(R"({{"kind":"Pod","metadata":{{"resourceVersion":"{}"}}}})", version));
}

bool IsWatch(const Request& request) { return request.path.find("watch=1") != std::string::npos; }

class ReflectorTest : public ::testing::Test {
 protected:
  void SetUp() override { log::Quiet(); }

  void Start(ReflectorOptions options = {}) {
    options.path = "/api/v1/pods";
    options.resource = "pods";
    reflector_ = std::make_unique<Reflector<Pod>>(runtime_, transport_, options,
                                                  [this](DeltaBatch<Pod> batch) { Take(std::move(batch)); });
    reflector_->Start();
    Settle();
  }
  void Take(DeltaBatch<Pod> batch) {
    std::string line = batch.synced ? "synced" : "partial";
    for (const auto& delta : batch.deltas) {
      if (delta.object) {
        line += " +" + delta.object->metadata.name + "@" + delta.object->metadata.resource_version;
        has_[delta.uid] = delta.object->metadata.name;
      } else {
        line += " -" + delta.uid;
        has_.erase(delta.uid);
      }
    }
    seen_.push_back(line);
  }
  // Runs what is due now, and no timer that is not.
  void Settle() { runtime_.RunFor(Duration(0)); }
  Exchange& Open() {
    Settle();
    const auto open = transport_.open();
    EXPECT_EQ(open.size(), 1u);
    static Exchange none(runtime_, {});
    return open.empty() ? none : *(last_ = open.back());
  }
  void Reply(const std::string& body) {
    Open().Answer({.status = 200, .body = body});
    Settle();
  }
  void ReplyError(int status, const std::string& reason, const std::string& message,
                  Duration retry_after = Duration(0)) {
    Open().Answer({status, FakeTransport::StatusBody(status, reason, message), retry_after});
    Settle();
  }
  void Data(const std::string& bytes) {
    Open().Data(bytes);
    Settle();
  }
  std::vector<std::string> Seen() { return std::exchange(seen_, {}); }
  // Virtual time until the next request goes out.
  Duration UntilNextRequest() {
    const auto before = transport_.requests().size();
    const Instant began = runtime_.Now();
    EXPECT_TRUE(runtime_.RunUntil([&] { return transport_.requests().size() > before; }, 5min));
    return runtime_.Now() - began;
  }
  const ReflectorCounts& counts() { return reflector_->counts(); }

  SimRuntime runtime_{7};
  FakeTransport transport_{runtime_};
  std::vector<std::string> seen_;
  std::map<std::string, std::string> has_;
  std::shared_ptr<Exchange> last_;
  std::unique_ptr<Reflector<Pod>> reflector_;
};

TEST_F(ReflectorTest, ListsInPagesAndIsSyncedOnlyAfterTheLast) {
  Start();
  EXPECT_EQ(Open().request().path, "/api/v1/pods?limit=500");
  Reply(ListJson({PodJson("a", 1)}, 10, "tok/1"));
  EXPECT_THAT(Seen(), ElementsAre("partial +a@1"));
  EXPECT_FALSE(counts().synced);
  EXPECT_EQ(Open().request().path, "/api/v1/pods?limit=500&continue=tok%2F1");
  Reply(ListJson({PodJson("b", 2)}, 10));
  EXPECT_THAT(Seen(), ElementsAre("synced +b@2"));
  EXPECT_TRUE(counts().synced);
  EXPECT_TRUE(IsWatch(Open().request()));
  EXPECT_THAT(Open().request().path, HasSubstr("resourceVersion=10&"));
  EXPECT_THAT(Open().request().path, HasSubstr("allowWatchBookmarks=true"));
}

TEST_F(ReflectorTest, AnEmptyListIsASyncToo) {
  Start();
  Reply(ListJson({}, 3));
  EXPECT_THAT(Seen(), ElementsAre("synced"));
}

TEST_F(ReflectorTest, SelectorsAreEncodedAndMetadataIsAskedFor) {
  ReflectorOptions options;
  options.field_selector = "status.phase!=Failed";
  options.label_selector = "a in (b)";
  options.metadata_only = true;
  Start(options);
  EXPECT_EQ(Open().request().path,
            "/api/v1/pods?limit=500&fieldSelector=status.phase%21%3DFailed&labelSelector=a%20in%20%28b%29");
  EXPECT_THAT(Open().request().accept, HasSubstr("as=PartialObjectMetadataList"));
  Reply(ListJson({}, 3));
  EXPECT_THAT(Open().request().accept, HasSubstr("as=PartialObjectMetadata;"));
  EXPECT_THAT(Open().request().path, HasSubstr("fieldSelector="));
}

TEST_F(ReflectorTest, DeliversAChunkOfEventsAsOneBatchHoweverTheBytesFall) {
  Start();
  Reply(ListJson({PodJson("a", 1)}, 10));
  Seen();
  const std::string events =
      Line("ADDED", PodJson("b", 11)) + Line("MODIFIED", PodJson("a", 12)) + Line("DELETED", PodJson("b", 13));
  Data(events);
  EXPECT_THAT(Seen(), ElementsAre("synced +b@11 +a@12 -uid-b"));
  const std::string more = Line("ADDED", PodJson("c", 14)) + Line("ADDED", PodJson("e", 15));
  for (const char byte : more) Data(std::string(1, byte));
  EXPECT_THAT(Seen(), ElementsAre("synced +c@14", "synced +e@15"));
}

TEST_F(ReflectorTest, ResumesALostWatchFromTheLastBookmark) {
  Start();
  Reply(ListJson({PodJson("a", 1)}, 10));
  Data(Line("MODIFIED", PodJson("a", 12)));
  Data(Bookmark(40));
  Seen();
  runtime_.RunFor(30s);
  Open().Break({Code::kUnavailable, "connection reset"});
  Settle();
  EXPECT_TRUE(counts().stale);
  EXPECT_EQ(counts().last_error, "watch pods: connection reset");
  const Duration pause = UntilNextRequest();
  EXPECT_GE(pause, 800ms);
  EXPECT_LT(pause, 1600ms);
  EXPECT_THAT(transport_.requests().back().path, HasSubstr("resourceVersion=40&"));
  EXPECT_TRUE(counts().stale);
  Open().Start();
  Settle();
  EXPECT_FALSE(counts().stale);  // the headers prove that the watch stands
  EXPECT_THAT(Seen(), IsEmpty());
  EXPECT_EQ(counts().lists, 1u);
}

TEST_F(ReflectorTest, AWatchTheServerEndsInOrderIsNoFailure) {
  Start();
  Reply(ListJson({}, 10));
  Open().Start();
  runtime_.RunFor(60s);
  Data(Bookmark(20));
  Open().End();
  EXPECT_THAT(Open().request().path, HasSubstr("resourceVersion=20&"));
  EXPECT_EQ(counts().watch_errors, 0u);
  EXPECT_FALSE(counts().stale);
}

TEST_F(ReflectorTest, WatchTimeoutsAreSpreadOverFiveToTenMinutes) {
  Start();
  Reply(ListJson({}, 10));
  std::set<int> timeouts;
  for (int i = 0; i < 30; ++i) {
    const std::string& path = Open().request().path;
    timeouts.insert(std::stoi(path.substr(path.find("timeoutSeconds=") + 15)));
    Data(Bookmark(20 + i));
    Open().End();
  }
  EXPECT_GE(*timeouts.begin(), 300);
  EXPECT_LE(*timeouts.rbegin(), 600);
  EXPECT_GT(timeouts.size(), 20u);
}

TEST_F(ReflectorTest, GoneLeadsToARelistThatIsDeliveredAsADiff) {
  Start();
  Reply(ListJson({PodJson("a", 1), PodJson("b", 2), PodJson("c", 3)}, 10));
  Seen();
  Data(Line("ERROR", FakeTransport::StatusBody(410, "Expired", "too old resource version: 10 (99)")));
  EXPECT_EQ(Open().request().path, "/api/v1/pods?limit=500");  // at once: nothing is wrong with the server
  EXPECT_TRUE(counts().stale);
  Reply(ListJson({PodJson("a", 1)}, 100, "more"));
  EXPECT_THAT(Seen(), IsEmpty());
  Reply(ListJson({PodJson("c", 50), PodJson("d", 60)}, 100));
  EXPECT_THAT(Seen(), ElementsAre("synced -uid-b +c@50 +d@60"));
  EXPECT_FALSE(counts().stale);
  EXPECT_THAT(Open().request().path, HasSubstr("resourceVersion=100&"));
}

TEST_F(ReflectorTest, ARelistWithoutChangesIsSilent) {
  Start();
  Reply(ListJson({PodJson("a", 1)}, 10));
  Seen();
  ReplyError(410, "Expired", "too old");
  Reply(ListJson({PodJson("a", 1)}, 100));
  EXPECT_THAT(Seen(), IsEmpty());
}

TEST_F(ReflectorTest, TheSameNameWithAnotherUidIsADeletionAndThenANewObject) {
  Start();
  Reply(ListJson({PodJson("a", 1, "old")}, 10));
  Seen();
  ReplyError(410, "Gone", "gone");
  Reply(ListJson({PodJson("a", 20, "new")}, 100));
  EXPECT_THAT(Seen(), ElementsAre("synced -old +a@20"));
}

TEST_F(ReflectorTest, NothingVanishesBecauseOfAListThatBroke) {
  Start();
  Reply(ListJson({PodJson("a", 1), PodJson("b", 2)}, 10));
  Seen();
  ReplyError(410, "Gone", "gone");
  Reply(ListJson({PodJson("a", 1)}, 100, "more"));
  Open().Break({Code::kUnavailable, "reset"});
  Settle();
  EXPECT_THAT(Seen(), IsEmpty());
  EXPECT_TRUE(counts().stale);
  UntilNextRequest();
  Reply(ListJson({PodJson("a", 1), PodJson("b", 2)}, 100));
  EXPECT_THAT(Seen(), IsEmpty());
}

TEST_F(ReflectorTest, WhatVanishedDuringAListThatHadToStartAgainIsDeleted) {
  Start();
  Reply(ListJson({PodJson("a", 1)}, 10, "tok"));
  EXPECT_THAT(Seen(), ElementsAre("partial +a@1"));
  ReplyError(410, "Expired", "The provided continue parameter is too old");
  EXPECT_FALSE(counts().synced);
  UntilNextRequest();
  EXPECT_EQ(Open().request().path, "/api/v1/pods?limit=5000");  // larger pages get through before the token dies
  Reply(ListJson({PodJson("b", 2)}, 20));
  EXPECT_THAT(Seen(), ElementsAre("synced -uid-a +b@2"));
}

TEST_F(ReflectorTest, ATruncatedListIsNoList) {
  Start();
  const std::string body = ListJson({PodJson("a", 1), PodJson("b", 1)}, 10);
  Reply(body.substr(0, body.size() - 3));
  EXPECT_THAT(Seen(), IsEmpty());
  EXPECT_FALSE(counts().synced);
  EXPECT_TRUE(counts().stale);
  UntilNextRequest();
  Open().Data(body.substr(0, 20));
  Open().Break({Code::kUnavailable, "reset"});
  Settle();
  EXPECT_THAT(Seen(), IsEmpty());
}

TEST_F(ReflectorTest, RetryAfterIsObeyed) {
  Start();
  ReplyError(429, "TooManyRequests", "slow down", 42s);
  EXPECT_GE(UntilNextRequest(), 42s);
  Reply(ListJson({}, 10));
  Open().Start();
  runtime_.RunFor(20s);
  ReplyError(429, "TooManyRequests", "slow down", 7s);
  EXPECT_EQ(UntilNextRequest(), 7s);
}

TEST_F(ReflectorTest, BackoffDoublesFrom800msTo30sWithJitter) {
  Start();
  Duration low = 800ms;
  for (int i = 0; i < 9; ++i) {
    ReplyError(503, "ServiceUnavailable", "etcd has no leader");
    const Duration pause = UntilNextRequest();
    EXPECT_GE(pause, low);
    EXPECT_LT(pause, low * 2);
    low = std::min<Duration>(low * 2, 30s);
  }
  EXPECT_EQ(counts().lists, 10u);
}

TEST_F(ReflectorTest, BackoffStartsAfreshOnceAWatchHasStood) {
  Start();
  for (int i = 0; i < 6; ++i) {
    ReplyError(503, "ServiceUnavailable", "no");
    UntilNextRequest();
  }
  Reply(ListJson({}, 10));
  Open().Start();
  runtime_.RunFor(11s);
  Open().Break({Code::kUnavailable, "reset"});
  Settle();
  EXPECT_LT(UntilNextRequest(), 1600ms);
}

TEST_F(ReflectorTest, ASilentWatchIsDroppedAtTheLimit) {
  Start();
  Reply(ListJson({}, 10));
  Data(Bookmark(11));
  runtime_.RunFor(60s);
  Data(Bookmark(12));
  Exchange& watch = Open();
  runtime_.RunFor(89s);
  EXPECT_FALSE(watch.is_closed());
  runtime_.RunFor(1s);
  EXPECT_TRUE(watch.is_closed());
  EXPECT_TRUE(counts().stale);
  EXPECT_EQ(counts().last_error, "watch pods: nothing came for 90s");
  UntilNextRequest();
  EXPECT_THAT(transport_.requests().back().path, HasSubstr("resourceVersion=12&"));
}

TEST_F(ReflectorTest, AWatchThatEndsAtOnceIsNotTriedInATightLoop) {
  Start();
  Reply(ListJson({}, 10));
  Open().End();
  Settle();
  EXPECT_TRUE(transport_.open().empty());
  EXPECT_GE(UntilNextRequest(), 800ms);
}

TEST_F(ReflectorTest, ManyFailedWatchesInARowLeadToARelist) {
  Start();
  Reply(ListJson({}, 10));
  for (int i = 0; i < 5; ++i) {
    ReplyError(504, "Timeout", "Too large resource version: 10, current: 3");
    UntilNextRequest();
  }
  EXPECT_FALSE(IsWatch(transport_.requests().back()));
}

TEST_F(ReflectorTest, AMalformedObjectIsCountedAndSkippedAndTheConsumerKeepsWhatItHad) {
  Start();
  const std::string broken =
      R"({"metadata":{"name":"a","uid":"uid-a","resourceVersion":"12"},"spec":{"priority":"x"}})";
  Reply(ListJson({PodJson("a", 1), PodJson("b", 2)}, 10));
  Seen();
  Data(Line("MODIFIED", broken) + Line("MODIFIED", PodJson("b", 13)));
  EXPECT_THAT(Seen(), ElementsAre("synced +b@13"));
  EXPECT_EQ(counts().malformed, 1u);
  ::testing::internal::CaptureStderr();
  ReplyError(410, "Gone", "gone");
  Reply(ListJson({broken, PodJson("b", 13)}, 20));
  EXPECT_THAT(Seen(), IsEmpty());  // a is there, if only its name can be read
  EXPECT_EQ(counts().malformed, 2u);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");  // it has been logged before
  EXPECT_THAT(has_, ElementsAre(std::pair("uid-a", "a"), std::pair("uid-b", "b")));
}

TEST_F(ReflectorTest, NothingIsTakenForVanishedBesideAnItemThatCannotBeIdentified) {
  Start();
  Reply(ListJson({PodJson("a", 1), PodJson("b", 2)}, 10));
  Seen();
  ReplyError(410, "Gone", "gone");
  Reply(ListJson({R"({"metadata":{"name":"a"}})"}, 20));
  EXPECT_THAT(Seen(), IsEmpty());
  EXPECT_EQ(has_.size(), 2u);
}

TEST_F(ReflectorTest, BytesThatAreNoWatchEventLeadToARelist) {
  Start();
  Reply(ListJson({PodJson("a", 1)}, 10));
  Seen();
  Data(Line("ADDED", PodJson("b", 11)) + "<html>\n" + Line("ADDED", PodJson("c", 12)));
  EXPECT_THAT(Seen(), ElementsAre("synced +b@11"));
  UntilNextRequest();
  EXPECT_FALSE(IsWatch(transport_.requests().back()));
}

TEST_F(ReflectorTest, DeletionsOfUnknownObjectsAndRepeatsAreNotPassedOn) {
  Start();
  Reply(ListJson({PodJson("a", 1)}, 10));
  Seen();
  Data(Line("DELETED", PodJson("x", 11)) + Line("ADDED", PodJson("a", 1)));
  EXPECT_THAT(Seen(), IsEmpty());
}

TEST_F(ReflectorTest, RefusalsNameVerbAndResource) {
  Start();
  ReplyError(403, "Forbidden",
             R"(pods is forbidden: User \"u\" cannot list resource \"pods\" in API group \"\" at the cluster scope)");
  EXPECT_EQ(
      counts().last_error,
      R"(the API server refused to list pods: "u" lacks list on pods (cluster scope); see docs/security.md#rbac)");
}

TEST_F(ReflectorTest, DestroyingItStopsEverything) {
  Start();
  Reply(ListJson({PodJson("a", 1)}, 10));
  Exchange& watch = Open();
  watch.Data(Line("ADDED", PodJson("b", 11)));  // posted, not yet delivered
  Seen();
  reflector_.reset();
  runtime_.RunFor(10min);
  EXPECT_THAT(Seen(), IsEmpty());
  EXPECT_TRUE(watch.is_closed());
  EXPECT_EQ(transport_.requests().size(), 2u);
}

// Whatever happens to lists and watches, the consumer ends with exactly what the server has.
TEST_F(ReflectorTest, EndsInStepWithTheServerWhateverBreaks) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SimRuntime runtime(seed);
    FakeTransport transport(runtime);
    Random& random = runtime.random();
    std::map<std::string, std::string> server;  // uid to version
    std::vector<std::pair<int, std::string>> log_lines;
    int version = 10;
    const auto change = [&] {
      const std::string uid = "u" + std::to_string(random.Below(12));
      ++version;
      if (server.contains(uid) && random.Chance(0.4)) {
        server.erase(uid);
        log_lines.emplace_back(version, Line("DELETED", PodJson(uid, version, uid)));
      } else {
        const std::string type = server.contains(uid) ? "MODIFIED" : "ADDED";
        server[uid] = std::to_string(version);
        log_lines.emplace_back(version, Line(type, PodJson(uid, version, uid)));
      }
    };
    std::map<std::string, std::string> has;
    Reflector<Pod> reflector(runtime, transport, {.path = "/p", .resource = "pods"}, [&](DeltaBatch<Pod> batch) {
      for (auto& delta : batch.deltas) {
        if (delta.object)
          has[delta.uid] = delta.object->metadata.resource_version;
        else
          has.erase(delta.uid);
      }
    });
    reflector.Start();
    std::map<Exchange*, int> watching;  // up to which version a watch has been served
    const auto serve = [&](bool faults) {
      for (const auto& exchange : transport.open()) {
        const std::string& path = exchange->request().path;
        if (faults && random.Chance(0.1)) {
          exchange->Break({Code::kUnavailable, "reset"});
        } else if (faults && random.Chance(0.05)) {
          exchange->Answer({410, FakeTransport::StatusBody(410, "Expired", "too old")});
        } else if (!IsWatch(exchange->request())) {
          std::vector<std::string> items;
          for (const auto& [uid, v] : server) items.push_back(PodJson(uid, std::stoi(v), uid));
          exchange->Answer({.status = 200, .body = ListJson(items, version)});
        } else {
          auto [entry, is_new] = watching.try_emplace(exchange.get(), 0);
          if (is_new) entry->second = std::stoi(path.substr(path.find("resourceVersion=") + 16));
          std::string bytes;
          for (const auto& [at, line] : log_lines) {
            if (at > entry->second) bytes += line;
          }
          entry->second = version;
          exchange->Data(bytes + Bookmark(version));
        }
      }
    };
    for (int step = 0; step < 60; ++step) {
      change();
      runtime.RunFor(random.Between(0ms, 3s));
      serve(true);
    }
    for (int step = 0; step < 200; ++step) {
      runtime.RunFor(1s);
      serve(false);
    }
    ASSERT_EQ(has, server) << "seed " << seed;
    ASSERT_TRUE(reflector.counts().synced);
    ASSERT_FALSE(reflector.counts().stale);
  }
}

}  // namespace
}  // namespace spillway::kube
