// One Pod, every node: against kube-scheduler's own plugins (bench/compare.py).
#include "bench/clusters.h"
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

}  // namespace
}  // namespace spillway::bench
