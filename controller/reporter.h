#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/runtime.h"
#include "controller/bind_order.h"
#include "controller/decision_log.h"
#include "controller/pending_pod.h"
#include "controller/plan.h"
#include "controller/policy/policy.h"
#include "kube/event_recorder.h"
#include "metrics/registry.h"

namespace spillway::controller {

// Tells people what was decided: events on the Pod, log lines, counters, the decision log. Each state of a Pod is told
// once. The catalogue is in event_catalogue.h.
class Reporter {
 public:
  enum class Mode : std::uint8_t { kAct, kDryRun };

  // All outlive this.
  Reporter(Runtime& runtime, kube::EventRecorder& events, metrics::Registry& metrics, DecisionLog& log,
           const Policy& policy, Mode mode);

  // After each round: hands every Pod its decision and tells what was not told before. Updates pod.decision,
  // pod.verdict, pod.since and pod.reported. Returns when time alone will make something worth telling.
  std::optional<Instant> Round(Plan plan, PendingPods& pending);

  void Bound(const BindOrder& order);
  // `pod` is null when it is gone. Tells from the third failure in a row on, and at once when a permission is missing.
  void BindFailed(const BindOrder& order, BindResult result, const Error& error, PendingPod* pod,
                  std::optional<Duration> retry_in);

  std::string NewDecisionId();

 private:
  struct Told {
    kube::Event::Type type = kube::Event::Type::kNormal;
    std::string_view reason;
    std::string text;
    std::string node;
  };
  // What the decision is worth telling now; nullopt for nothing yet, with `look_again` set if time will change that.
  std::optional<Told> WorthTelling(const Decision& decision, const PendingPod& pod, std::optional<Instant>& look_again);
  void Tell(PendingPod& pod, Told told);
  void Record(const kube::ObjectReference& pod, const Told& told, std::string_view id);

  Runtime& runtime_;
  kube::EventRecorder& events_;
  metrics::Registry& metrics_;
  DecisionLog& log_;
  const Policy& policy_;
  Mode mode_;
  std::string last_forbidden_;  // told once, not per Pod
};

// Why a Pod overflows, as annotation spillway.io/reason and as text of its event.
std::string OverflowText(const Decision& decision, Duration pending_for);

}  // namespace spillway::controller
