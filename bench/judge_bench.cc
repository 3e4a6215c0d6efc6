// One Pod, every node: against kube-scheduler's own plugins (bench/compare.py).
#include <cstdint>
#include <future>
#include <vector>

#include "bench/clusters.h"
#include "scheduler_sim/model/column_scan.h"
#include "scheduler_sim/verdict.h"

namespace spillway::bench {
namespace {

// One pending Pod that fits nowhere, reasons counted and told, all filters on, against 30 placed Pods a node.
void JudgeOne(benchmark::State& state, void (*shape)(kube::Pod&)) {
  const int nodes = static_cast<int>(state.range(0));
  sim::Cluster cluster = Loaded(nodes);
  kube::Pod pod = Pod(10'000'000, 1, 1000, 1LL << 30);
  shape(pod);
  cluster.Upsert(pod);
  const sim::PodIndex index = *cluster.FindPod(pod.metadata.uid);
  std::string message;
  for (auto _ : state) {
    const sim::Verdict verdict = sim::Judge(cluster, index, sim::NodeDomain::kReal);
    if (!Check(state, verdict.kind == sim::Verdict::Kind::kNowhere, "it was to fit nowhere")) break;
    message = verdict.why_not->SchedulerMessage();
  }
  state.SetLabel(message);  // compared with the plugins' own
  CountPairs(state, nodes);
}
BENCHMARK_CAPTURE(JudgeOne, plain, Plain)->Arg(5000)->Arg(100000);
BENCHMARK_CAPTURE(JudgeOne, node_selector, WithNodeSelector)->Arg(5000)->Arg(100000);
BENCHMARK_CAPTURE(JudgeOne, zone_spread, WithZoneSpread)->Arg(5000)->Arg(100000);
BENCHMARK_CAPTURE(JudgeOne, hostname_anti_affinity, WithHostnameAntiAffinity)->Arg(5000)->Arg(100000);

// All nodes have the resources, so that the topological filter looks at every one of them.
void JudgeAffinityToNobody(benchmark::State& state) {
  const int nodes = static_cast<int>(state.range(0));
  sim::Cluster cluster = Loaded(nodes);
  kube::Pod pod = Pod(10'000'000, 1, 1, 1);
  WithZoneAffinity(pod);
  pod.required_pod_affinity.front().label_selector->match_labels = {{"app", "nobody"}};
  cluster.Upsert(pod);
  const sim::PodIndex index = *cluster.FindPod(pod.metadata.uid);
  for (auto _ : state) {
    const sim::Verdict verdict = sim::Judge(cluster, index, sim::NodeDomain::kReal);
    if (!Check(state, verdict.kind == sim::Verdict::Kind::kNowhere, "it was to fit nowhere")) break;
    Check(state,
          verdict.why_not->reasons == std::vector<sim::ReasonCount>{{"node(s) didn't match pod affinity rules", nodes}},
          "the reason was to be affinity, everywhere");
  }
  CountPairs(state, nodes);
}
BENCHMARK(JudgeAffinityToNobody)->Arg(5000);

// What NodeResourcesFit spends its time on: one column of 5,000 nodes, none of which has enough.
void ScanColumn(benchmark::State& state) {
  const std::vector<sim::ColumnScan> scans = sim::ColumnScans();
  const auto index = static_cast<std::size_t>(state.range(0));
  if (!Check(state, index < scans.size(), "this CPU has no more")) return;
  const std::size_t words = 5056 / 64;
  const std::vector<std::int64_t> column(words * 64, 400);
  const std::vector<std::uint64_t> among(words, ~std::uint64_t{0});
  std::vector<std::uint64_t> found(words);
  for (auto _ : state) {
    const std::int64_t count = scans[index].run(column.data(), 1000, among.data(), found.data(), words);
    if (!Check(state, count == 5056, "all were to be short")) break;
  }
  state.SetLabel(scans[index].name);
}
BENCHMARK(ScanColumn)->Arg(0)->Arg(1);

// Would a second thread pay? 100 Pods of as many classes, judged one by one, or half of them on another thread.
void JudgeClasses(benchmark::State& state) {
  const int nodes = static_cast<int>(state.range(0)), threads = static_cast<int>(state.range(1));
  sim::Cluster cluster = Loaded(nodes, 30);
  for (std::uint64_t i = 0; i < 100; ++i) {
    cluster.Upsert(Pod(10'000'000 + i, i, 1000 + static_cast<std::int64_t>(i), 1LL << 30));
  }
  const std::vector<sim::PodIndex> pods = cluster.pending();
  const auto judge = [&](std::size_t from, std::size_t to) {
    int nowhere = 0;
    for (std::size_t i = from; i < to; ++i) {
      nowhere += sim::Judge(cluster, pods[i], sim::NodeDomain::kReal).kind == sim::Verdict::Kind::kNowhere;
    }
    return nowhere;
  };
  for (auto _ : state) {
    int nowhere = 0;
    if (threads == 1) {
      nowhere = judge(0, pods.size());
    } else {
      auto other = std::async(std::launch::async, judge, 0, pods.size() / 2);
      nowhere = judge(pods.size() / 2, pods.size()) + other.get();
    }
    if (!Check(state, nowhere == 100, "all were to fit nowhere")) break;
  }
}
BENCHMARK(JudgeClasses)->ArgsProduct({{5000, 100000}, {1, 2}})->UseRealTime()->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace spillway::bench
