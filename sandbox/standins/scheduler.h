#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/scope.h"
#include "base/task.h"
#include "sandbox/standins/context.h"
#include "sandbox/standins/event_writer.h"
#include "sandbox/standins/scheduler_judge.h"

namespace spillway::sandbox {

struct SchedulerOptions {
  std::string name = "default-scheduler";  // only Pods with this spec.schedulerName
  // One client for conditions and bindings, as kube-scheduler's.
  double qps = 50;
  int burst = 100;
  // Length of one scheduling cycle, and from its end to the binding's arrival: others may bind first in between.
  Duration cycle_low = std::chrono::microseconds(500), cycle_high = std::chrono::milliseconds(4);
  Duration bind_low = std::chrono::milliseconds(2), bind_high = std::chrono::milliseconds(25);
};

// Stands in for kube-scheduler: asks its judge over all nodes, assumes, binds through the store's binding
// rules, writes the same condition, message and events, and queues as kube-scheduler does (priority, then time; backoff
// 1 s doubling to 10 s; Pods that fit nowhere wait for a change that may help, at most 5 minutes). It never preempts,
// and binds a Pod whose claims wait for it without waiting for their volumes, which nobody makes here.
//
// Source: pkg/scheduler schedule_one.go, backend/queue/scheduling_queue.go, framework/types.go FitError, v1.36.
class Scheduler {
 public:
  Scheduler(StandinContext context, SchedulerOptions options, std::unique_ptr<SchedulerJudge> judge);
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // Looks at no Pod for so long: what it has said and not done stays so.
  void StandStill(Duration span);

 private:
  enum class Place : std::uint8_t { kActive, kBackoff, kUnschedulable, kBinding };
  struct Queued {
    std::string key;
    std::int64_t priority = 0;
    std::uint64_t order = 0;  // of arrival in the active queue
    int attempts = 0;
    Place place = Place::kActive;
    Instant ready_at;  // kBackoff: end of the backoff; kUnschedulable: when it is tried again in any case
    Instant backoff_end;
  };

  void OnPod(const std::string& key, const Json* before, const Json* now);
  void OnObject(std::string_view resource, const Json* before, const Json* now);
  void UpsertPod(const Json& pod);
  void Enqueue(const std::string& key, const Json& pod);
  void RetryIfSomethingHelped();
  void Activate(Queued& pod);
  void Wake(Instant earliest);
  std::optional<Instant> NextDue() const;
  void RunCycle();
  void Attempt(const std::string& uid, Queued& queued);
  void Assume(const std::string& uid, Queued& queued, const Json& pod, const std::string& node);
  Task<void> BindAt(Instant when, std::string uid, std::string node);
  void ForgetAfter(const std::string& uid, const std::string& why);
  void Reject(const std::string& uid, Queued& queued, const Json& pod, const SchedulerJudge::Answer& answer);
  Task<void> WriteConditionAt(Instant when, std::string uid, std::string reason, std::string message);
  std::string PostFilterMessage(const Json& pod, const SchedulerJudge::Answer& answer) const;
  void WriteGated(const Json& pod);
  Instant ReserveWrite();

  StandinContext context_;
  SchedulerOptions options_;
  Random random_;
  EventWriter events_;
  std::unique_ptr<SchedulerJudge> judge_;
  std::map<std::string, Queued> queue_;         // by UID
  std::map<std::string, std::string> assumed_;  // UID to node: ours, not yet seen bound
  std::uint64_t seen_relaxations_ = 0, next_order_ = 0;
  Instant next_token_;
  std::optional<TimerId> timer_;
  Instant timer_at_, cycle_free_;
  TaskScope scope_;
};

}  // namespace spillway::sandbox
