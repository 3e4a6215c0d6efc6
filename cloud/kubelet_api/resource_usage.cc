#include "cloud/kubelet_api/resource_usage.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace spillway::cloud {
namespace {

struct Sum {
  std::uint64_t cpu_nanoseconds = 0, working_set_bytes = 0;
  std::optional<std::uint64_t> cpu_nanocores;
};

Sum SumOf(const InstanceStats& stats) {
  Sum sum;
  for (const ContainerStats& container : stats.containers) {
    sum.cpu_nanoseconds += container.cpu_nanoseconds;
    sum.working_set_bytes += container.working_set_bytes;
    if (container.cpu_nanocores) sum.cpu_nanocores = sum.cpu_nanocores.value_or(0) + *container.cpu_nanocores;
  }
  return sum;
}

Json CpuStats(WallTime at, std::uint64_t nanoseconds, std::optional<std::uint64_t> nanocores) {
  Json cpu = {{"time", base::FormatRfc3339(at)}, {"usageCoreNanoSeconds", nanoseconds}};
  if (nanocores) cpu["usageNanoCores"] = *nanocores;
  return cpu;
}

Json MemoryStats(WallTime at, std::uint64_t working_set, std::optional<std::uint64_t> rss) {
  Json memory = {{"time", base::FormatRfc3339(at)}, {"workingSetBytes", working_set}, {"usageBytes", working_set}};
  if (rss) memory["rssBytes"] = *rss;
  return memory;
}

// One metric in the text format: its head, then its samples.
class MetricText {
 public:
  explicit MetricText(std::string& out) : out_(out) {}
  void Begin(const char* name, const char* type, const char* help) {
    name_ = name;
    Append("# HELP {} [STABLE] {}\n# TYPE {} {}\n", name, help, name, type);
  }
  void Sample(const std::string& labels, double value, WallTime at) {
    Append("{}{} {} {}\n", name_, labels, value,
           std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count());
  }
  template <typename... Args>
  void Append(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<Args>(args)...);
  }

 private:
  std::string& out_;
  const char* name_ = "";
};

std::string PodLabels(const PodUsage& pod) { return fmt::format("{{namespace=\"{}\",pod=\"{}\"}}", pod.ns, pod.name); }
std::string ContainerLabels(const PodUsage& pod, const ContainerStats& container) {
  return fmt::format("{{namespace=\"{}\",pod=\"{}\",container=\"{}\"}}", pod.ns, pod.name, container.name);
}
double Seconds(std::uint64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1e9; }

void AppendContainers(MetricText& text, const NodeUsage& usage, double (*value)(const ContainerStats&)) {
  for (const PodUsage& pod : usage.pods) {
    for (const ContainerStats& container : pod.stats.containers) {
      text.Sample(ContainerLabels(pod, container), value(container), pod.stats.at);
    }
  }
}
void AppendPods(MetricText& text, const NodeUsage& usage, double (*value)(const Sum&)) {
  for (const PodUsage& pod : usage.pods) text.Sample(PodLabels(pod), value(SumOf(pod.stats)), pod.stats.at);
}

}  // namespace

std::uint64_t CpuTotal::Add(const std::vector<InstanceStats>& stats) {
  std::map<Key, std::uint64_t> now;
  for (const InstanceStats& instance : stats) {
    for (const ContainerStats& container : instance.containers) {
      const Key key{instance.instance_id, container.name, container.started_at.time_since_epoch().count()};
      const auto before = seen_.find(key);
      const std::uint64_t counted = before == seen_.end() ? 0 : before->second;
      if (container.cpu_nanoseconds > counted) total_ += container.cpu_nanoseconds - counted;
      now[key] = std::max(counted, container.cpu_nanoseconds);
    }
  }
  seen_ = std::move(now);
  return total_;
}

Json StatsSummary(const NodeUsage& usage) {
  Json pods = Json::array();
  for (const PodUsage& pod : usage.pods) {
    Json containers = Json::array();
    for (const ContainerStats& container : pod.stats.containers) {
      containers.push_back({{"name", container.name},
                            {"startTime", base::FormatRfc3339(container.started_at)},
                            {"cpu", CpuStats(pod.stats.at, container.cpu_nanoseconds, container.cpu_nanocores)},
                            {"memory", MemoryStats(pod.stats.at, container.working_set_bytes, container.rss_bytes)}});
    }
    const Sum sum = SumOf(pod.stats);
    pods.push_back({{"podRef", {{"name", pod.name}, {"namespace", pod.ns}, {"uid", pod.uid}}},
                    {"startTime", base::FormatRfc3339(pod.started_at.value_or(pod.stats.at))},
                    {"containers", std::move(containers)},
                    {"cpu", CpuStats(pod.stats.at, sum.cpu_nanoseconds, sum.cpu_nanocores)},
                    {"memory", MemoryStats(pod.stats.at, sum.working_set_bytes, std::nullopt)}});
  }
  Json node = {{"nodeName", usage.node_name},
               {"startTime", base::FormatRfc3339(usage.started_at)},
               {"cpu", CpuStats(usage.at, usage.cpu_nanoseconds, std::nullopt)},
               {"memory", MemoryStats(usage.at, usage.working_set_bytes, std::nullopt)}};
  return {{"node", std::move(node)}, {"pods", std::move(pods)}};
}

std::string ResourceMetrics(const NodeUsage& usage) {
  std::string out;
  MetricText text(out);
  text.Begin("container_cpu_usage_seconds_total", "counter",
             "Cumulative cpu time consumed by the container in core-seconds");
  AppendContainers(text, usage, [](const ContainerStats& c) { return Seconds(c.cpu_nanoseconds); });
  text.Begin("container_memory_working_set_bytes", "gauge", "Current working set of the container in bytes");
  AppendContainers(text, usage, [](const ContainerStats& c) { return static_cast<double>(c.working_set_bytes); });
  text.Begin("container_start_time_seconds", "gauge", "Start time of the container since unix epoch in seconds");
  AppendContainers(text, usage, [](const ContainerStats& c) {
    return std::chrono::duration<double>(c.started_at.time_since_epoch()).count();
  });
  text.Begin("node_cpu_usage_seconds_total", "counter", "Cumulative cpu time consumed by the node in core-seconds");
  text.Sample("", Seconds(usage.cpu_nanoseconds), usage.at);
  text.Begin("node_memory_working_set_bytes", "gauge", "Current working set of the node in bytes");
  text.Sample("", static_cast<double>(usage.working_set_bytes), usage.at);
  text.Begin("pod_cpu_usage_seconds_total", "counter", "Cumulative cpu time consumed by the pod in core-seconds");
  AppendPods(text, usage, [](const Sum& s) { return Seconds(s.cpu_nanoseconds); });
  text.Begin("pod_memory_working_set_bytes", "gauge", "Current working set of the pod in bytes");
  AppendPods(text, usage, [](const Sum& s) { return static_cast<double>(s.working_set_bytes); });
  text.Append(
      "# HELP resource_scrape_error [STABLE] 1 if there was an error while getting container metrics, 0 "
      "otherwise\n# TYPE resource_scrape_error gauge\nresource_scrape_error 0\n");
  return out;
}

}  // namespace spillway::cloud
