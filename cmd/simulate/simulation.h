#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cmd/snapshot/snapshot.h"
#include "controller/decision.h"
#include "controller/policy/policy.h"
#include "scheduler_sim/verdict.h"

// The verdicts of `spillway simulate` over a snapshot, and how they are shown.
namespace spillway::cmd {

// What became of one Pod.
struct Outcome {
  const Snapshot::PendingPod* pod = nullptr;
  sim::Verdict verdict;   // about real nodes
  std::string message;    // kube-scheduler's, about all nodes; empty if some node takes it. Undecidable: why
  std::string placement;  // packed: the node it got, virtual ones included
  std::string why;        // packed: why this virtual node, or why none
  // Packed: what the controller makes of it.
  std::optional<controller::Outcome> decided;
};

// Judges each Pod alone against the snapshot. `pods` must outlive the result.
std::vector<Outcome> JudgeEach(const Snapshot& snapshot, const std::vector<Snapshot::PendingPod>& pods);

// The same, asked the way the controller asks: by packing the Pod, alone.
std::vector<Outcome> PackEach(const Snapshot& snapshot, const std::vector<Snapshot::PendingPod>& pods);

// Places Pods one after the other in kube-scheduler's queue order on the real nodes, then on virtual ones what the
// controller would move once --pending-grace is over: it is asked. The snapshot must keep all Pods that IsPacked(); the
// policy's scheduler names are those of the snapshot's profiles.
std::vector<Outcome> PackAll(const Snapshot& snapshot, const std::vector<Snapshot::PendingPod>& pods,
                             controller::Policy policy);
bool IsPacked(const kube::Pod& pod);

// How many nodes of one shape it would take for the Pods that fit on no real node.
struct NodesOfShape {
  std::string shape;  // its name
  std::size_t nodes = 0, placed = 0;
  std::vector<std::string> left_over;  // Pods that none of them takes, by namespace/name
};
NodesOfShape CountNodes(const Snapshot& snapshot, const std::vector<Outcome>& outcomes, const kube::Node& shape);

// {"verdicts":[...]} on one line, and "nodesNeeded" if they were counted. The contract is in docs/simulate.md.
std::string AsJson(const sim::Cluster& cluster, const std::vector<Outcome>& outcomes,
                   const std::optional<NodesOfShape>& needed = std::nullopt);

// POD, VERDICT, WHERE, WHY, for people, and a sentence about nodes if they were counted.
std::string AsTable(const sim::Cluster& cluster, const std::vector<Outcome>& outcomes,
                    const std::optional<NodesOfShape>& needed = std::nullopt);

}  // namespace spillway::cmd
