#pragma once

#include <string>

#include "base/scope.h"
#include "base/sync.h"
#include "cloud/agent/context.h"
#include "cloud/agent/node_object.h"

namespace spillway::cloud {

// Keeps one Node and its Lease alive: creates the Node when it is not there (again, if someone deletes it), repairs
// only what is the agent's, sends status each minute or when it changes, and renews the Lease as long as the process
// turns, whatever the cloud does: an unreachable cloud must not get running Pods evicted.
class NodeRegistrar {
 public:
  explicit NodeRegistrar(AgentContext& context);

  void Start();
  // From the first time the API server has taken both Node and status.
  bool is_registered() const { return registered_; }
  const std::string& node_uid() const { return node_uid_; }
  // kube-scheduler and Spillway send nothing more while there is trouble. Sent at once when it changes.
  void SetTrouble(NodeTrouble trouble);
  void SetKubeletPort(std::uint16_t port);

 private:
  Task<void> KeepNode();
  Task<void> KeepLease();
  // Node there, repaired, status sent.
  Task<Status> Synchronise();
  Task<Result<Json>> GetOrCreate();
  Task<Status> RenewLease();
  std::string NodePath() const;
  bool ForbidsRoleLabel(const Error& error) const;

  AgentContext& context_;
  AgentOptions options_;
  NodeTrouble trouble_;
  RoleLabel role_ = RoleLabel::kIncluded;
  bool registered_ = false;
  bool repair_refused_ = false;
  std::string node_uid_;
  Json lease_;
  Signal changed_;
  TaskScope flows_;
};

}  // namespace spillway::cloud
