#pragma once

#include "base/runtime.h"
#include "cloud/agent/options.h"
#include "kube/client.h"
#include "kube/transport.h"

namespace spillway::cloud {

// An agent's ways to the API server. What must not wait has a way of its own (DESIGN.md section 4, point 11): however
// many Pods have something to tell, the Lease and the node's status go at once. Loop thread only.
class ApiClients {
 public:
  // All referenced objects outlive it; `observer` may be null.
  ApiClients(Runtime& runtime, kube::Transport& transport, const AgentOptions& options, kube::ClientObserver* observer);

  kube::Client& leases() { return leases_; }
  kube::Client& nodes() { return nodes_; }
  kube::Client& reads() { return reads_; }    // ConfigMaps, Secrets, single Pods
  kube::Client& events() { return events_; }  // not limited here: the recorder is
  // Statuses and deletions of Pods, each after a turn of its own.
  kube::Client& pods() { return pods_; }
  // When the next write of a Pod may go. Whoever waits for a turn decides only then what to write.
  Instant TakePodTurn();

 private:
  Runtime& runtime_;
  kube::ClientObserver* observer_;
  kube::RateLimiter lease_limit_, node_limit_, read_limit_, pod_turns_, no_limit_;
  kube::Client leases_, nodes_, reads_, events_, pods_;
};

}  // namespace spillway::cloud
