#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "scheduler_sim/explain.h"
#include "scheduler_sim/testing/naive.h"
#include "scheduler_sim/testing/random_cluster.h"

// What must hold of every explanation, on random small clusters.
namespace spillway::sim::testing {
namespace {

Objects MakeObjects(const std::vector<Genes>& nodes, const std::vector<Genes>& pods) {
  Objects objects;
  for (std::size_t i = 0; i < std::min<std::size_t>(nodes.size(), 6); ++i) {
    objects.nodes.push_back(NodeFrom(static_cast<int>(i), nodes[i]));
  }
  for (std::size_t i = 0; i < std::min<std::size_t>(pods.size(), 24); ++i) {
    objects.pods.push_back(PodFrom(static_cast<int>(i), pods[i]));
  }
  return objects;
}

Cluster LoadObjects(const Objects& objects) {
  Cluster cluster{ClusterOptions()};
  for (const kube::Node& node : objects.nodes) cluster.Upsert(node);
  for (const kube::Pod& pod : objects.pods) cluster.Upsert(pod);
  return cluster;
}

bool IsPending(const kube::Pod& pod) { return !pod.is_bound() && !pod.is_terminal(); }

RC_GTEST_PROP(Explain, NamesTheFilterThatFailsFirstAndAllItsReasons,
              (const std::vector<Genes>& nodes, const std::vector<Genes>& pods)) {
  const Objects objects = MakeObjects(nodes, pods);
  const Cluster cluster = LoadObjects(objects);
  for (const kube::Pod& pod : objects.pods) {
    if (!IsPending(pod)) continue;
    const NaiveVerdict expected = JudgeNaively(objects, pod, 36);
    const PodExplanation explanation = ExplainPod(cluster, *cluster.FindPod(pod.metadata.uid));
    RC_ASSERT(explanation.rejected == !expected.rejection.empty());
    RC_ASSERT(explanation.nodes.size() == expected.nodes.size());
    for (const NodeExplanation& node : explanation.nodes) {
      const std::string name(cluster.node(node.report.node).name);
      RC_LOG() << pod.metadata.name << " on " << name << ": " << node.report.filter << '\n';
      const NaiveVerdict::Node& truth = expected.nodes.at(name);
      RC_ASSERT(node.objections.empty() == truth.filter.empty());
      if (truth.filter.empty()) continue;
      RC_ASSERT(node.objections.front().filter == truth.filter);
      for (const std::string& reason : truth.reasons) {
        RC_ASSERT(std::any_of(node.objections.begin(), node.objections.end(), [&](const Objection& objection) {
          return objection.filter == truth.filter && objection.reason == reason;
        }));
      }
    }
  }
}

void SetLabel(kube::Node& node, const std::string& key, const std::string* value) {
  kube::StringMap& labels = node.metadata.labels;
  std::erase_if(labels, [&](const auto& label) { return label.first == key; });
  if (value != nullptr) labels.emplace_back(key, *value);
  std::sort(labels.begin(), labels.end());
}

void Grow(kube::Node& node, const Shortage& shortage) {
  const std::int64_t missing = shortage.requested - shortage.free;
  const auto amount =
      shortage.resource == "cpu" ? kube::Quantity::FromMilli(missing) : kube::Quantity::FromUnits(missing);
  for (auto& [resource, allocatable] : node.allocatable) {
    if (resource != shortage.resource) continue;
    allocatable += amount;
    return;
  }
  node.allocatable.emplace_back(shortage.resource, amount);
  std::sort(node.allocatable.begin(), node.allocatable.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
}

// Does what the remedy says. False where that is more than a change of this node and this Pod.
bool Apply(const Objection& objection, kube::Node& node, kube::Pod& pod) {
  const std::string_view remedy = objection.remedy;
  if (objection.shortage) {
    Grow(node, *objection.shortage);
  } else if (remedy == kUncordon) {
    node.unschedulable = false;  // and the node controller takes the taint off
    std::erase_if(node.taints,
                  [](const kube::Taint& taint) { return taint.key == "node.kubernetes.io/unschedulable"; });
  } else if (remedy.starts_with("tolerate ")) {
    const std::string_view taint = remedy.substr(9);
    const std::string key(taint.substr(0, taint.find_first_of("=:")));
    pod.tolerations.push_back({.key = key, .op = kube::Toleration::Operator::kExists});
  } else if (remedy.starts_with("label it ")) {
    const std::string_view label = remedy.substr(9);
    const std::size_t equals = label.find('=');
    const std::string value(equals == std::string_view::npos ? "" : label.substr(equals + 1));
    SetLabel(node, std::string(label.substr(0, equals)), &value);
  } else if (remedy.starts_with("take its label ")) {
    const std::string_view key = remedy.substr(15);
    SetLabel(node, std::string(key.substr(0, key.find(' '))), nullptr);
  } else {
    return false;
  }
  return true;
}

RC_GTEST_PROP(Explain, WhatItSaysWouldHelpHelps, (const std::vector<Genes>& nodes, const std::vector<Genes>& pods)) {
  Objects objects = MakeObjects(nodes, pods);
  for (kube::Pod& pod : objects.pods) {  // labels of nodes are changed below, and with them what is near what
    pod.required_pod_affinity.clear();
    pod.required_pod_anti_affinity.clear();
    pod.topology_spread.clear();
    pod.nominated_node_name.clear();
  }
  const Cluster cluster = LoadObjects(objects);
  int applied = 0;
  for (const kube::Pod& pod : objects.pods) {
    if (!IsPending(pod)) continue;
    const PodIndex index = *cluster.FindPod(pod.metadata.uid);
    for (const NodeExplanation& explained : ExplainPod(cluster, index).nodes) {
      kube::Pod changed_pod = pod;
      kube::Node changed_node = objects.nodes[0];
      const std::string name(cluster.node(explained.report.node).name);
      for (const kube::Node& node : objects.nodes) {
        if (node.metadata.name == name) changed_node = node;
      }
      const bool all = std::all_of(explained.objections.begin(), explained.objections.end(),
                                   [&](const auto& objection) { return Apply(objection, changed_node, changed_pod); });
      if (!all || explained.objections.empty()) continue;
      ++applied;
      Cluster changed = cluster.Clone();
      changed.Upsert(changed_node);
      changed.Upsert(changed_pod);
      for (const NodeReport& report : ReportNodes(changed, *changed.FindPod(pod.metadata.uid))) {
        if (changed.node(report.node).name != name) continue;
        RC_LOG() << pod.metadata.name << " on " << name << " still: " << report.filter << '\n';
        RC_ASSERT(report.filter.empty());
      }
    }
  }
  RC_CLASSIFY(applied > 0, "some remedy was tried");
}

}  // namespace
}  // namespace spillway::sim::testing
