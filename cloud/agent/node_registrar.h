#pragma once

#include <optional>
#include <string>

#include "base/scope.h"
#include "base/sync.h"
#include "cloud/agent/context.h"
#include "cloud/agent/node_object.h"
#include "kube/api/objects.h"
#include "kube/reflector.h"

namespace spillway::cloud {

// Keeps one Node alive: creates it when it is not there (again, as soon as someone deletes it), repairs only what is
// the agent's, and sends status each minute or when it changes.
class NodeRegistrar {
 public:
  // Both outlive it.
  NodeRegistrar(AgentContext& context, kube::Transport& transport);

  void Start();
  // From the first time the API server has taken both Node and status.
  bool is_registered() const { return registered_; }
  const std::string& node_uid() const { return node_uid_; }
  void SetKubeletPort(std::uint16_t port);
  void SetCloud(CloudView cloud);
  // Prices and stock are told with each status; now there are others.
  void OnMarketNews() { changed_.Notify(); }
  // Told with the next status; at once when it was not known, or changes between none and some.
  void SetInstancesLeft(InstancesLeft left);

 private:
  Task<void> KeepNode();
  // Node there, repaired, status sent.
  Task<Status> Synchronise();
  Task<Result<Json>> GetOrCreate();
  // The node as it is after the repair, or as it was where that is forbidden.
  Task<Result<Json>> RepairMetadata(Json node);
  Task<Result<Json>> RepairTaints(Json node);
  Json Wanted() const;
  void OnNode(const kube::DeltaBatch<kube::RawObject>& batch);
  std::string NodePath() const;
  void Tell(std::string_view what, const Error& error) const;

  AgentContext& context_;
  AgentOptions options_;
  const ProviderCapabilities capabilities_;
  RoleLabel role_ = RoleLabel::kIncluded;
  bool registered_ = false;
  // An identity that may not: tried once, told once.
  bool may_repair_metadata_ = true, may_set_taints_ = true;
  CloudView cloud_;
  std::optional<InstancesLeft> left_;  // not known yet
  std::string node_uid_;
  Signal changed_;
  kube::Reflector<kube::RawObject> watch_;
  TaskScope flows_;
};

}  // namespace spillway::cloud
