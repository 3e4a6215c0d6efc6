#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/time.h"
#include "controller/policy/node_returns.h"
#include "scheduler_sim/cluster.h"
#include "scheduler_sim/returning_nodes.h"

namespace spillway::controller {

// A node that would take a Pod, and may be back in a moment.
struct AwaitedNode {
  std::string name;
  Instant until{};  // then it has been out for --node-return-grace, or the Pod has waited for so long
};

// Who waits for nodes that are not ready, for one round: a node that became so less than the grace ago, a new one
// included, is awaited by as many Pods as it would take. Pure. The cluster does not change meanwhile.
class AwaitedNodes {
 public:
  AwaitedNodes(const sim::Cluster& cluster, const NodeReturns& returns, Duration grace, Instant now);

  // Nobody waits for any.
  bool empty() const { return nodes_.empty(); }
  // What the Pod, which has fitted nowhere since `since`, is to wait for; it takes its place from those asked about
  // later. nullopt: nothing, or it has waited long enough.
  std::optional<AwaitedNode> For(sim::PodIndex pod, Instant since);

 private:
  const sim::Cluster& cluster_;
  Duration grace_;
  Instant now_;
  std::map<sim::NodeIndex, Instant> changed_;  // within the grace
  sim::ReturningNodes nodes_;
};

}  // namespace spillway::controller
