#include "cloud/agent/api_clients.h"

namespace spillway::cloud {
namespace {
// Of one node there is little to write; a loop that has gone wild is slowed down all the same.
constexpr double kNodeQps = 10;
constexpr int kNodeBurst = 20;
constexpr double kUnlimited = 0;
}  // namespace

ApiClients::ApiClients(Runtime& runtime, kube::Transport& transport, const AgentOptions& options,
                       kube::ClientObserver* observer)
    : runtime_(runtime),
      observer_(observer),
      lease_limit_(runtime, kNodeQps, kNodeBurst),
      node_limit_(runtime, kNodeQps, kNodeBurst),
      read_limit_(runtime, options.qps, options.burst),
      pod_turns_(runtime, options.qps, options.burst),
      no_limit_(runtime, kUnlimited, 1),
      leases_(runtime, transport, lease_limit_, observer),
      nodes_(runtime, transport, node_limit_, observer),
      reads_(runtime, transport, read_limit_, observer),
      events_(runtime, transport, no_limit_, observer),
      pods_(runtime, transport, no_limit_, observer) {}

Instant ApiClients::TakePodTurn() {
  const Instant turn = pod_turns_.Reserve();
  if (observer_ && turn > runtime_.Now()) observer_->OnRateLimited(turn - runtime_.Now());
  return turn;
}

}  // namespace spillway::cloud
