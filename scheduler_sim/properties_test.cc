#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>

#include "scheduler_sim/model/requests.h"
#include "scheduler_sim/nodes_needed.h"
#include "scheduler_sim/packing.h"
#include "scheduler_sim/spread_balancer.h"
#include "scheduler_sim/testing/arbitrary.h"
#include "scheduler_sim/testing/naive.h"
#include "scheduler_sim/testing/naive_storage.h"
#include "scheduler_sim/testing/random_storage.h"
#include "scheduler_sim/testing/scenario_fields.h"

// What must hold for every cluster, on random small ones; a counterexample shrinks to a few plain objects.
namespace spillway::sim::testing {
namespace {

// Every node's report and the message, as the model sees them.
NaiveVerdict AsNaive(const Cluster& cluster, PodIndex pod, std::string& message) {
  NaiveVerdict seen;
  for (const NodeReport& report : ReportNodes(cluster, pod)) {
    seen.nodes[std::string(cluster.node(report.node).name)] = {report.filter, report.reasons};
  }
  const Verdict verdict = Judge(cluster, pod, NodeDomain::kAll);
  message = verdict.why_not ? verdict.why_not->SchedulerMessage() : verdict.undecidable;
  if (verdict.why_not && !verdict.why_not->rejection.empty()) seen.rejection = message;
  return seen;
}

bool IsReal(const Objects& objects, const std::string& name) {
  return std::any_of(objects.nodes.begin(), objects.nodes.end(), [&](const kube::Node& node) {
    return node.metadata.name == name && kube::Find(node.metadata.labels, "type") == nullptr;
  });
}

// What a Pod that fits on no real node lacks.
void CheckLack(const Objects& objects, const NaiveVerdict& expected, const Verdict& verdict) {
  if (!verdict.why_not || !expected.rejection.empty()) return;
  std::int64_t real = 0, lost = 0;
  bool short_of_resources = false;
  for (const auto& [name, node] : expected.nodes) {
    if (!IsReal(objects, name)) continue;
    ++real;
    lost += expected.lost.count(name) != 0 ? 1 : 0;
    short_of_resources = short_of_resources || node.filter == "NodeResourcesFit";
  }
  RC_LOG() << "lost " << verdict.why_not->LostText() << ", naively " << lost << '\n';
  RC_ASSERT(verdict.why_not->lacks_capacity() == (real == 0 || short_of_resources || lost > 0));
  if (!verdict.why_not->short_of_resources) RC_ASSERT(verdict.why_not->lost_nodes() == lost);
}

void CheckAgainstNaive(const Objects& objects, const Cluster& cluster) {
  for (const kube::Pod& pod : objects.pods) {
    if (pod.is_bound() || pod.is_terminal()) continue;
    std::string message;
    const NaiveVerdict seen = AsNaive(cluster, *cluster.FindPod(pod.metadata.uid), message);
    const NaiveVerdict expected = JudgeNaively(objects, pod, 36);
    if (expected.undecidable) {
      RC_ASSERT(Judge(cluster, *cluster.FindPod(pod.metadata.uid), NodeDomain::kAll).kind ==
                Verdict::Kind::kUndecidable);
      continue;
    }
    RC_LOG() << pod.metadata.name << ": " << message << "\nnaively " << expected.Message() << '\n';
    for (const auto& [name, node] : expected.nodes) {
      RC_LOG() << name << " naively " << node.filter << ", seen "
               << (seen.nodes.count(name) != 0 ? seen.nodes.at(name).filter : "nothing") << '\n';
    }
    if (expected.fails) {
      RC_ASSERT(message.find("kube-scheduler itself fails") != std::string::npos);
      continue;
    }
    RC_ASSERT(seen.nodes == expected.nodes);
    CheckLack(objects, expected, Judge(cluster, *cluster.FindPod(pod.metadata.uid), NodeDomain::kReal));
    RC_ASSERT(message == (expected.feasible_anywhere() ? "" : expected.Message()));
  }
}

RC_GTEST_PROP(Model, AgreesWithTheFiltersWrittenNaively, (const RandomCluster& random)) {
  const Objects objects = random.Make();
  CheckAgainstNaive(objects, Load(objects));
}

RC_GTEST_PROP(Model, DeltasInAnyOrderLeadToTheSameModel,
              (const RandomCluster& random, const std::vector<Genes>& changes)) {
  Objects objects = random.Make();
  std::reverse(objects.nodes.begin(), objects.nodes.end());
  std::reverse(objects.pods.begin(), objects.pods.end());
  Cluster cluster(Options(objects.scheduler));
  for (const kube::Pod& pod : objects.pods) cluster.Upsert(pod);
  for (const kube::Node& node : objects.nodes) cluster.Upsert(node);
  for (const kube::Namespace& ns : objects.namespaces) cluster.Upsert(ns);
  LoadRest(objects, cluster);
  LoadStorage(objects, cluster);
  for (const Genes& genes : changes) ApplyChange(genes, objects, cluster);
  CheckAgainstNaive(objects, cluster);
}

// kube-scheduler takes any of several equally large volumes: a node takes the Pod if it does in some order.
RC_GTEST_PROP(Model, AgreesWithTheNaiveFiltersInEveryOrderOfEqualVolumes, (const RandomCluster& random)) {
  Objects objects = random.Make();
  for (std::size_t i = 0; i < objects.volumes.size(); ++i) {
    if (i % 3 != 2) objects.volumes[i].capacity = kube::Quantity::FromUnits(std::int64_t{4} << 30);
  }
  for (kube::Pod& pod : objects.pods) {
    for (const char* name : {"c0", "c1"}) {
      if (pod.is_bound() || pod.volumes.size() > 2) continue;
      kube::Volume& volume = pod.volumes.emplace_back();
      volume.kind = kube::Volume::Kind::kPersistentVolumeClaim;
      volume.name = volume.source = name;
    }
  }
  CheckAgainstNaive(objects, Load(objects));
}

// Labels that every Pod has a value of its own for, as StatefulSets' Pods do, and selectors that ask for them only
// after the Pods are there.
RC_GTEST_PROP(Model, ANewSelectorFindsLabelsThatNobodyAskedFor, (const RandomCluster& random)) {
  Objects objects = random.Make();
  Objects at_first = objects;
  for (std::size_t i = 0; i < objects.pods.size(); ++i) {
    kube::Pod& pod = objects.pods[i];
    pod.metadata.labels.emplace_back("zz-index", std::to_string(i));
    kube::LabelSelector some;
    some.match_expressions = {{"zz-index", kube::LabelRequirement::Operator::kIn, {"0", "2", "3", std::to_string(i)}}};
    for (auto* terms : {&pod.required_pod_affinity, &pod.required_pod_anti_affinity}) {
      for (kube::PodAffinityTerm& term : *terms) term.label_selector = some;
    }
    for (kube::TopologySpreadConstraint& constraint : pod.topology_spread) constraint.label_selector = some;
    at_first.pods[i] = pod;
    at_first.pods[i].required_pod_affinity.clear();
    at_first.pods[i].required_pod_anti_affinity.clear();
    at_first.pods[i].topology_spread.clear();
  }
  Cluster cluster = Load(at_first);
  for (const kube::Pod& pod : objects.pods) cluster.Upsert(pod);
  CheckAgainstNaive(objects, cluster);
}

// Packing, step by step: what it places had room, what it does not place had none.
RC_GTEST_PROP(Packing, EveryStepIsRight, (const RandomCluster& random)) {
  Objects objects = random.Make();
  std::erase_if(objects.nodes,
                [](const kube::Node& node) { return kube::Find(node.metadata.labels, "type") != nullptr; });
  const std::vector<kube::Pod> originals = objects.pods;
  for (const char* replica : {"-2", "-3", "-4"}) {
    for (kube::Pod pod : originals) {
      pod.metadata.name = pod.metadata.uid += replica;
      if (!pod.is_bound() && !pod.is_terminal()) objects.pods.push_back(pod);
    }
  }
  const Cluster cluster = Load(objects);
  std::map<PodIndex, kube::Pod*> by_index;
  for (kube::Pod& pod : objects.pods) {
    if (const auto index = cluster.FindPod(pod.metadata.uid)) by_index[*index] = &pod;
  }
  const Packing packing = Pack(cluster, InQueueOrder(cluster, cluster.pending()), NodeDomain::kReal);
  for (const Packing::Entry& entry : packing.entries()) {
    kube::Pod& pod = *by_index.at(entry.pod);
    const NaiveVerdict expected = JudgeNaively(objects, pod, 36);
    RC_LOG() << pod.metadata.name << ": " << expected.Message() << '\n';
    if (entry.verdict.kind == Verdict::Kind::kFits) {
      const std::string node(cluster.node(entry.verdict.node).name);
      RC_ASSERT(!expected.undecidable);
      RC_ASSERT(expected.nodes.at(node).filter.empty());
      const auto on = std::find_if(objects.nodes.begin(), objects.nodes.end(),
                                   [&](const kube::Node& n) { return n.metadata.name == node; });
      BindVolumesNaively(objects, pod, *on, Semantics::Of(36));
      pod.node_name = node;
    } else if (entry.verdict.kind == Verdict::Kind::kUndecidable) {
      RC_ASSERT(expected.undecidable || expected.fails);
    } else {
      RC_ASSERT(!expected.undecidable);
      RC_ASSERT(!expected.feasible_anywhere());
    }
  }
}

// What the controller and the sandbox ask by packing, others ask by judging.
RC_GTEST_PROP(Packing, OfASinglePodIsItsJudgement, (const RandomCluster& random)) {
  const Cluster cluster = Load(random.Make());
  for (const NodeDomain domain : {NodeDomain::kReal, NodeDomain::kAll}) {
    for (const PodIndex pod : cluster.pending()) {
      const Verdict judged = Judge(cluster, pod, domain);
      const Verdict packed = Pack(cluster, std::vector<PodIndex>{pod}, domain).entries().front().verdict;
      RC_ASSERT(packed.kind == judged.kind);
      RC_ASSERT(packed.node == judged.node);
      RC_ASSERT(packed.undecidable == judged.undecidable);
      RC_ASSERT((packed.why_not == nullptr) == (judged.why_not == nullptr));
      if (packed.why_not == nullptr) continue;
      RC_ASSERT(packed.why_not->SchedulerMessage() == judged.why_not->SchedulerMessage());
      RC_ASSERT(packed.why_not->short_of_resources == judged.why_not->short_of_resources);
    }
  }
}

RC_GTEST_PROP(Packing, EqualPodsFillExactlyTheFreeSlots, ()) {
  Cluster cluster(Options());
  std::int64_t slots = 0;
  for (int i = 0; i < *rc::gen::inRange(0, 8); ++i) {
    const int cpu = *rc::gen::inRange(0, 5), pods = *rc::gen::inRange(0, 4);
    cluster.Upsert(
        MakeNode("n" + std::to_string(i), false, {"cpu=" + std::to_string(cpu), "pods=" + std::to_string(pods)}));
    slots += std::min(cpu, pods);
  }
  const int wanted = *rc::gen::inRange(0, 30);
  for (int i = 0; i < wanted; ++i) cluster.Upsert(MakePod("p" + std::to_string(i), {"cpu=1"}));
  std::int64_t placed = 0;
  const Packing packing = Pack(cluster, InQueueOrder(cluster, cluster.pending()), NodeDomain::kReal);
  for (const Packing::Entry& entry : packing.entries()) {
    placed += entry.verdict.kind == Verdict::Kind::kFits;
  }
  RC_ASSERT(placed == std::min<std::int64_t>(slots, wanted));
}

// First fit by hand: Pods in the given order, each on the first new node that naively takes it, or one more.
struct FirstFit {
  Objects objects;
  kube::Node shape;
  std::size_t most = 0;
  std::vector<std::string> new_nodes = {}, left_over = {};
  int names = 0;

