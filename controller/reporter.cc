#include "controller/reporter.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/log.h"
#include "controller/decide.h"
#include "controller/event_catalogue.h"

namespace spillway::controller {
namespace {

using std::chrono::seconds;

kube::ObjectReference Reference(const kube::Pod& pod) {
  return {.api_version = "v1",
          .kind = "Pod",
          .ns = pod.metadata.ns,
          .name = pod.metadata.name,
          .uid = pod.metadata.uid,
          .resource_version = pod.metadata.resource_version};
}

std::string WithId(std::string text, std::string_view id) {
  return id.empty() ? text : fmt::format("{}. decision={}", text, id);
}

void LookAt(std::optional<Instant>& look_again, Instant when) {
  if (!look_again || when < *look_again) look_again = when;
}

std::string_view WaitLabel(Wait wait) {
  switch (wait) {
    case Wait::kGrace:
      return "grace";
    case Wait::kCondition:
      return "condition";
    case Wait::kBackoff:
      return "backoff";
  }
  return "grace";
}

bool NoneExists(const Decision& decision) { return decision.detail.starts_with("there is no"); }

// Equal labels of spillway_decisions_total, without building them.
bool SameCase(const Decision& a, const Decision& b) {
  if (a.outcome != b.outcome) return false;
  switch (a.outcome) {
    case Outcome::kNotEligible:
      return a.held_back->rule == b.held_back->rule;
    case Outcome::kWaiting:
      return a.wait == b.wait;
    case Outcome::kNoVirtualNode:
      return NoneExists(a) == NoneExists(b);
    case Outcome::kOverflow:
      return a.nowhere->short_of_resources == b.nowhere->short_of_resources;
    case Outcome::kFits:
    case Outcome::kUndecidable:
      return true;
  }
  return true;
}

// The labels of spillway_decisions_total.
metrics::LabelValues DecisionLabels(const Decision& decision, Reporter::Mode mode) {
  switch (decision.outcome) {
    case Outcome::kFits:
      return {"fits_real_node", "simulation"};
    case Outcome::kUndecidable:
      return {"undecidable", "simulation"};
    case Outcome::kNotEligible:
      return {"not_eligible", std::string(ToString(decision.held_back->rule))};
    case Outcome::kWaiting:
      return {"deferred", std::string(WaitLabel(decision.wait))};
    case Outcome::kNoVirtualNode:
      return {"no_virtual_node", NoneExists(decision) ? "none_exists" : "none_fits"};
    case Outcome::kOverflow:
      break;
  }
  return {mode == Reporter::Mode::kDryRun ? "would_overflow" : "overflow",
          decision.nowhere->short_of_resources ? "short_of_resources" : "other"};
}

}  // namespace

std::string OverflowText(const Decision& decision, Duration pending_for) {
  return fmt::format("to virtual node {} after {} pending: {}{}{}", decision.node, base::FormatDuration(pending_for),
                     RealNodesText(*decision.nowhere), decision.detail.empty() ? "" : "; ", decision.detail);
}

Reporter::Reporter(Runtime& runtime, kube::EventRecorder& events, metrics::Registry& metrics, DecisionLog& log,
                   const Policy& policy, Mode mode)
    : runtime_(runtime), events_(events), metrics_(metrics), log_(log), policy_(policy), mode_(mode) {}

std::string Reporter::NewDecisionId() { return fmt::format("{:08x}", runtime_.random().Next() >> 32); }

std::optional<Instant> Reporter::Round(Plan plan, PendingPods& pending) {
  std::optional<Instant> look_again;
  for (Decision& decision : plan.decisions) {
    const auto found = pending.find(decision.uid);
    if (found == pending.end()) continue;
    PendingPod& pod = found->second;
    // A decision that stands is counted once.
    if (!pod.decision || !SameCase(*pod.decision, decision)) {
      metrics_.Add(metrics::Id::kDecisions, DecisionLabels(decision, mode_));
    }
    pod.verdict = decision.verdict;
    pod.since = decision.since;
    pod.decision = std::move(decision);
    if (auto told = WorthTelling(*pod.decision, pod, look_again); told && pod.reported != told->reason) {
      Tell(pod, std::move(*told));
    }
  }
  return look_again;
}

std::optional<Reporter::Told> Reporter::WorthTelling(const Decision& decision, const PendingPod& pod,
                                                     std::optional<Instant>& look_again) {
  using Type = kube::Event::Type;
  const Instant now = runtime_.Now();
  const auto stood_for = [&](Duration span) {
    if (now - decision.since >= span) return true;
    LookAt(look_again, decision.since + span);
    return false;
  };
  switch (decision.outcome) {
    case Outcome::kFits:
      if (!IsMarkedUnschedulable(pod.object) || !stood_for(seconds(kNotNeededAfterSeconds))) return std::nullopt;
      return Told{
          Type::kNormal, kOverflowNotNeeded,
          fmt::format("Fits real node {} for {}, yet kube-scheduler has not placed it; left to kube-scheduler, "
                      "whose last word is: {}",
                      decision.node, base::FormatDuration(now - decision.since), pod.object.pod_scheduled->message)};
    case Outcome::kUndecidable:
      if (!IsMarkedUnschedulable(pod.object) && !stood_for(seconds(kUndecidableAfterSeconds))) return std::nullopt;
      return Told{Type::kNormal, kOverflowUndecidable, fmt::format("Left alone: {}", decision.detail)};
    case Outcome::kNotEligible:
      if (!decision.nowhere || !stood_for(policy_.pending_grace)) return std::nullopt;
      return Told{Type::kNormal, kOverflowNotEligible,
                  fmt::format("Not eligible: {}; {}", decision.held_back->text, RealNodesText(*decision.nowhere))};
    case Outcome::kWaiting: {
      if (decision.wait == Wait::kBackoff) return std::nullopt;
      const seconds worth(kWaitingWorthTellingSeconds);
      const bool for_grace = decision.wait == Wait::kGrace;
      if (for_grace ? *decision.until - now < worth : !stood_for(worth)) return std::nullopt;
      const std::string what = for_grace
                                   ? fmt::format("until {} (--pending-grace={}) before overflowing",
                                                 base::FormatRfc3339(runtime_.WallNow() + (*decision.until - now)),
                                                 base::FormatDuration(policy_.pending_grace))
                                   : std::string("for kube-scheduler to try it, since preemption might make room");
      return Told{Type::kNormal, kOverflowWaiting,
                  fmt::format("Waiting {}: {}", what, RealNodesText(*decision.nowhere))};
    }
    case Outcome::kNoVirtualNode:
      return Told{Type::kWarning, kOverflowNoCapacity,
                  fmt::format("{}; {}", decision.detail, RealNodesText(*decision.nowhere))};
    case Outcome::kOverflow:
      break;
  }
  if (mode_ == Mode::kAct) return std::nullopt;  // told once it is done
  return Told{Type::kNormal, kWouldOverflow, "[dry-run] Would bind " + OverflowText(decision, pod.PendingFor(now)),
              decision.node};
}

void Reporter::Tell(PendingPod& pod, Told told) {
  pod.reported = told.reason;
  const std::string id = NewDecisionId();
  told.text = WithId(std::move(told.text), id);
  Record(Reference(pod.object), told, id);
}

void Reporter::Record(const kube::ObjectReference& pod, const Told& told, std::string_view id) {
  const std::string key = pod.ns + "/" + pod.name;
  const bool warning = told.type == kube::Event::Type::kWarning;
  (warning ? log::Warning : log::Info)(told.text, {{"pod", key}, {"reason", told.reason}, {"decision", id}});
  events_.Record({.regarding = pod,
                  .type = told.type,
                  .reason = std::string(told.reason),
                  .action = std::string(ActionOf(told.reason)),
                  .note = told.text});
  log_.Add({.id = std::string(id),
            .at = runtime_.WallNow(),
            .pod = key,
            .uid = pod.uid,
            .reason = std::string(told.reason),
            .text = told.text,
            .node = told.node});
}

void Reporter::Bound(const BindOrder& order) {
  metrics_.Add(metrics::Id::kBinds, {std::string(ToString(BindResult::kBound)), order.request.node});
  const Duration pending_for = order.pending_for + (runtime_.Now() - order.sent);
  metrics_.Observe(metrics::Id::kPodPendingToBound, {}, std::chrono::duration<double>(pending_for).count());
  last_forbidden_.clear();
  const kube::ObjectReference pod = {
      .api_version = "v1", .kind = "Pod", .ns = order.request.ns, .name = order.request.name, .uid = order.request.uid};
  const std::string text = WithId("Bound " + OverflowText(order.decision, pending_for), order.decision_id);
  Record(pod, {kube::Event::Type::kNormal, kOverflowScheduled, text, order.request.node}, order.decision_id);
}

void Reporter::BindFailed(const BindOrder& order, BindResult result, const Error& error, PendingPod* pod,
                          std::optional<Duration> retry_in) {
  metrics_.Add(metrics::Id::kBinds, {std::string(ToString(result)), order.request.node});
  const std::string key = order.request.ns + "/" + order.request.name;
  if (result == BindResult::kForbidden && last_forbidden_ != error.message) {
    last_forbidden_ = error.message;
    log::Error("may not bind Pods; nothing can overflow until this is allowed",
               {{"needs", "create on pods/binding"}, {"error", error.message}, {"see", "docs/security.md#rbac"}});
  } else {
    log::Verbose(3, "bind failed",
                 {{"pod", key},
                  {"node", order.request.node},
                  {"result", ToString(result)},
                  {"error", error.message},
                  {"decision", order.decision_id}});
  }
  if (pod == nullptr || !retry_in) return;
  const bool worth_telling = result == BindResult::kForbidden || pod->bind.failures >= kBindFailuresWorthTelling;
  if (!worth_telling || pod->reported == kOverflowBindFailed) return;
  pod->reported = kOverflowBindFailed;
  const std::string text = fmt::format("Bind to virtual node {} failed {} time{}, next try in {}: {}",
                                       order.request.node, pod->bind.failures, pod->bind.failures == 1 ? "" : "s",
                                       base::FormatDuration(*retry_in), error.message);
  Record(Reference(pod->object),
         {kube::Event::Type::kWarning, kOverflowBindFailed, WithId(text, order.decision_id), order.request.node},
         order.decision_id);
}

}  // namespace spillway::controller
