#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "scheduler_sim/cluster.h"

namespace spillway::sim {

struct ReasonCount {
  std::string reason;  // kube-scheduler's text: "Insufficient cpu"
  std::int64_t nodes = 0;
  bool operator==(const ReasonCount&) const = default;
};

// Why a Pod fits on no node of a domain. Counts may exceed the number of nodes in sum: NodeResourcesFit gives several
// reasons for one node.
struct Explanation {
  std::int64_t nodes = 0;            // in the domain
  std::vector<ReasonCount> reasons;  // sorted as kube-scheduler sorts "count reason", as strings
  std::string rejection;             // a PreFilter plugin's one message for all nodes; reasons are then empty
  bool short_of_resources = false;   // NodeResourcesFit rejected at least one node, or the domain is empty
  // Real nodes that are lost to the Pod, by what they are ("3 not ready"): see LostNodes(). Worked out only if there is
  // no shortage otherwise.
  std::vector<ReasonCount> lost;
  // Why it may fit all the same, for operators: on a node that is rejected by what nobody but kube-scheduler can know.
  // Empty when it cannot.
  std::string doubt;

  // Capacity is what it lacks: real nodes are short of it, lost, or there are none.
  bool lacks_capacity() const { return short_of_resources || !lost.empty(); }
  std::int64_t lost_nodes() const;
  // "8 Insufficient cpu, 4 node(s) had untolerated taint(s)"
  std::string Summary() const;
  // "10 not ready, 2 cordoned"; empty when none is lost, or that was not worked out.
  std::string LostText() const;
  // "0/12 nodes are available: 4 node(s) had untolerated taint(s), 8 Insufficient cpu." as kube-scheduler's FitError,
  // without the preemption part; "no nodes available to schedule pods" for an empty domain.
  std::string SchedulerMessage() const;
  // The same reasons, whatever their numbers: whoever acts on one may act on the other.
  bool IsOfTheSameKindAs(const Explanation& other) const;
};

// What the simulation says of a Pod. Only kNowhere may overflow.
struct Verdict {
  enum class Kind : std::uint8_t { kFits, kNowhere, kUndecidable };
  Kind kind = Kind::kUndecidable;
  NodeIndex node;                              // kFits: one node that takes it (in a Packing: its place)
  std::shared_ptr<const Explanation> why_not;  // kNowhere, and kUndecidable for its doubt: shared by the class
  std::string undecidable;                     // kUndecidable: what cannot be known, for operators
};
// "Fits", "Nowhere" or "Undecidable": as commands print it.
std::string_view WordOf(Verdict::Kind kind);

// One line per node for `explain`: the first failing filter and its reasons.
struct NodeReport {
  NodeIndex node;
  std::string filter;  // empty when the node is feasible
  std::vector<std::string> reasons;
};

// Judges one Pod alone against the cluster as it is.
Verdict Judge(const Cluster& cluster, PodIndex pod, NodeDomain domain);
// Per node of all nodes, in name order.
std::vector<NodeReport> ReportNodes(const Cluster& cluster, PodIndex pod);

}  // namespace spillway::sim
