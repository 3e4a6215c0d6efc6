#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <set>

#include "metrics/registry.h"
#include "metrics/serving.h"

namespace spillway::metrics {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Names, TheTableIsInTheOrderOfIds) {
  for (std::size_t i = 0; i < AllMetrics().size(); ++i) {
    EXPECT_EQ(static_cast<std::size_t>(AllMetrics()[i].id), i) << AllMetrics()[i].name;
  }
  EXPECT_EQ(AllMetrics().size(), static_cast<std::size_t>(Id::kProcessStartTime) + 1);
}

// The rules that promtool and practice ask for.
TEST(Names, AreWhatPrometheusExpects) {
  const std::set<std::string> renamed_by_scrapes = {"namespace", "pod",       "node",    "job",
                                                    "instance",  "container", "service", "endpoint"};
  const std::regex valid("[a-z][a-z0-9_]*");
  std::set<std::string> names;
  for (const Metric& metric : AllMetrics()) {
    EXPECT_TRUE(names.insert(metric.name).second) << metric.name << " twice";
    EXPECT_TRUE(std::regex_match(metric.name, valid)) << metric.name;
    EXPECT_TRUE(metric.help.ends_with('.')) << metric.name;
    EXPECT_EQ(metric.name.ends_with("_total"), metric.type == Type::kCounter) << metric.name;
    EXPECT_FALSE(metric.name.ends_with("_count") || metric.name.ends_with("_sum")) << metric.name;
    EXPECT_EQ(metric.buckets.empty(), metric.type != Type::kHistogram) << metric.name;
    EXPECT_TRUE(metric.type != Type::kHistogram || metric.name.ends_with("_seconds")) << metric.name;
    for (const std::string& label : metric.labels) EXPECT_FALSE(renamed_by_scrapes.contains(label)) << metric.name;
    for (const LabelValues& known : metric.known) EXPECT_EQ(known.size(), metric.labels.size()) << metric.name;
  }
}

TEST(Registry, KnownLabelValuesAreZeroFromTheStart) {
  Registry registry(Component::kController);
  const std::string text = registry.Text();
  EXPECT_THAT(text, HasSubstr("spillway_pods_pending{state=\"binding\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("spillway_decisions_total{decision=\"no_virtual_node\",reason=\"none_exists\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("spillway_pod_pending_to_bound_seconds_bucket{le=\"0.25\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("spillway_pod_oldest_pending_timestamp_seconds 0\n"));
  EXPECT_THAT(text, HasSubstr("# HELP spillway_pods_pending Pods without a node"));
  EXPECT_THAT(text, HasSubstr("# TYPE spillway_decisions_total counter\n"));
}

TEST(Registry, AComponentExportsOnlyItsOwn) {
  EXPECT_THAT(Registry(Component::kAgent).Text(), Not(HasSubstr("spillway_decisions_total")));
  EXPECT_THAT(Registry(Component::kAgent).Text(), HasSubstr("spillway_instances{state=\"creating\"} 0\n"));
  Registry agent(Component::kAgent);
  agent.Add(Id::kBinds, {"bound", "v"});  // nobody asked: ignored
  EXPECT_EQ(agent.Value(Id::kBinds, {"bound", "v"}), 0);
}

TEST(Registry, TotalsKeptElsewhereNeverGoBack) {
  Registry registry(Component::kController);
  registry.SetTotal(Id::kWatchRestarts, {"pods"}, 5);
  registry.SetTotal(Id::kWatchRestarts, {"pods"}, 7);
  EXPECT_EQ(registry.Value(Id::kWatchRestarts, {"pods"}), 7);
  registry.SetTotal(Id::kWatchRestarts, {"pods"}, 1);
  EXPECT_EQ(registry.Value(Id::kWatchRestarts, {"pods"}), 8);
}

TEST(Registry, ResetForgetsWhatIsGoneAndKeepsKnownValues) {
  Registry registry(Component::kController);
  registry.Set(Id::kVirtualNodeReady, {"old"}, 1);
  registry.Reset(Id::kVirtualNodeReady);
  EXPECT_THAT(registry.Text(), Not(HasSubstr("\"old\"")));
  registry.Set(Id::kPodsPending, {"binding"}, 3);
  registry.Reset(Id::kPodsPending);
  EXPECT_THAT(registry.Text(), HasSubstr("spillway_pods_pending{state=\"binding\"} 0\n"));
}

TEST(Registry, HooksRunAtEachScrapeUntilTheirOwnerIsGone) {
  Registry registry(Component::kController);
  int scrapes = 0;
  {
    const ScrapeHook hook = registry.OnScrape([&scrapes] { ++scrapes; });
    registry.Text();
    registry.Text();
  }
  registry.Text();
  EXPECT_EQ(scrapes, 2);
}

TEST(Registry, ProcessMetrics) {
  Registry registry(Component::kController);
  const ScrapeHook hook = ExportProcessMetrics(registry);
  registry.Text();
  EXPECT_GT(registry.Value(Id::kProcessResidentMemory), 1e6);
  EXPECT_GT(registry.Value(Id::kProcessStartTime), 1.6e9);
  EXPECT_GT(registry.Value(Id::kProcessOpenFds), 2);
}

class HealthTest : public ::testing::Test {
 protected:
  HealthTest() {
    health_.AddLivez("loop", [] { return Status(); });
    health_.AddReadyz("leader", [] { return Status(); });
    health_.AddReadyz("caches", [this] { return caches_; });
  }
  net::ServerResponse Get(std::string path, std::string query = "") {
    net::ServerRequest request;
    request.method = "GET";
    request.path = std::move(path);
    request.query = std::move(query);
    return health_.Answer(request);
  }
  Status caches_;
  Health health_;
};

TEST_F(HealthTest, OkIsTwoLetters) {
  EXPECT_EQ(Get("/readyz").body, "ok");
  EXPECT_EQ(Get("/livez").body, "ok");
  EXPECT_EQ(Get("/healthz").body, "ok");
  EXPECT_EQ(Get("/readyz").status, 200);
}

TEST_F(HealthTest, VerboseListsEachCheck) {
  EXPECT_EQ(Get("/readyz", "verbose").body, "[+]leader ok\n[+]caches ok\nreadyz check passed\n");
}

TEST_F(HealthTest, AFailureSaysWhyAndDoesNotTouchLiveness) {
  caches_ = Fail(Code::kUnavailable, "nodes: connection refused");
  EXPECT_EQ(Get("/readyz").status, 500);
  EXPECT_EQ(Get("/readyz").body, "[+]leader ok\n[-]caches failed: nodes: connection refused\nreadyz check failed\n");
  EXPECT_EQ(Get("/livez").status, 200);
}

TEST_F(HealthTest, ChecksCanBeExcludedAndAskedForByName) {
  caches_ = Fail(Code::kUnavailable, "no");
  EXPECT_EQ(Get("/readyz", "exclude=caches").status, 200);
  EXPECT_EQ(Get("/readyz", "exclude=caches&verbose").body,
            "[+]leader ok\n[+]caches excluded: ok\nreadyz check passed\n");
  EXPECT_THAT(Get("/readyz", "exclude=zzz&exclude=caches&verbose").body, HasSubstr("no matches for \"zzz\""));
  EXPECT_EQ(Get("/readyz/leader").status, 200);
  EXPECT_EQ(Get("/readyz/caches").status, 500);
  EXPECT_EQ(Get("/readyz/nothing").status, 404);
  EXPECT_EQ(Get("/secret").status, 404);
}

}  // namespace
}  // namespace spillway::metrics
