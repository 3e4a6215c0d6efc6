#pragma once

#include <map>
#include <string>

#include "sandbox/standins/context.h"

namespace spillway::sandbox {

// Stands in for three controllers of nodes: node-lifecycle (a Lease that has not moved for 50 s: Ready=Unknown; taints
// by condition and by cordon), taint-eviction (NoExecute), and Pod garbage collection (Pods on Nodes that are gone).
//
// Source: kube-controller-manager pkg/controller/{nodelifecycle,tainteviction,podgc}, v1.36.
class NodeLifecycle {
 public:
  explicit NodeLifecycle(StandinContext context);
  ~NodeLifecycle();
  NodeLifecycle(const NodeLifecycle&) = delete;
  NodeLifecycle& operator=(const NodeLifecycle&) = delete;

 private:
  struct Heartbeat {
    std::string token;  // whatever moves while the kubelet lives
    Instant seen;
  };
  void Tick();
  void CheckHeartbeat(const std::string& name, const Json& node);
  void SyncTaints(const std::string& name);
  void CheckEviction(const std::string& pod_key);
  void CheckOrphan(const std::string& pod_key);
  void DeletePod(const Json& pod, std::int64_t grace_seconds);

  StandinContext context_;
  ObjectCache& nodes_;
  ObjectCache& pods_;
  ObjectCache& leases_;
  std::map<std::string, Heartbeat> heartbeats_;
  std::map<std::string, Instant> orphaned_since_;  // by node name
  WorkQueue taints_, evictions_, orphans_;
  TimerId tick_ = 0;
};

}  // namespace spillway::sandbox
