#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>

#include "scheduler_sim/model/requests.h"
#include "scheduler_sim/nodes_needed.h"
#include "scheduler_sim/packing.h"
#include "scheduler_sim/spread_balancer.h"
#include "scheduler_sim/testing/naive.h"
#include "scheduler_sim/testing/naive_storage.h"
#include "scheduler_sim/testing/random_cluster.h"
#include "scheduler_sim/testing/random_storage.h"
#include "scheduler_sim/testing/scenario_fields.h"

// What must hold for every cluster, on random small ones; a counterexample shrinks to a few plain objects.
namespace spillway::sim::testing {
namespace {

struct RandomCluster {
  std::vector<Genes> nodes, pods, namespaces, selecting, storage, volumes;
  Genes scheduler;  // empty: the default

  Objects Make() const {
    Objects objects;
    for (std::size_t i = 0; i < std::min<std::size_t>(nodes.size(), 6); ++i) {
      objects.nodes.push_back(NodeFrom(static_cast<int>(i), nodes[i]));
    }
    for (std::size_t i = 0; i < std::min<std::size_t>(pods.size(), 24); ++i) {
      objects.pods.push_back(PodFrom(static_cast<int>(i), pods[i]));
    }
    for (std::size_t i = 0; i < std::min<std::size_t>(namespaces.size(), 3); ++i) {
      objects.namespaces.push_back(NamespaceFrom(static_cast<int>(i), namespaces[i]));
    }
    Cluster scratch{ClusterOptions()};
    for (std::size_t i = 0; i < std::min<std::size_t>(storage.size(), 24); ++i) {
      const Genes& genes = storage[i];
      if (genes.size() < 2) continue;
      UpsertStorage(genes[0] % kStorageKinds, genes[1], Genes(genes.begin() + 2, genes.end()), objects, scratch);
    }
    for (std::size_t i = 0; i < std::min(volumes.size(), objects.pods.size()); ++i) {
      AddVolumes(volumes[i], objects.pods[i]);
    }
    if (scheduler.empty()) return objects;
    objects.scheduler = SchedulerFrom(scheduler);
    for (std::size_t i = 2; i < objects.pods.size(); i += 3) objects.pods[i].scheduler_name = "other";
    for (std::size_t i = 0; i < std::min<std::size_t>(selecting.size(), 18); ++i) {
      objects.selecting.push_back(SelectingFrom(static_cast<int>(i), selecting[i]));
    }
    if (scheduler.size() % 8 == 0) objects.device_classes = {{.metadata = {}, .extended_resource = "example.com/gpu"}};
    return objects;
  }
};

void showValue(const RandomCluster& cluster, std::ostream& out) {
  const auto show = [&](const char* what, const std::vector<Genes>& all) {
    for (const Genes& genes : all) {
      out << what;
      for (const auto gene : genes) out << ' ' << static_cast<int>(gene);
      out << '\n';
    }
  };
  show("node", cluster.nodes);
  show("pod", cluster.pods);
  show("namespace", cluster.namespaces);
  show("selecting", cluster.selecting);
  show("scheduler", {cluster.scheduler});
  show("storage", cluster.storage);
  show("volumes", cluster.volumes);
}

ClusterOptions Options(const SchedulerConfig& scheduler = {}) {
  ClusterOptions options;
  options.scheduler = scheduler;
  return options;
}

void LoadRest(const Objects& objects, Cluster& cluster) {
  for (const auto& [kind, object] : objects.selecting) cluster.Upsert(kind, object);
  for (const SelectingKind kind : kSelectingKinds) cluster.MarkListed(kind);
  for (const kube::DeviceClass& device_class : objects.device_classes) cluster.Upsert(device_class);
}

Cluster Load(const Objects& objects) {
  Cluster cluster(Options(objects.scheduler));
  LoadRest(objects, cluster);
  for (const kube::Namespace& ns : objects.namespaces) cluster.Upsert(ns);
  for (const kube::Node& node : objects.nodes) cluster.Upsert(node);
  for (const kube::Pod& pod : objects.pods) cluster.Upsert(pod);
  LoadStorage(objects, cluster);
  return cluster;
}

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
    RC_ASSERT(message == (expected.feasible_anywhere() ? "" : expected.Message()));
  }
}

}  // namespace
}  // namespace spillway::sim::testing

