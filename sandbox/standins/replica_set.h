#pragma once

#include <string>
#include <vector>

#include "sandbox/standins/context.h"
#include "sandbox/standins/event_writer.h"

namespace spillway::sandbox {

// Stands in for the ReplicaSet controller: keeps spec.replicas active Pods, deletes in upstream's order
// (pod-deletion-cost included), writes the status. Does not adopt Pods that merely match its selector.
//
// Source: kube-controller-manager pkg/controller/replicaset and controller_utils.go ActivePodsWithRanks, v1.36.
class ReplicaSetController {
 public:
  ReplicaSetController(StandinContext context);

 private:
  void Sync(const std::string& key);
  void CreatePods(const std::string& key, const Json& owner, std::size_t missing);
  void DeletePods(const Json& owner, std::vector<const Json*> active, std::size_t surplus);
  void WriteStatus(const std::string& key, const Json& owner, const std::vector<const Json*>& active);

  StandinContext context_;
  ObjectCache& sets_;
  ObjectCache& pods_;
  EventWriter events_;
  WorkQueue queue_;
};

// The order in which a ReplicaSet gives up Pods, first goes first. `now` decides how long a Pod has been ready.
std::vector<const Json*> InDeletionOrder(std::vector<const Json*> pods, WallTime now);

}  // namespace spillway::sandbox
