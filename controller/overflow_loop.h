#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>

#include "base/runtime.h"
#include "base/scope.h"
#include "base/sync.h"
#include "controller/actuator.h"
#include "controller/cluster_state.h"
#include "controller/policy/policy.h"
#include "controller/reporter.h"

namespace spillway::controller {

struct OverflowOptions {
  Duration batch_idle = std::chrono::milliseconds(100);  // a round starts when nothing has changed for so long...
  Duration batch_max = std::chrono::seconds(1);          // ...or so long after the first change
  Reporter::Mode mode = Reporter::Mode::kAct;
  std::string pod_deletion_cost = "-1000";  // empty: none
};

// Rounds: changes are batched, everything pending is decided anew, and what is to overflow waits to be taken by the
// Actuator, which confirms it a second time. Nothing pending, nothing running. Loop thread only.
class OverflowLoop {
 public:
  // All outlive this. `leads` says whether this process may act at all.
  OverflowLoop(Runtime& runtime, ClusterState& state, Reporter& reporter, metrics::Registry& metrics,
               const Policy& policy, OverflowOptions options, std::function<bool()> leads);

  void Start();
  // Something changed.
  void Changed();
  // Decides nothing any more.
  void Stop();

  // For the Actuator, which is told through `on_work` when there is something to take.
  void OnWork(std::function<void()> on_work) { on_work_ = std::move(on_work); }
  bool HasWork() const { return !stopped_ && !queue_.empty(); }
  std::optional<BindOrder> Take();
  // The outcome of a bind; returns how long all binds are to be held back, 0 for not at all.
  Duration Done(const BindOrder& order, const Status& status);

  // Rounds decided so far.
  std::uint64_t rounds() const { return rounds_; }

 private:
  Task<void> Run();
  Task<void> LetChangesSettle();
  bool MayAct() const;
  void Round();
  void LookAgain(std::optional<Instant> when);
  void GiveUpWaitingForTheWatch();
  bool Stands(const PendingPod& pod) const;
  BindOrder Order(PendingPod& pod);
  void Failed(const BindOrder& order, BindResult result, const Error& error);
  Duration RetryAfter(int failures);

  Runtime& runtime_;
  ClusterState& state_;
  Reporter& reporter_;
  metrics::Registry& metrics_;
  const Policy& policy_;
  OverflowOptions options_;
  std::function<bool()> leads_;
  std::function<void()> on_work_;

  Signal wake_;
  bool changed_ = false, stopped_ = false;
  std::optional<Instant> look_again_;
  Instant last_round_{};
  std::uint64_t rounds_ = 0;
  std::deque<std::string> queue_;  // UIDs of what is to overflow by the last round, see PendingPod::decision
  std::uint64_t queue_epoch_ = 0;  // of the state it was decided on
  int forbidden_in_a_row_ = 0;
  TaskScope flows_;  // last: dies before what its flows use
};

}  // namespace spillway::controller
