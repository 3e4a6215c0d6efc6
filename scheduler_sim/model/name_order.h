#pragma once

#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "scheduler_sim/cluster.h"

namespace spillway::sim {

// Nodes by name, and for each a 64-bit rank such that comparing ranks compares names: ties are broken by name millions
// of times, and strings lie far apart in memory.
class NameOrder {
 public:
  std::optional<NodeIndex> Find(std::string_view name) const {
    const auto found = nodes_.find(name);
    return found == nodes_.end() ? std::nullopt : std::optional(found->second.node);
  }
  // Precondition: the name is not known. Returns the rank; if `renumbered` every rank may have changed (rare).
  struct Inserted {
    std::uint64_t rank = 0;
    bool renumbered = false;
  };
  Inserted Insert(std::string_view name, NodeIndex node);
  void Erase(std::string_view name) { nodes_.erase(nodes_.find(name)); }

  // Calls each(NodeIndex, rank) in name order.
  template <typename Each>
  void ForEach(Each&& each) const {
    for (const auto& [name, entry] : nodes_) each(entry.node, entry.rank);
  }

 private:
  struct Entry {
    NodeIndex node;
    std::uint64_t rank = 0;
  };
  std::map<std::string, Entry, std::less<>> nodes_;
};

}  // namespace spillway::sim
