#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/sim_runtime.h"
#include "kube/api/objects.h"
#include "kube/reflector.h"
#include "kube/testing/fake_transport.h"

// A Reflector of Pods against a scripted API server, for the reflector's own tests.
namespace spillway::kube::testing {

using Exchange = FakeTransport::Exchange;

inline std::string PodJson(const std::string& name, int version, const std::string& uid = "") {
  return fmt::format(R"({{"metadata":{{"name":"{}","namespace":"d","uid":"{}","resourceVersion":"{}"}}}})", name,
                     uid.empty() ? "uid-" + name : uid, version);
}

inline std::string ListJson(const std::vector<std::string>& items, int version, const std::string& token = "") {
  return fmt::format(R"({{"kind":"PodList","metadata":{{"resourceVersion":"{}","continue":"{}"}},"items":[{}]}})",
                     version, token, fmt::join(items, ","));
}

inline std::string Line(const std::string& type, const std::string& object) {
  return fmt::format("{{\"type\":\"{}\",\"object\":{}}}\n", type, object);
}
inline std::string Bookmark(int version) {
  return Line("BOOKMARK", fmt::format(R"({{"kind":"Pod","metadata":{{"resourceVersion":"{}"}}}})", version));
}

inline bool IsWatch(const Request& request) { return request.path.find("watch=1") != std::string::npos; }

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
      } else if (delta.unreadable) {
        line += " ?" + delta.uid;
        unreadable_[delta.uid] = *delta.unreadable;
        continue;
      } else {
        line += " -" + delta.uid;
        has_.erase(delta.uid);
      }
      unreadable_.erase(delta.uid);
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
  std::map<std::string, std::string> has_;  // uid to name
  std::map<std::string, Unreadable> unreadable_;
  std::shared_ptr<Exchange> last_;
  std::unique_ptr<Reflector<Pod>> reflector_;
};

}  // namespace spillway::kube::testing
