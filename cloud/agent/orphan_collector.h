#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/scope.h"
#include "cloud/agent/context.h"

namespace spillway::cloud {

// Deletes instances that no Pod stands behind any more: left by an agent that died, or by a cloud that made two. Slow
// on purpose, for a wrong deletion kills a live Pod:
//   - only complete listings count, and never an empty or suspicious one;
//   - an instance must be without a Pod in several listings in a row, for a minimum time;
//   - then the API server is asked for the Pod by name: anything but "not found" or another UID clears the suspicion;
//   - at most a few are deleted in one round.
// Loop thread only.
class OrphanCollector {
 public:
  // `owned`: whether a Pod of ours stands behind this very instance.
  OrphanCollector(AgentContext& context, std::function<bool(const Instance&)> owned);

  // A complete listing that is to be believed.
  void OnListing(const std::vector<Instance>& listed);
  // The last listing is not to be believed: confirmations start anew.
  void Forget() { suspects_.clear(); }
  std::size_t suspects() const { return suspects_.size(); }

 private:
  struct Suspect {
    Instance instance;
    Instant since;
    int confirmations = 0;
  };
  Task<void> Collect(std::vector<Instance> ripe);
  // Whether the API server knows for certain that the Pod is no more.
  Task<bool> IsPodGone(InstanceIdentity identity);

  AgentContext& context_;
  std::function<bool(const Instance&)> owned_;
  std::map<std::string, Suspect> suspects_;  // by instance id
  bool collecting_ = false;
  TaskScope flows_;
};

}  // namespace spillway::cloud
