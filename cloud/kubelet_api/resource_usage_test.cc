#include "cloud/kubelet_api/resource_usage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace spillway::cloud {
namespace {

using ::testing::HasSubstr;

WallTime TimeOf(const char* text) { return *base::ParseRfc3339(text); }

NodeUsage Sample() {
  NodeUsage usage;
  usage.node_name = "vnode";
  usage.at = TimeOf("2026-11-30T10:00:00Z");
  usage.started_at = TimeOf("2026-11-30T09:00:00Z");
  usage.cpu_nanoseconds = 5'500'000'000;
  usage.working_set_bytes = 300;
  ContainerStats one{"main", TimeOf("2026-11-30T09:59:00Z"), 1'500'000'000, 250'000'000, 100, 90};
  ContainerStats two{"side", TimeOf("2026-11-30T09:59:30Z"), 500'000'000, 50'000'000, 50, {}};
  usage.pods.push_back(
      {"ns", "web", "u-1", TimeOf("2026-11-30T09:58:00Z"), {"i-1", TimeOf("2026-11-30T10:00:00Z"), {one, two}}});
  return usage;
}

TEST(StatsSummary, NamesNodePodsAndContainers) {
  const Json summary = StatsSummary(Sample());
  EXPECT_EQ(summary["node"]["nodeName"], "vnode");
  EXPECT_EQ(summary["node"]["cpu"]["usageCoreNanoSeconds"], 5'500'000'000);
  const Json& pod = summary["pods"][0];
  EXPECT_EQ(pod["podRef"], Json({{"name", "web"}, {"namespace", "ns"}, {"uid", "u-1"}}));
  EXPECT_EQ(pod["cpu"]["usageNanoCores"], 300'000'000);
  EXPECT_EQ(pod["memory"]["workingSetBytes"], 150);
  EXPECT_EQ(pod["containers"][0]["name"], "main");
  EXPECT_EQ(pod["containers"][0]["startTime"], "2026-11-30T09:59:00Z");
  EXPECT_EQ(pod["containers"][0]["cpu"], Json({{"time", "2026-11-30T10:00:00Z"},
                                               {"usageCoreNanoSeconds", 1'500'000'000},
                                               {"usageNanoCores", 250'000'000}}));
  EXPECT_EQ(pod["containers"][0]["memory"]["rssBytes"], 90);
}

// metrics-server's decoder finds labels by name; virtual-kubelet's test takes the second.
TEST(ResourceMetrics, HasWhatMetricsServerReadsWithThePodSecond) {
  const std::string text = ResourceMetrics(Sample());
  for (const char* line :
       {"# TYPE container_cpu_usage_seconds_total counter\n",
        "container_cpu_usage_seconds_total{namespace=\"ns\",pod=\"web\",container=\"main\"} 1.5 1796032800000\n",
        "container_memory_working_set_bytes{namespace=\"ns\",pod=\"web\",container=\"side\"} 50 1796032800000\n",
        "container_start_time_seconds{namespace=\"ns\",pod=\"web\",container=\"main\"} 1796032740 1796032800000\n",
        "node_cpu_usage_seconds_total 5.5 1796032800000\n", "node_memory_working_set_bytes 300 1796032800000\n",
        "pod_cpu_usage_seconds_total{namespace=\"ns\",pod=\"web\"} 2 1796032800000\n",
        "pod_memory_working_set_bytes{namespace=\"ns\",pod=\"web\"} 150 1796032800000\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST(CpuTotal, NeverFalls) {
  CpuTotal total;
  const auto stats = [](std::uint64_t used, const char* started) {
    return std::vector<InstanceStats>{{"i-1", {}, {{"main", TimeOf(started), used, {}, 0, {}}}}};
  };
  EXPECT_EQ(total.Add(stats(100, "2026-11-30T10:00:00Z")), 100u);
  EXPECT_EQ(total.Add(stats(150, "2026-11-30T10:00:00Z")), 150u);
  EXPECT_EQ(total.Add(stats(10, "2026-11-30T10:05:00Z")), 160u) << "another run of the same container";
  EXPECT_EQ(total.Add({}), 160u);
  EXPECT_EQ(total.Add(stats(7, "2026-11-30T10:09:00Z")), 167u);
}

}  // namespace
}  // namespace spillway::cloud
