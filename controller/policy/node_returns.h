#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "kube/api/objects.h"

namespace spillway::controller {

// When the readiness of nodes last changed. A node that has just become not ready may be back in a moment, and one that
// has just come is not ready yet: Pods that it would take wait for it for a while instead of going to a virtual node.
//
// By our own clock: what a watch shows changed now. Only of nodes that were there before us the Node's own timestamps
// tell, which are another clock's.
class NodeReturns {
 public:
  // The longest that is remembered: --node-return-grace is at most this.
  static constexpr Duration kLongest = std::chrono::hours(1);

  // A node comes for the first time, or its readiness changed while we watched.
  void Changed(const std::string& node, Instant now);
  // A node of the first list: it has been as it is for as long as it says.
  void FoundSo(const kube::Node& node, Instant now, WallTime wall_now);
  struct Change {
    std::string node;
    Instant at;
  };
  // Later than `after`, latest first.
  std::vector<Change> Later(Instant after) const;

 private:
  void Set(const std::string& node, Instant at, Instant now);
  void Forget(const std::string& node);

  std::map<std::string, Instant> changed_;
  std::multimap<Instant, std::string> by_time_;
};

}  // namespace spillway::controller
