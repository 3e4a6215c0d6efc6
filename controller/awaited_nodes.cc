#include "controller/awaited_nodes.h"

#include <algorithm>
#include <vector>

namespace spillway::controller {
namespace {

std::map<sim::NodeIndex, Instant> ChangedSince(const sim::Cluster& cluster, const NodeReturns& returns, Instant after) {
  std::map<sim::NodeIndex, Instant> changed;
  for (const NodeReturns::Change& change : returns.Later(after)) {
    if (const auto node = cluster.FindNode(change.node)) changed.emplace(*node, change.at);
  }
  return changed;
}

std::vector<sim::NodeIndex> NodesOf(const std::map<sim::NodeIndex, Instant>& changed) {
  std::vector<sim::NodeIndex> nodes;
  for (const auto& [node, at] : changed) nodes.push_back(node);
  return nodes;
}

}  // namespace

AwaitedNodes::AwaitedNodes(const sim::Cluster& cluster, const NodeReturns& returns, Duration grace, Instant now)
    : cluster_(cluster),
      grace_(grace),
      now_(now),
      changed_(ChangedSince(cluster, returns, now - grace)),
      nodes_(cluster, NodesOf(changed_)) {}

std::optional<AwaitedNode> AwaitedNodes::For(sim::PodIndex pod, Instant since) {
  if (nodes_.empty() || since + grace_ <= now_) return std::nullopt;
  const std::optional<sim::NodeIndex> node = nodes_.Place(pod);
  if (!node) return std::nullopt;
  return AwaitedNode{std::string(cluster_.node(*node).name), std::min(since, changed_.at(*node)) + grace_};
}

}  // namespace spillway::controller
