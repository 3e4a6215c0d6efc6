// 3,000 Pods meet one agent at its start.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>

#include "base/log.h"
#include "base/sim_runtime.h"
#include "cloud/agent/agent.h"
#include "cloud/providers/simulated/cloud.h"
#include "cloud/testing/fake_cluster.h"

namespace spillway::cloud {
namespace {

using testing::FakeCluster;
using testing::SimplePod;

constexpr int kPods = 3000;

class AgentBurst : public ::testing::Test {
 protected:
  void SetUp() override {
    log::Quiet();
    cluster_.fault = [this](const kube::Request& request) -> std::optional<Result<kube::Response>> {
      Note(request);
      return std::nullopt;
    };
    for (int i = 0; i < kPods; ++i) cluster_.AddPod(SimplePod(Name(i)));
    provider_ = cloud_.NewProvider();
    AgentOptions options;
    options.node_name = "vnode";
    options.cluster_id = "cluster";
    options.internal_ip = "10.0.0.5";
    options.capacity = {{"cpu", "100000"}, {"memory", "100Ti"}, {"pods", "3000"}};
    agent_.emplace(runtime_, cluster_.transport(), *provider_, options);
    agent_->Start();
  }

  static std::string Name(int i) { return "p" + std::to_string(i); }

  void Note(const kube::Request& request) {
    if (request.method == kube::Method::kGet) return;
    if (request.path.find("/leases") != std::string::npos) {
      oldest_lease_ = std::max(oldest_lease_, runtime_.Now() - last_lease_);
      last_lease_ = runtime_.Now();
    } else if (request.path.starts_with("/api/v1/nodes") && request.path.ends_with("/status")) {
      oldest_status_ = std::max(oldest_status_, runtime_.Now() - last_status_);
      last_status_ = runtime_.Now();
    } else if (const auto at = request.path.find("/pods/"); at != std::string::npos) {
      const std::string rest = request.path.substr(at + 6);
      ++writes_[rest.substr(0, rest.find('/'))];
    }
  }

  // Looks once a second: there is much to look at.
  bool Within(Duration limit, const std::function<bool()>& done) {
    for (const Instant end = runtime_.Now() + limit; runtime_.Now() < end; runtime_.RunFor(1s)) {
      if (done()) return true;
    }
    return done();
  }
  int Running() const {
    int count = 0;
    for (int i = 0; i < kPods; ++i) count += cluster_.Phase(Name(i)) == "Running" ? 1 : 0;
    return count;
  }
  std::map<std::string, int> EventsPerPod() const {
    std::map<std::string, int> counts;
    for (const Json& event : cluster_.events) ++counts[TextAt(event, "regarding", "name")];
    return counts;
  }
  static int Median(const std::map<std::string, int>& counts) {
    std::vector<int> values;
    for (const auto& [name, count] : counts) values.push_back(count);
    if (values.empty()) return 0;
    std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
    return values[values.size() / 2];
  }

  SimRuntime runtime_{11};
  FakeCluster cluster_{runtime_};
  SimulatedCloud cloud_{runtime_, {}};
  std::unique_ptr<Provider> provider_;
  std::optional<Agent> agent_;
  std::map<std::string, int> writes_;  // statuses and deletes
  Instant last_lease_{}, last_status_{};
  Duration oldest_lease_{0}, oldest_status_{0};
};

TEST_F(AgentBurst, LeaseAndNodeStatusDoNotWaitAndEachPodIsToldOfOnce) {
  ASSERT_TRUE(Within(150s, [this] { return Running() == kPods; })) << Running();
  RecordProperty("running_after_s", static_cast<int>(runtime_.Now().time_since_epoch() / 1s));
  runtime_.RunFor(300s);
  EXPECT_LE(oldest_lease_, 15s);
  EXPECT_LE(oldest_status_, 65s);
  EXPECT_LE(Median(writes_), 2);
  const auto events = EventsPerPod();
  EXPECT_EQ(events.size(), static_cast<std::size_t>(kPods)) << "each has its events";
  EXPECT_EQ(agent_->event_counts().dropped, 0u);
  EXPECT_LE(Median(events), 4);

  for (int i = 0; i < kPods; ++i) cluster_.DeletePod(Name(i));
  ASSERT_TRUE(Within(150s, [this] { return agent_->counts().pods == 0; }));
  runtime_.RunFor(60s);
  EXPECT_LE(oldest_lease_, 15s);
  EXPECT_LE(Median(writes_), 3);
  EXPECT_LE(Median(EventsPerPod()), 5);
  RecordProperty("oldest_lease_ms", static_cast<int>(oldest_lease_ / 1ms));
  RecordProperty("writes_per_pod", Median(writes_));
  RecordProperty("events_per_pod", Median(EventsPerPod()));
  EXPECT_TRUE(cloud_.violations().empty());
}

}  // namespace
}  // namespace spillway::cloud