  bool Takes(const kube::Pod& pod, const std::string& node) const {
    const NaiveVerdict verdict = JudgeNaively(objects, pod, 36);
    const auto on = verdict.nodes.find(node);
    return on != verdict.nodes.end() && on->second.filter.empty();
  }
  std::string NodeFor(const kube::Pod& pod) {
    for (const std::string& node : new_nodes) {
      if (Takes(pod, node)) return node;
    }
    if (new_nodes.size() == most) return {};
    kube::Node node = shape;
    node.metadata.name = node.metadata.uid = "fresh" + std::to_string(++names);
    for (auto& [key, value] : node.metadata.labels) {
      if (key == "kubernetes.io/hostname") value = node.metadata.name;
    }
    objects.nodes.push_back(node);
    if (Takes(pod, node.metadata.name)) return new_nodes.emplace_back(node.metadata.name);
    objects.nodes.pop_back();
    return {};
  }
  void Place(const std::string& name) {
    const auto pod = std::find_if(objects.pods.begin(), objects.pods.end(),
                                  [&](const kube::Pod& other) { return other.metadata.name == name; });
    const std::string node = NodeFor(*pod);
    pod->node_name = node;
    if (node.empty()) {
      left_over.push_back(name);
      return;
    }
    const auto on = std::find_if(objects.nodes.begin(), objects.nodes.end(),
                                 [&](const kube::Node& other) { return other.metadata.name == node; });
    BindVolumesNaively(objects, *pod, *on, Semantics::Of(36));
  }
};

double ShareOf(const kube::Pod& pod, const kube::Node& shape) {
  const PodRequests requests = PendingRequests(pod, Semantics::Of(36));
  const NodeCapacity capacity = CapacityOf(shape);
  const auto share = [](std::int64_t wanted, std::int64_t there) {
    return there > 0 ? static_cast<double>(wanted) / static_cast<double>(there) : 0.0;
  };
  return share(requests.milli_cpu, capacity.milli_cpu) + share(requests.memory, capacity.memory);
}

RC_GTEST_PROP(NodesNeeded, IsFirstFitLargestFirst, (const RandomCluster& random, const Genes& shape)) {
  FirstFit naive{random.Make(), NodeFrom(50, shape), 3};
  naive.objects.scheduler.extenders.clear();  // no Pod is undecidable
  naive.objects.device_classes.clear();
  for (kube::Pod& pod : naive.objects.pods) {
    pod.nominated_node_name.clear();
    if (naive.objects.scheduler.profiles.size() == 1) pod.scheduler_name.clear();
  }
  const std::vector<kube::Pod> originals = naive.objects.pods;
  for (const char* replica : {"-2", "-3"}) {
    for (kube::Pod pod : originals) {
      pod.metadata.name = pod.metadata.uid += replica;
      if (!pod.is_bound() && !pod.is_terminal()) naive.objects.pods.push_back(pod);
    }
  }
  const Cluster cluster = Load(naive.objects);
  const std::vector<PodIndex> pods = InQueueOrder(cluster, cluster.pending());
  const NodesNeeded needed = CountNodesNeeded(cluster, pods, naive.shape, naive.most);

  std::map<PodIndex, const kube::Pod*> by_index;
  for (const kube::Pod& pod : naive.objects.pods) {
    if (const auto index = cluster.FindPod(pod.metadata.uid)) by_index[*index] = &pod;
  }
  std::vector<ClassIndex> classes;  // in order of appearance
  for (const PodIndex pod : pods) {
    if (std::find(classes.begin(), classes.end(), cluster.class_of(pod)) == classes.end()) {
      classes.push_back(cluster.class_of(pod));
    }
  }
  std::vector<std::pair<double, std::vector<std::string>>> batches;
  for (const ClassIndex index : classes) {
    auto& [share, names] = batches.emplace_back();
    for (const PodIndex pod : pods) {
      if (cluster.class_of(pod) != index) continue;
      names.push_back(by_index.at(pod)->metadata.name);
      share = ShareOf(*by_index.at(pod), naive.shape);
    }
  }
  std::stable_sort(batches.begin(), batches.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  for (const auto& [share, names] : batches) {
    for (const std::string& name : names) naive.Place(name);
  }

  std::vector<std::string> left_over;
  for (const PodIndex pod : needed.left_over) left_over.push_back(by_index.at(pod)->metadata.name);
  RC_LOG() << needed.nodes << " nodes, naively " << naive.new_nodes.size() << '\n';
  RC_ASSERT(left_over == naive.left_over);
  RC_ASSERT(needed.nodes == naive.new_nodes.size());
  RC_ASSERT(needed.placed == pods.size() - left_over.size());
}

RC_GTEST_PROP(Spread, SharesStayWithinOnePodOfEven, ()) {
  Cluster cluster(Options());
  std::vector<std::int64_t> quotas;
  for (int i = 0; i < *rc::gen::inRange(1, 6); ++i) {
    quotas.push_back(*rc::gen::inRange(1, 60));
    cluster.Upsert(MakeNode("v" + std::to_string(i), true, {"pods=" + std::to_string(quotas.back())}));
  }
  const int wanted = *rc::gen::inRange(0, 80);
  for (int i = 0; i < wanted; ++i) cluster.Upsert(MakePod("p" + std::to_string(i), {}));
  std::map<NodeIndex, std::int64_t> used;
  std::int64_t placed = 0;
  for (const Placement& placement : Spread(cluster, cluster.pending(), {})) {
    if (placement.node) ++used[*placement.node], ++placed;
  }
  std::int64_t room = 0;
  for (const std::int64_t quota : quotas) room += quota;
  RC_ASSERT(placed == std::min<std::int64_t>(room, wanted));
  // Taking one Pod off any node leaves it below what any other would have with one more.
  for (const auto& [a, used_a] : used) {
    for (const auto& [b, used_b] : used) {
      if (used_b == cluster.node(b).allocatable_pods) continue;
      RC_ASSERT((used_a - 1) * cluster.node(b).allocatable_pods <= (used_b + 1) * cluster.node(a).allocatable_pods);
    }
  }
}

RC_GTEST_PROP(Clone, ChangesNothingInTheOriginal, (const RandomCluster& random)) {
  const Objects objects = random.Make();
  const Cluster cluster = Load(objects);
  Cluster copy = cluster.Clone();
  for (const kube::Pod& pod : objects.pods) copy.RemovePod(pod.metadata.uid);
  for (const kube::Node& node : objects.nodes) copy.RemoveNode(node.metadata.uid);
  RC_ASSERT(copy.pod_count() == 0u);
  CheckAgainstNaive(objects, cluster);
}

}  // namespace
}  // namespace spillway::sim::testing
