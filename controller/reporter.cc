#include "controller/reporter.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/log.h"
#include "controller/decide.h"
#include "controller/event_catalogue.h"

namespace spillway::controller {
namespace {

using std::chrono::seconds;

// A full queue of events takes most of a minute to be written.
constexpr Duration kRoomAgain = seconds(10);
constexpr std::size_t kForgotten = 1000;
constexpr Duration kOwedAgain = std::chrono::milliseconds(100);

kube::ObjectReference Reference(const kube::Pod& pod) {
  return {.api_version = "v1",
          .kind = "Pod",
          .ns = pod.metadata.ns,
          .name = pod.metadata.name,
          .uid = pod.metadata.uid,
          .resource_version = pod.metadata.resource_version};
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
    case Wait::kAutoscaler:
      return "autoscaler";
    case Wait::kGroup:
      return "group";
    case Wait::kLimit:
      return "limit";
    case Wait::kTurn:
      return "turn";
    case Wait::kNodeReturn:
      return "node_return";
  }
  return "grace";
}

std::string_view LackLabel(const Decision& decision) {
  if (decision.is_beyond_local) return "beyond_local_replicas";
  const sim::Explanation& nowhere = *decision.nowhere;
  if (nowhere.short_of_resources) return "short_of_resources";
  return nowhere.lost.empty() ? "other" : "nodes_lost";
}

std::string_view NoPlaceLabel(NoPlace none) {
  switch (none) {
    case NoPlace::kNoneExists:
      return "none_exists";
    case NoPlace::kNoneCanRun:
      return "none_can_run";
    case NoPlace::kNoneFits:
      break;
  }
  return "none_fits";
}

// The labels of spillway_decisions_total.
metrics::LabelValues DecisionLabels(const Decision& decision, Mode mode) {
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
      return {"no_virtual_node", std::string(NoPlaceLabel(decision.none))};
    case Outcome::kOverflow:
      break;
  }
  return {mode == Mode::kDryRun ? "would_overflow" : "overflow", std::string(LackLabel(decision))};
}

}  // namespace

bool IsSameCase(const Decision& a, const Decision& b) {
  if (a.outcome != b.outcome || a.is_beyond_local != b.is_beyond_local) return false;
  switch (a.outcome) {
    case Outcome::kNotEligible:
      return a.held_back->rule == b.held_back->rule;
    case Outcome::kWaiting:
      return a.wait == b.wait;
    case Outcome::kNoVirtualNode:
      return a.none == b.none;
    case Outcome::kOverflow:
      return LackLabel(a) == LackLabel(b);
    case Outcome::kFits:
    case Outcome::kUndecidable:
      return true;
  }
  return true;
}

std::string OverflowText(const Decision& decision, Duration pending_for) {
  std::string text = fmt::format("to virtual node {} after {} pending: {}", decision.node,
                                 base::FormatDuration(pending_for), WhyNotLocal(decision));
  for (const std::string* more : {&decision.detail, &decision.let_go}) {
    if (!more->empty()) text += "; " + *more;
  }
  return text;
}

Reporter::Reporter(Runtime& runtime, kube::EventRecorder& events, metrics::Registry& metrics, DecisionLog& log,
                   const Policy& policy)
    : runtime_(runtime),
      events_(events),
      metrics_(metrics),
      log_(log),
      policy_(policy),
      owes_(runtime),
      flows_(runtime) {
  flows_.Spawn(WriteWhatIsOwed());
}

std::string Reporter::NewDecisionId() { return fmt::format("{:08x}", runtime_.random().Next() >> 32); }

void Reporter::Count(const Decision& decision) {
  metrics_.Add(metrics::Id::kDecisions, DecisionLabels(decision, policy_.mode));
}

std::optional<Instant> Reporter::Tell(const PendingPod& pod) {
  std::optional<Instant> look_again;
  const std::optional<Message> message = WorthTelling(*pod.decision, pod, look_again);
  if (!message) return look_again;
  const auto told = told_.find(pod.object.metadata.uid);
  if (told != told_.end() && told->second == message->reason) return look_again;
  if (runtime_.Now() < no_room_until_) return no_room_until_;
  if (!Tell(Compose(Reference(pod.object), *message, NewDecisionId()))) {
    no_room_until_ = runtime_.Now() + kRoomAgain;
    return no_room_until_;
  }
  told_[pod.object.metadata.uid] = message->reason;
  return look_again;
}

