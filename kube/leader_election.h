#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/runtime.h"
#include "kube/client.h"

namespace spillway::kube {

struct LeaderElectionOptions {
  std::string ns, name, identity;
  Duration lease_duration = std::chrono::seconds(15);
  Duration renew_deadline = std::chrono::seconds(10);
  Duration retry_period = std::chrono::seconds(2);
};

// coordination.k8s.io/v1 Lease leader election, as client-go tools/leaderelection: jittered retries, optimistic
// updates, the holder's clock is never trusted (a lease expires lease_duration after *we* last saw it change).
//
// Two never lead at once as long as clocks run at the same speed: a leader counts its renewals from the moment it
// *sent* them and stops after renew_deadline, everybody else waits lease_duration from the moment they *saw* the last
// one. Give it a Client whose RateLimiter is its own: a renewal must not queue behind binds.
class LeaderElector {
 public:
  // renew_deadline < lease_duration and retry_period < renew_deadline, or the process is not started: cmd/ checks.
  LeaderElector(Runtime& runtime, Client& client, LeaderElectionOptions options);
  ~LeaderElector();

  // Runs `on_started` once, when the lease is ours; `on_lost` once, if it could not be renewed within renew_deadline:
  // the process must then end. Both on the loop, on turns of their own, and neither once this is destroyed.
  void Start(std::function<void()> on_started, std::function<void(std::string why)> on_lost);
  // Whether the last renewal that succeeded was sent less than renew_deadline ago, by the clock at this very moment: a
  // process that stood still may find its lease taken before any timer of its own has run. So ask right before acting.
  bool is_leader() const;
  // Who held the lease when it was last seen; empty when nobody did or it was not seen yet.
  std::string holder() const;
  // Gives the lease back (holderIdentity empty), so that the next one need not wait. Best effort within `deadline`.
  Task<void> Release(Instant deadline);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace spillway::kube
