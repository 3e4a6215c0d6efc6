#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cmd/snapshot.h"
#include "scheduler_sim/verdict.h"

// The verdicts of `spillway simulate` over a snapshot, and how they are shown.
namespace spillway::cmd {

// What became of one Pod.
struct Outcome {
  const Snapshot::PendingPod* pod = nullptr;
  sim::Verdict verdict;   // about real nodes
  std::string message;    // kube-scheduler's, about all nodes; empty if some node takes it. Undecidable: why
  std::string placement;  // packed: the node it got, virtual ones included
  std::string why;        // packed: why the balancer gave it no virtual node
};

// Judges each Pod alone against the snapshot. `pods` must outlive the result.
std::vector<Outcome> JudgeEach(const Snapshot& snapshot, const std::vector<Snapshot::PendingPod>& pods);

// Places Pods one after the other in kube-scheduler's queue order on the real nodes, then what is left on virtual ones.
std::vector<Outcome> PackAll(const Snapshot& snapshot, const std::vector<Snapshot::PendingPod>& pods);

// {"verdicts":[...]} on one line. The contract is in docs/simulate.md.
std::string AsJson(const sim::Cluster& cluster, const std::vector<Outcome>& outcomes);

// POD, VERDICT, WHERE, WHY, for people.
std::string AsTable(const sim::Cluster& cluster, const std::vector<Outcome>& outcomes);

}  // namespace spillway::cmd
