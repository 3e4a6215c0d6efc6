#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/runtime.h"
#include "base/scope.h"
#include "base/sync.h"
#include "controller/bind_order.h"
#include "controller/bind_permission.h"
#include "controller/cluster_state.h"
#include "controller/decide.h"
#include "controller/open_orders.h"
#include "controller/policy/policy.h"
#include "controller/reporter.h"
#include "kube/client.h"
#include "scheduler_sim/kept_packing.h"

namespace spillway::controller {

struct OverflowOptions {
  Duration batch_idle = std::chrono::milliseconds(100);  // a round starts when nothing has changed for so long...
  Duration batch_max = std::chrono::seconds(1);          // ...or so long after the first change
  std::string pod_deletion_cost = "-1000";               // empty: none
  int max_binds_in_flight = 32;
  double max_binds_per_second = 0;  // 0: bounded by the API limiter only
};

// How binds reach the API server.
struct BindChannel {
  kube::Client& client;            // not rate-limited itself
  kube::RateLimiter& limiter;      // waited for before a bind is chosen, so that it is chosen on the newest state
  kube::ClientObserver* observer;  // hears of the time waited; may be null
};

// Moves Pods, in two flows over one state:
//
//   decide: wait for changes, and until they settle -> may we act? -> simulate -> decide (decide.h, pure) -> note, tell
//   bind:   wait for work -> wait for the limits -> take the next that still stands on the newest state -> choose its
//           virtual node -> send -> note
//
// A round costs what changed: Pods whose verdict is another than before, Pods that came or changed, and Pods whose time
// has come. It is carried out in slices, so that the loop goes on in between. It alone writes what has been made of a
// Pod (PendingPod). Nothing pending, nothing running. Loop thread only.
class Overflow {
 public:
  // All outlive this. `leads` says whether this process may act at all.
  Overflow(Runtime& runtime, ClusterState& state, BindChannel binds, Reporter& reporter, metrics::Registry& metrics,
           const Policy& policy, OverflowOptions options, std::function<bool()> leads);

  void Start();
  // Neither decides nor sends any more; what is in flight goes on.
  void Stop();
  // The policy is another one now: what was decided by the last one is void.
  void PolicyChanged();
  // Returns when no bind is in flight, or at `deadline`.
  Task<void> WaitUntilIdle(Instant deadline);

 private:
  // In kube-scheduler's order: by priority, then by age, then as they were seen.
  struct Turn {
    std::int64_t by_priority = 0;  // the highest first
    std::optional<WallTime> created;
    std::uint64_t arrival = 0;
    sim::PodIndex index;
    auto operator<=>(const Turn&) const = default;
  };
  static Turn TurnOf(const PendingPod& pod);
  // nullptr: it is pending no more, or known under another index by now, and will be looked at for that.
  PendingPod* PodOf(const Turn& turn);

  // The decide flow: decide_flow.cc.
  Task<void> DecideFlow();
  Task<void> WaitUntilWorthDeciding();
  bool MayAct() const;
  std::optional<Instant> NextLook();
  // False: it was given up, since nothing may be decided any more.
  Task<bool> Round();
  // After a turn of the loop for everybody else: whether the round may go on.
  Task<bool> GoOn();
  void DropEverything();
  Task<bool> LookAtWhatChanged();
  void LookAt(PendingPod& pod);
  void Adopt(PendingPod& pod, Decision decision);
  // And the namespace, where money is capped; and the owner, where its Pods avoid a node.
  using Alike = std::pair<sim::ClassIndex, std::string>;
  Alike AlikeTo(const PendingPod& pod) const;
  void StayWithoutPlace(const PendingPod& pod, Decision& decision);
  std::optional<Instant> TellNowOrAt(const PendingPod& pod, std::optional<Instant> next);
  void ReleaseWaitingGroups();
  void Go(PendingPod& pod);
  void WaitForLimit(const PendingPod& pod);
  void AddThoseWithinLimitsNow();
  void AddThoseOfMovedWorkloads();
  void WaitForRoom(const PendingPod& pod);
  bool WaitsForRoom(const PendingPod* pod, sim::ClassIndex of) const;
  void NoteWhetherNowhere(const PendingPod& pod);
  void ShareOutReturningNodes();
  void AddThoseWithRoomNow();
  void LookOnceMore(const Turn& turn);
  void LookAgain(PendingPod& pod, std::optional<Instant> when);
  void LookAgainSoon(const PendingPod& pod);
  void ShowVirtualNodes();

  // The bind flow: bind_flow.cc.
  Task<void> BindFlow();
  Task<void> WaitForLimits();
  std::optional<BindOrder> TakeNext();
  bool MayStillGo(const PendingPod& pod) const;
  bool RestsOnThoseAhead(const PendingPod& pod) const;
  std::optional<BindOrder> Confirm(PendingPod& pod);
  BindOrder Order(PendingPod& pod);
  Task<void> Send(BindOrder order);
  void TakeBack(const BindOrder& order);
  void NoteOutcome(const BindOrder& order, const Status& status);
  void NoteBound(PendingPod& pod);
  std::optional<Duration> NoteFailed(PendingPod& pod, const BindOrder& order, BindResult result, const Error& error);
  Duration RetryAfter(int failures);

  Runtime& runtime_;
  ClusterState& state_;
  BindChannel binds_;
  Reporter& reporter_;
  metrics::Registry& metrics_;
  const Policy& policy_;
  OverflowOptions options_;
  std::function<bool()> leads_;
  bool stopped_ = false;
  sim::KeptPacking packing_;

  // Of the decide flow.
  std::uint64_t rounds_ = 0;
  Instant last_round_{};
  std::optional<Instant> look_whether_usable_;
  bool everything_ = true;                             // the next round looks at every Pod
  std::vector<std::string> again_;                     // UIDs that the next round looks at besides
  std::set<Turn> nowhere_;                             // Pods that fit nowhere; some may be gone
  std::map<Turn, AwaitedNode> awaited_;                // of these, who may wait for which node
  std::set<std::pair<Instant, std::string>> due_;      // with UID, see PendingPod::due; some may be gone
  std::map<sim::ClassIndex, std::set<Turn>> no_room_;  // classes that no virtual node takes; some may be gone
  sim::ClassIndex next_without_room_{0};
  std::map<std::string, std::set<Turn>> at_limit_;  // by namespace; some may be gone
  std::set<Turn> of_groups_;                        // that wait for their group; some may be gone
  std::uint64_t limits_seen_ = 0;                   // OverflowLedger::relaxations(), when they were last looked at
  std::map<Alike, VirtualPlace> room_;              // virtual nodes as asked in this round
  std::vector<std::string> to_show_;                // UIDs that would overflow, in a dry run
  std::set<Turn> shown_;                            // of those, who were given a place or found none

  std::set<Turn> to_bind_;  // Pods that are to overflow; some may be gone, or have changed

  // Of the bind flow.
  Signal work_, idle_;
  kube::RateLimiter own_limiter_;
  int in_flight_ = 0;
  Instant held_until_{};
  BindPermission permission_;
  OpenOrders open_;

  TaskScope flows_;  // last: dies before what its flows use
};

}  // namespace spillway::controller
