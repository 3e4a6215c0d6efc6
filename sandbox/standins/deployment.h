#pragma once

#include <string>
#include <vector>

#include "sandbox/standins/context.h"
#include "sandbox/standins/event_writer.h"

namespace spillway::sandbox {

// Stands in for the Deployment controller: one ReplicaSet per template, rolling updates within maxSurge and
// maxUnavailable (or Recreate), scaling, the status that `kubectl rollout status` waits for. Keeps no rollback history
// beyond spec.revisionHistoryLimit empty sets.
//
// Source: kube-controller-manager pkg/controller/deployment, v1.36.
class DeploymentController {
 public:
  explicit DeploymentController(StandinContext context);

 private:
  struct Sets {
    const Json* current = nullptr;  // of the present template
    std::vector<const Json*> old;
  };
  void Sync(const std::string& key);
  Sets SetsOf(const Json& deployment) const;
  void CreateCurrent(const Json& deployment, const Sets& sets);
  void Roll(const Json& deployment, const Sets& sets);
  void Scale(const Json& deployment, const Json& set, std::int64_t replicas);
  void WriteStatus(const std::string& key, const Json& deployment, const Sets& sets);

  StandinContext context_;
  ObjectCache& deployments_;
  ObjectCache& sets_;
  EventWriter events_;
  WorkQueue queue_;
};

}  // namespace spillway::sandbox
