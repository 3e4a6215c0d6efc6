#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "base/runtime.h"
#include "base/scope.h"
#include "base/sync.h"
#include "base/task.h"
#include "controller/bind_order.h"
#include "controller/decision.h"
#include "controller/decision_log.h"
#include "controller/pending_pod.h"
#include "controller/policy/policy.h"
#include "kube/event_recorder.h"
#include "metrics/registry.h"

namespace spillway::controller {

// Tells people what was decided: events on the Pod, log lines, counters, the decision log. Each state of a Pod is told
// once, which means that the recorder took its event: what finds no room there is told later. The catalogue is in
// event_catalogue.h. Of Pods it only reads; what it has told it keeps by itself.
class Reporter {
 public:
  // All outlive this.
  Reporter(Runtime& runtime, kube::EventRecorder& events, metrics::Registry& metrics, DecisionLog& log,
           const Policy& policy);

  // A Pod's decision has become another case, see IsSameCase().
  void Count(const Decision& decision);
  // Tells what stands in pod.decision, if it is worth telling and was not told before. Returns when time alone will
  // make it so. Precondition: there is a decision.
  std::optional<Instant> Tell(const PendingPod& pod);
  // Tells once a workload what of the local replicas that it asks for is not followed, if anything.
  void TellOfReplicas(const PendingPod& pod);
  // Its gate was lifted towards virtual nodes.
  void Released(const kube::ObjectReference& pod, const Decision& decision, std::string_view id);
  // What became of a bound Pod that its virtual node cannot run: OverflowEvicted, OverflowEvictionHeld, WouldEvict.
  void TellOfEviction(const kube::ObjectReference& pod, std::string_view reason, std::string text,
                      const std::string& node);
  // Nothing will be told of other Pods any more.
  void ForgetAllBut(const PendingPods& pending);

  void Bound(const BindOrder& order);
  // `pod` is null when it is gone. Tells from the third failure in a row on, and at once when a permission is missing.
  void BindFailed(const BindOrder& order, BindResult result, const Error& error, const PendingPod* pod,
                  std::optional<Duration> retry_in);

  std::string NewDecisionId();
  // Returns once every event that is due has been written, or at `deadline`.
  Task<void> Flush(Instant deadline);

 private:
  struct Message {
    kube::Event::Type type = kube::Event::Type::kNormal;
    std::string_view reason;
    std::string text;
    std::string node;
  };
  std::string WaitText(const Decision& decision) const;
  // What the decision is worth telling now; nullopt for nothing yet, with `look_again` set if time will change that.
  std::optional<Message> WorthTelling(const Decision& decision, const PendingPod& pod,
                                      std::optional<Instant>& look_again);
  // What becomes of one message: event, log line, decision log.
  struct Record {
    kube::Event event;
    LoggedDecision decision;
  };
  Record Compose(const kube::ObjectReference& pod, const Message& message, std::string_view id) const;
  void Log(Record record);
  // False: the recorder has no room, and nothing was told.
  bool Tell(Record record);
  Task<void> WriteWhatIsOwed();

  Runtime& runtime_;
  kube::EventRecorder& events_;
  metrics::Registry& metrics_;
  DecisionLog& log_;
  const Policy& policy_;
  std::unordered_map<std::string, std::string_view> told_;  // by UID: reason of the last event
  std::unordered_set<std::string> told_of_replicas_;        // owners
  Instant no_room_until_{};
  std::deque<kube::Event> owed_;  // of binds that were carried out: told whatever becomes of the Pod
  Signal owes_;
  TaskScope flows_;  // last: dies before what its flows use
};

// Equal labels of spillway_decisions_total: a decision that stands is counted once.
bool IsSameCase(const Decision& a, const Decision& b);

// Why a Pod overflows, as annotation spillway.io/reason and as text of its event.
std::string OverflowText(const Decision& decision, Duration pending_for);

}  // namespace spillway::controller