void Reporter::Released(const kube::ObjectReference& pod, const Decision& decision, std::string_view id) {
  std::string text = "Released to virtual nodes: " + WhyNotLocal(decision);
  if (!decision.let_go.empty()) text += "; " + decision.let_go;
  Record record = Compose(pod, {kube::Event::Type::kNormal, kOverflowReleased, std::move(text), decision.node}, id);
  owed_.push_back(record.event);
  Log(std::move(record));
  owes_.Notify();
}

void Reporter::TellOfEviction(const kube::ObjectReference& pod, std::string_view reason, std::string text,
                              const std::string& node) {
  const bool is_held = reason == kOverflowEvictionHeld;
  const Message message{is_held ? kube::Event::Type::kWarning : kube::Event::Type::kNormal, reason, std::move(text),
                        node};
  Record record = Compose(pod, message, NewDecisionId());
  owed_.push_back(record.event);
  Log(std::move(record));
  owes_.Notify();
}

void Reporter::TellOfReplicas(const PendingPod& pod) {
  const std::string& text = pod.decision->replicas_besides;
  if (text.empty() || runtime_.Now() < no_room_until_) return;
  const kube::OwnerReference* owner = pod.object.metadata.Controller();
  const std::string& uid = owner == nullptr ? pod.object.metadata.uid : owner->uid;
  if (told_of_replicas_.contains(uid)) return;
  const Message message{kube::Event::Type::kWarning, kLocalReplicasAdjusted, text, ""};
  if (!Tell(Compose(Reference(pod.object), message, NewDecisionId()))) return;
  if (told_of_replicas_.size() >= kForgotten) told_of_replicas_.clear();  // some are told again
  told_of_replicas_.insert(uid);
}

void Reporter::ForgetAllBut(const PendingPods& pending) {
  if (told_.size() <= 2 * pending.size() + kForgotten) return;  // now and then, not each time
  std::erase_if(told_, [&](const auto& entry) { return !pending.contains(entry.first); });
}

std::string Reporter::WaitText(const Decision& decision) const {
  if (decision.wait == Wait::kGroup) return "for its group: " + decision.detail;
  if (decision.wait == Wait::kTurn) {
    return "for kube-scheduler to try it, since a real node would take it as things stand, and only Pods before it in "
           "the queue are expected there";
  }
  if (!decision.until) return "for kube-scheduler to try it, since preemption might make room";
  const std::string until = base::FormatRfc3339(runtime_.WallNow() + (*decision.until - runtime_.Now()));
  if (decision.wait == Wait::kNodeReturn) {
    return fmt::format("until {} (--node-return-grace={}) for node {}, which is not ready and would take it", until,
                       base::FormatDuration(policy_.node_return_grace), decision.node);
  }
  if (decision.wait == Wait::kAutoscaler) {
    return fmt::format("until {} ({}=defer, deadline {}) for a node autoscaler to bring a node", until,
                       policy_.node_autoscaler_set_in, base::FormatDuration(policy_.node_autoscaler_deadline));
  }
  return fmt::format("until {} (--pending-grace={}) before overflowing", until,
                     base::FormatDuration(policy_.pending_grace));
}

std::optional<Reporter::Message> Reporter::WorthTelling(const Decision& decision, const PendingPod& pod,
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
      return Message{
          Type::kNormal, kOverflowNotNeeded,
          fmt::format("Fits real node {} for {}, yet kube-scheduler has not placed it; left to kube-scheduler, "
                      "whose last word is: {}",
                      decision.node, base::FormatDuration(now - decision.since), pod.object.pod_scheduled->message)};
    case Outcome::kUndecidable:
      if (!IsMarkedUnschedulable(pod.object) && !stood_for(seconds(kUndecidableAfterSeconds))) return std::nullopt;
      return Message{Type::kNormal, kOverflowUndecidable, fmt::format("Left alone: {}", decision.detail)};
    case Outcome::kNotEligible:
      if (!decision.nowhere || !stood_for(policy_.pending_grace)) return std::nullopt;
      return Message{Type::kNormal, kOverflowNotEligible,
                     fmt::format("Not eligible: {}; {}", decision.held_back->text, WhyNotLocal(decision))};
    case Outcome::kWaiting: {
      if (decision.wait == Wait::kBackoff) return std::nullopt;
      if (decision.wait == Wait::kLimit) {
        return Message{Type::kNormal, kOverflowAtLimit,
                       fmt::format("Waiting: {}; {}", decision.detail, WhyNotLocal(decision))};
      }
      const seconds worth(kWaitingWorthTellingSeconds);
      if (decision.until ? *decision.until - now < worth : !stood_for(worth)) return std::nullopt;
      return Message{Type::kNormal, kOverflowWaiting,
                     fmt::format("Waiting {}: {}", WaitText(decision), WhyNotLocal(decision))};
    }
    case Outcome::kNoVirtualNode:
      return Message{Type::kWarning, decision.none == NoPlace::kNoneCanRun ? kOverflowUnsupported : kOverflowNoCapacity,
                     fmt::format("{}; {}", decision.detail, WhyNotLocal(decision))};
    case Outcome::kOverflow:
      break;
  }
  if (policy_.mode != Mode::kDryRun) return std::nullopt;  // told once it is done
  return Message{Type::kNormal, kWouldOverflow, "[dry-run] Would bind " + OverflowText(decision, pod.PendingFor(now)),
                 decision.node};
}