namespace rc {
template <>
struct Arbitrary<spillway::sim::testing::RandomCluster> {
  static Gen<spillway::sim::testing::RandomCluster> arbitrary() {
    using spillway::sim::testing::Genes;
    using spillway::sim::testing::RandomCluster;
    const auto genes = gen::container<Genes>(60, gen::inRange<std::uint8_t>(0, 240));
    const auto many = [&](int least, int most) {
      return gen::mapcat(gen::inRange<std::size_t>(least, most + 1),
                         [genes](std::size_t size) { return gen::container<std::vector<Genes>>(size, genes); });
    };
    return gen::build<RandomCluster>(
        gen::set(&RandomCluster::nodes, many(0, 6)), gen::set(&RandomCluster::pods, many(1, 20)),
        gen::set(&RandomCluster::namespaces, many(0, 3)), gen::set(&RandomCluster::selecting, many(0, 12)),
        gen::set(&RandomCluster::scheduler, gen::oneOf(gen::just(Genes()), genes)),
        gen::set(&RandomCluster::storage, many(0, 24)), gen::set(&RandomCluster::volumes, many(0, 20)));
  }
};
}  // namespace rc

namespace spillway::sim::testing {
namespace {

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
  const auto replace = [](auto& list, auto object) {
    std::erase_if(list, [&](const auto& other) { return other.metadata.name == object.metadata.name; });
    list.push_back(std::move(object));
  };
  for (const Genes& genes : changes) {
    if (genes.size() < 3) continue;
    const Genes rest(genes.begin() + 3, genes.end());
    switch (genes[0] % 14) {
      case 0:
        std::erase_if(objects.nodes,
                      [&](const auto& n) { return n.metadata.name == "n" + std::to_string(genes[1] % 6); });
        cluster.RemoveNode("n" + std::to_string(genes[1] % 6));
        break;
      case 1:
        replace(objects.nodes, NodeFrom(genes[1] % 6, rest));
        cluster.Upsert(objects.nodes.back());
        break;
      case 2:
      case 3:
        std::erase_if(objects.pods,
                      [&](const auto& p) { return p.metadata.name == "p" + std::to_string(genes[1] % 24); });
        cluster.RemovePod("p" + std::to_string(genes[1] % 24));
        break;
      case 4:
        replace(objects.namespaces, NamespaceFrom(genes[1] % 3, rest));
        cluster.Upsert(objects.namespaces.back());
        break;
      case 8:
      case 9: {
        auto [kind, object] = SelectingFrom(genes[1] % 18, rest);
        std::erase_if(objects.selecting,
                      [&](const auto& other) { return other.second.metadata.uid == object.metadata.uid; });
        if (genes[0] % 14 == 8) {
          cluster.RemoveSelecting(kind, object.metadata.uid);
        } else {
          cluster.Upsert(kind, object);
          objects.selecting.emplace_back(kind, std::move(object));
        }
        break;
      }
      case 10:
      case 11:
        UpsertStorage(genes[2] % kStorageKinds, genes[1], rest, objects, cluster);
        break;
      case 12:
        RemoveStorage(genes[2] % kStorageKinds, genes[1], objects, cluster);
        break;
      default:
        replace(objects.pods, PodFrom(genes[1] % 24, rest));
        if (genes[2] % 2 != 0) AddVolumes(Genes(rest.rbegin(), rest.rend()), objects.pods.back());
        cluster.Upsert(objects.pods.back());
        break;
    }
  }
  CheckAgainstNaive(objects, cluster);
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
  for (kube::Pod& pod : objects.pods) pod.nominated_node_name.clear();
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
