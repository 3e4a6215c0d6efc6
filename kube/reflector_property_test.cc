#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "kube/reflector.h"
#include "kube/testing/reflector_fixture.h"

namespace spillway::kube {
namespace {

using namespace testing;  // NOLINT: the fixture

constexpr std::size_t kPage = 3;

// A few objects that change, of which some versions cannot be read; lists in pages of one moment, and watches. As long
// as `faults` is set, anything may break or lie half-readable at any point.
class ChangingServer {
 public:
  ChangingServer(Runtime& runtime, FakeTransport& transport)
      : runtime_(runtime), random_(runtime.random()), transport_(transport) {}

  void Change() {
    const std::string uid = "u" + std::to_string(random_.Below(12));
    ++version_;
    const auto found = objects_.find(uid);
    if (found != objects_.end() && random_.Chance(0.4)) {
      events_.emplace_back(version_, Line("DELETED", found->second.json));
      objects_.erase(found);
      return;
    }
    const bool readable = random_.Chance(0.8);
    const std::string json = readable ? PodJson(uid, version_, uid) : Broken(uid);
    events_.emplace_back(version_, Line(found != objects_.end() ? "MODIFIED" : "ADDED", json));
    objects_[uid] = {readable ? std::to_string(version_) : "unreadable", json};
  }
  void Serve() {
    for (const auto& exchange : transport_.open()) {
      if (faults && random_.Chance(0.1)) {
        exchange->Break({Code::kUnavailable, "reset"});
      } else if (faults && random_.Chance(0.05)) {
        exchange->Answer({410, FakeTransport::StatusBody(410, "Expired", "too old")});
      } else if (IsWatch(exchange->request())) {
        ServeWatch(*exchange);
      } else {
        ServePage(*exchange);
      }
    }
  }
  // uid to version, or to "unreadable".
  std::map<std::string, std::string> State() const {
    std::map<std::string, std::string> state;
    for (const auto& [uid, object] : objects_) state[uid] = object.version;
    return state;
  }

  bool faults = true;

 private:
  struct Object {
    std::string version, json;
  };
  struct Watch {
    int at = 0;  // the version up to which it has been served
    Instant end{};
  };
  struct Snapshot {
    int version = 0;
    std::vector<std::string> items;
  };

  std::string Broken(const std::string& uid) const {
    return fmt::format(R"({{"metadata":{{"name":"{}","uid":"{}","resourceVersion":"{}"}},"spec":{{"priority":"x"}}}})",
                       uid, uid, version_);
  }
  static std::string Parameter(const std::string& path, const std::string& name) {
    const auto at = path.find(name + "=");
    if (at == std::string::npos) return "";
    const auto begin = at + name.size() + 1;
    return path.substr(begin, path.find('&', begin) - begin);
  }

  // The continue token is "<snapshot>.<offset>".
  void ServePage(Exchange& exchange) {
    const std::string token = Parameter(exchange.request().path, "continue");
    std::size_t snapshot = 0, offset = 0;
    if (token.empty()) {
      snapshot = snapshots_.size();
      snapshots_.push_back({version_, {}});
      for (const auto& [uid, object] : objects_) snapshots_.back().items.push_back(object.json);
    } else {
      snapshot = std::stoul(token);
      offset = std::stoul(token.substr(token.find('.') + 1));
    }
    const Snapshot& from = snapshots_.at(snapshot);
    const std::size_t end = std::min(offset + kPage, from.items.size());
    std::vector<std::string> page(from.items.begin() + static_cast<std::ptrdiff_t>(offset),
                                  from.items.begin() + static_cast<std::ptrdiff_t>(end));
    if (faults && random_.Chance(0.05)) page.push_back(R"({"metadata":{"name":"nobody"}})");
    std::string body = ListJson(page, from.version, end < from.items.size() ? fmt::format("{}.{}", snapshot, end) : "");
    if (faults && random_.Chance(0.05)) body.resize(body.size() / 2);
    exchange.Answer({.status = 200, .body = body});
  }
  void ServeWatch(Exchange& exchange) {
    auto [entry, is_new] = watching_.try_emplace(&exchange);
    Watch& watch = entry->second;
    if (is_new) {
      watch.at = std::stoi(Parameter(exchange.request().path, "resourceVersion"));
      watch.end =
          runtime_.Now() + std::chrono::seconds(std::stoi(Parameter(exchange.request().path, "timeoutSeconds")));
    }
    if (runtime_.Now() >= watch.end) return exchange.End();
    std::string bytes;
    for (const auto& [at, line] : events_) {
      if (at > watch.at) bytes += line;
    }
    if (faults && random_.Chance(0.02)) bytes += Line("MODIFIED", R"({"metadata":{"name":"nobody"}})");
    watch.at = version_;
    exchange.Data(bytes + Bookmark(version_));
  }

  Runtime& runtime_;
  Random& random_;
  FakeTransport& transport_;
  int version_ = 10;
  std::map<std::string, Object> objects_;
  std::vector<std::pair<int, std::string>> events_;
  std::vector<Snapshot> snapshots_;
  std::map<Exchange*, Watch> watching_;
};

// Keeps what it is told.
struct Consumer {
  void Take(DeltaBatch<Pod> batch) {
    for (auto& delta : batch.deltas) {
      if (delta.object) {
        has[delta.uid] = delta.object->metadata.resource_version;
      } else if (delta.unreadable) {
        has[delta.uid] = "unreadable";
      } else {
        EXPECT_EQ(has.erase(delta.uid), 1u) << "deleted what was never given: " << delta.uid;
      }
    }
  }
  std::map<std::string, std::string> has;
};

void Play(std::uint64_t seed) {
  SimRuntime runtime(seed);
  FakeTransport transport(runtime);
  ChangingServer server(runtime, transport);
  Consumer consumer;
  Reflector<Pod> reflector(runtime, transport, {.path = "/p", .resource = "pods"},
                           [&](DeltaBatch<Pod> batch) { consumer.Take(std::move(batch)); });
  reflector.Start();
  for (int step = 0; step < 80; ++step) {
    server.Change();
    runtime.RunFor(runtime.random().Between(0ms, 3s));
    server.Serve();
  }
  server.faults = false;
  for (int step = 0; step < 200; ++step) {
    runtime.RunFor(1s);
    server.Serve();
  }
  EXPECT_EQ(consumer.has, server.State()) << "seed " << seed;
  EXPECT_TRUE(reflector.counts().synced) << "seed " << seed;
  EXPECT_FALSE(reflector.counts().stale) << "seed " << seed;
}

// Whatever happens to any page of a list, or to a watch, the consumer ends with exactly what the server has.
TEST(ReflectorProperty, EndsInStepWithTheServerWhateverBreaks) {
  ::testing::internal::CaptureStderr();  // each object that cannot be read is an error there
  for (std::uint64_t seed = 1; seed <= 300 && !HasFailure(); ++seed) Play(seed);
  ::testing::internal::GetCapturedStderr();
}

}  // namespace
}  // namespace spillway::kube