Reporter::Record Reporter::Compose(const kube::ObjectReference& pod, const Message& message,
                                   std::string_view id) const {
  const std::string_view stop = message.text.ends_with('.') ? "" : ".";  // other people's words may have one
  const std::string text = fmt::format("{}{} decision={}", message.text, stop, id);
  return {.event = {.regarding = pod,
                    .type = message.type,
                    .reason = std::string(message.reason),
                    .action = std::string(ActionOf(message.reason)),
                    .note = text},
          .decision = {.id = std::string(id),
                       .at = runtime_.WallNow(),
                       .pod = pod.ns + "/" + pod.name,
                       .uid = pod.uid,
                       .reason = std::string(message.reason),
                       .text = text,
                       .node = message.node}};
}

bool Reporter::Tell(Record record) {
  if (!events_.Record(record.event)) return false;
  Log(std::move(record));
  return true;
}

void Reporter::Log(Record record) {
  const LoggedDecision& decision = record.decision;
  const bool warning = record.event.type == kube::Event::Type::kWarning;
  (warning ? log::Warning : log::Info)(decision.text,
                                       {{"pod", decision.pod}, {"reason", decision.reason}, {"decision", decision.id}});
  log_.Add(std::move(record.decision));
}

void Reporter::Bound(const BindOrder& order) {
  metrics_.Add(metrics::Id::kBinds, {std::string(ToString(BindResult::kBound)), order.request.node});
  const Duration pending_for = order.pending_for + (runtime_.Now() - order.sent);
  metrics_.Observe(metrics::Id::kPodPendingToBound, {}, std::chrono::duration<double>(pending_for).count());
  const kube::ObjectReference pod = {
      .api_version = "v1", .kind = "Pod", .ns = order.request.ns, .name = order.request.name, .uid = order.request.uid};
  const std::string text = "Bound " + OverflowText(order.decision, pending_for);
  Record record =
      Compose(pod, {kube::Event::Type::kNormal, kOverflowScheduled, text, order.request.node}, order.decision_id);
  owed_.push_back(record.event);
  Log(std::move(record));
  owes_.Notify();
}

Task<void> Reporter::WriteWhatIsOwed() {
  for (;;) {
    while (owed_.empty()) co_await owes_.Wait();
    if (events_.Record(owed_.front())) {
      owed_.pop_front();
    } else {
      co_await runtime_.SleepFor(kOwedAgain);
    }
  }
}

Task<void> Reporter::Flush(Instant deadline) {
  while (!owed_.empty() && runtime_.Now() < deadline) co_await runtime_.SleepFor(kOwedAgain);
  co_await events_.Flush(deadline);
}

void Reporter::BindFailed(const BindOrder& order, BindResult result, const Error& error, const PendingPod* pod,
                          std::optional<Duration> retry_in) {
  metrics_.Add(metrics::Id::kBinds, {std::string(ToString(result)), order.request.node});
  log::Verbose(3, "bind failed",
               {{"pod", order.request.ns + "/" + order.request.name},
                {"node", order.request.node},
                {"result", ToString(result)},
                {"error", error.message},
                {"decision", order.decision_id}});
  if (pod == nullptr || !retry_in) return;
  const bool worth_telling = result == BindResult::kForbidden || pod->bind.failures >= kBindFailuresWorthTelling;
  if (!worth_telling) return;
  const std::string& uid = pod->object.metadata.uid;
  if (const auto told = told_.find(uid); told != told_.end() && told->second == kOverflowBindFailed) return;
  const std::string text = fmt::format("Bind to virtual node {} failed {} time{}, next try in {}: {}",
                                       order.request.node, pod->bind.failures, pod->bind.failures == 1 ? "" : "s",
                                       base::FormatDuration(*retry_in), error.message);
  const Message message{kube::Event::Type::kWarning, kOverflowBindFailed, text, order.request.node};
  if (Tell(Compose(Reference(pod->object), message, order.decision_id))) told_[uid] = kOverflowBindFailed;
}

}  // namespace spillway::controller
