#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "scheduler_sim/cluster.h"
#include "scheduler_sim/packing.h"
#include "scheduler_sim/spread_balancer.h"
#include "scheduler_sim/verdict.h"

namespace spillway::sim::testing {

// A cluster written down as text, one object a line, for tests that read as what they say:
//
//   node    a        cpu=4 mem=8Gi pods=110 taint=spot:NoSchedule label=zone=z1 nvidia.com/gpu=2 cordoned not-ready
//   virtual v        pods=3000 can=configMap,hostPort largest=cpu=64,memory=512Gi cloud-unreachable
//   pod     p[1..5]  cpu=1500m mem=1Gi on=a prio=7 owner=ReplicaSet/web
//   # a comment
//
// A node has cpu=64, mem=256Gi, pods=110 unless said otherwise, and is ready; a virtual one has the label
// type=virtual-kubelet and the taint virtual-kubelet.io/provider besides. A Pod without on= waits.
// Pod attributes: <resource>=<quantity>, on, nominated, prio, ns, owner=Kind/name, label=k=v, select=k=v, in=key:a|b,
// not-in=key:a|b, pin=<node>, tolerate=key[=value][:effect] (or "all"), port=[ip@]n[/UDP], init=<resource>:<quantity>,
// sidecar=..., overhead=..., affinity=<topology>:k=v, anti=<topology>:k=v, spread=<topology>:<maxSkew>:k=v,
// volume=<type>, phase=Succeeded, scheduler=<name>, gated, terminating, tried, never-preempts, hostNetwork,
// annotation=k=v, needs=<feature>. hostNetwork, port and volume ask for their features too.
// "[1..n]" makes n of them. Objects are named by their name, which is also their UID.
//
// Throws std::invalid_argument naming the line it cannot read.
struct Scenario {
  explicit Scenario(std::string_view text, ClusterOptions options = {});

  PodIndex pod(std::string_view name) const;
  NodeIndex node(std::string_view name) const;
  // Pods that wait, in kube-scheduler's order.
  std::vector<PodIndex> waiting() const;

  std::vector<kube::Node> nodes;
  std::vector<kube::Pod> pods;  // in the order written
  Cluster cluster;
};

// What became of one waiting Pod: packed on the real nodes in queue order, then spread over the virtual ones.
struct Fate {
  Verdict verdict;
  std::string node;  // where it goes, real or virtual; empty when nowhere
  bool overflowed = false;
  std::string message;  // kNowhere: kube-scheduler's; kUndecidable: why
  std::string why;      // the balancer's
};
using Fates = std::map<std::string, Fate>;  // by Pod name
Fates Judge(std::string_view text, ClusterOptions options = {});

// kube-scheduler's view of the one Pod that waits: all nodes, its message; "" when it fits.
std::string MessageFor(std::string_view text, ClusterOptions options = {});

}  // namespace spillway::sim::testing
