#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "scheduler_sim/objection.h"
#include "scheduler_sim/verdict.h"

// Why a Pod fits where it fits and nowhere else, with numbers, and what would change that: for `spillway explain`.
namespace spillway::sim {

struct NodeExplanation {
  // The first failing filter and its reasons, as ReportNodes().
  NodeReport report;
  // What all the filters have against it, in their order, the first failing one's first. Empty when it is feasible.
  std::vector<Objection> objections;
  bool counts_nominated = false;  // the verdict counts Pods that are nominated to this node
};

struct PodExplanation {
  Verdict verdict;        // about real nodes
  std::string message;    // kube-scheduler's, over all nodes; empty when one of them takes it or it is undecidable
  bool rejected = false;  // a PreFilter plugin rejects it outright: `nodes` is empty, and `message` says why
  std::vector<NodeExplanation> nodes;  // all, by name; also of an undecidable Pod, as far as filters are known
  // Real nodes that are lost to it (see LostNodes()), by what they are: "3 not ready".
  std::vector<ReasonCount> lost;
};

// Precondition: the Pod is pending. Cost: every filter on every node, some microseconds each.
PodExplanation ExplainPod(const Cluster& cluster, PodIndex pod);

// Nodes with the same answer.
struct NodeGroup {
  NodeRole role = NodeRole::kReal;
  std::string filter;                 // empty: feasible
  std::vector<std::string> reasons;   // kube-scheduler's
  std::vector<std::string> subjects;  // what the first failing filter objects to
  std::vector<std::size_t> members;   // of PodExplanation::nodes, the closest to fitting first, then by name
};
// Feasible ones first, then the largest group.
std::vector<NodeGroup> GroupNodes(const Cluster& cluster, const PodExplanation& explanation);

// A change after which at least one more real node takes the Pod: all its steps together, on one node. They change
// that node, but for "tolerate ...", which changes the Pod.
struct Change {
  std::vector<std::string> steps;
  std::vector<NodeIndex> nodes;  // any one of them, by name
  std::size_t others = 0;        // nodes that need steps of the same kind, as large or larger
};
// The smallest first: fewest steps, then the node closest to fitting. Nodes for which no remedy is known are left out.
std::vector<Change> SmallestChanges(const Cluster& cluster, const PodExplanation& explanation, std::size_t at_most);

}  // namespace spillway::sim
