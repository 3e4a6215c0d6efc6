#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "scheduler_sim/cluster.h"
#include "scheduler_sim/verdict.h"

namespace spillway::sim {

// Virtual nodes that are alike to whoever pays for them.
struct SpreadPool {
  std::string name;
  kube::LabelSelector nodes;              // a node is in the first pool that matches
  std::optional<std::int64_t> most_pods;  // on all its nodes together
  std::int64_t share = 0;                 // see SpreadOptions::pools
  bool operator==(const SpreadPool&) const = default;
};

struct SpreadOptions {
  // Keys of the NoSchedule taints that fence virtual nodes off from ordinary scheduling. Overflow is what they are
  // there for, so they are taken as tolerated; every other taint must be tolerated by the Pod.
  std::vector<std::string> overflow_taints = {"virtual-kubelet.io/provider", "eks.tke.cloud.tencent.com/eklet",
                                              "azure.com/aci"};
  // Without shares in order of preference: the next is taken when no node of those before takes the Pod. With shares,
  // which all have then, the one that has the fewest Pods for its share. Nodes in none come last.
  std::vector<SpreadPool> pools;
};

struct Placement {
  PodIndex pod;
  std::optional<NodeIndex> node;  // nullopt: no virtual node takes it
  // With a node: why this one, "chosen of 3 by quota used (3% < 4% < 9%)". Without: "0/3 virtual nodes fit: 2 Too many
  // pods, 1 not ready", in words an operator can act on.
  std::string why;
  // Without a node: the provider of none can run it, however much room there is.
  bool is_unsupported = false;
  // With a node: others that would take it, were it not for the caller's objections.
  std::size_t left_out = 0;
};

// Shares Pods out over the virtual nodes that are ready, not cordoned, admit them (all filters, the fence taints taken
// as tolerated) and whose provider can run them: see virtual_offer.h. By pool; within one even by share of quota used
// after placing (pods, cpu, memory of allocatable; the largest counts), then replicas of one owner apart, then by name.
// The cluster and the options outlive it and stay as they are meanwhile.
class Spreader {
 public:
  Spreader(const Cluster& cluster, const SpreadOptions& options);
  ~Spreader();
  Spreader(const Spreader&) = delete;
  Spreader& operator=(const Spreader&) = delete;

  // What the caller has against a node that would take the Pod. Where it objects to all of them it is not heard: the
  // caller says better why the Pod does not go where it would have gone.
  using Objects = std::function<bool(NodeIndex)>;
  Placement Place(PodIndex pod, const Objects& objects = {});
  // Those that follow find the Pod where it was placed.
  void Count(const Placement& placement);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// All of them, each counted before the next. Ten equal Pods on three equal nodes: 4/3/3.
std::vector<Placement> Spread(const Cluster& cluster, std::span<const PodIndex> pods, const SpreadOptions& options);

}  // namespace spillway::sim
