#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/scope.h"
#include "cloud/agent/context.h"

namespace spillway::cloud {

// Deletes instances that no Pod stands behind any more: left by an agent that died, by one whose node was scaled away,
// or by a cloud that made two. Slow on purpose, for a wrong deletion kills a live Pod:
//   - only complete listings count, and never an empty or suspicious one;
//   - an instance must be without a Pod in several listings in a row, for a minimum time;
//   - then the API server is asked for the Pod by name: anything but "not found" or another UID clears the suspicion;
//   - another node's instances are its agent's, as long as the API server has that Node;
//   - at most a few are deleted in one round; one that dies slowly counts once.
// Loop thread only.
class OrphanCollector {
 public:
  // `owned`: whether a Pod of ours stands behind this very instance.
  OrphanCollector(AgentContext& context, std::function<bool(const Instance&)> owned);

  // A complete listing that is to be believed.
  void OnListing(const std::vector<Instance>& listed);
  // The last listing is not to be believed: confirmations start anew.
  void Forget() { suspects_.clear(); }
  // This node's, those that are on their way out included.
  std::size_t suspects() const;

 private:
  struct Suspect {
    Instance instance;
    Instant since;
    int confirmations = 0;
    std::optional<Instant> deleted;  // the cloud has taken the deletion
  };
  bool IsRipe(const Suspect& suspect) const;
  bool IsOurs(const Instance& instance) const;
  Task<void> Collect(std::vector<Instance> ripe);
  Task<void> Delete(Instance instance);
  // Whether the API server knows for certain that no agent but this one is to see to it.
  Task<bool> IsNodeGone(std::string node_name);
  // Whether the API server knows for certain that the Pod is no more.
  Task<bool> IsPodGone(InstanceIdentity identity);
  void Tell(const char* reason, std::string note);

  AgentContext& context_;
  std::function<bool(const Instance&)> owned_;
  std::map<std::string, Suspect> suspects_;  // by instance id
  bool collecting_ = false;
  TaskScope flows_;
};

}  // namespace spillway::cloud
