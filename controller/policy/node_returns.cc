#include "controller/policy/node_returns.h"

#include <algorithm>

namespace spillway::controller {

void NodeReturns::Changed(const std::string& node, Instant now) { Set(node, now, now); }

void NodeReturns::FoundSo(const kube::Node& node, Instant now, WallTime wall_now) {
  const auto& stamp = node.ready_changed ? node.ready_changed : node.metadata.creation_timestamp;
  if (stamp) Set(node.metadata.name, now - std::max(Duration(0), Duration(wall_now - *stamp)), now);
}

void NodeReturns::Forget(const std::string& node) {
  const auto known = changed_.find(node);
  if (known == changed_.end()) return;
  const auto [first, last] = by_time_.equal_range(known->second);
  const auto entry = std::find_if(first, last, [&](const auto& change) { return change.second == node; });
  by_time_.erase(entry);
  changed_.erase(known);
}

std::vector<NodeReturns::Change> NodeReturns::Later(Instant after) const {
  std::vector<Change> found;
  for (auto entry = by_time_.rbegin(); entry != by_time_.rend() && entry->first > after; ++entry) {
    found.push_back({entry->second, entry->first});
  }
  return found;
}

void NodeReturns::Set(const std::string& node, Instant at, Instant now) {
  Forget(node);
  while (!by_time_.empty() && by_time_.begin()->first + kLongest <= now) {
    changed_.erase(by_time_.begin()->second);
    by_time_.erase(by_time_.begin());
  }
  if (at + kLongest <= now) return;
  changed_[node] = at;
  by_time_.emplace(at, node);
}

}  // namespace spillway::controller
