#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "base/rarely.h"
#include "controller/decide.h"
#include "controller/overflow.h"
#include "controller/policy/pod_annotations.h"
#include "kube/bind.h"
#include "scheduler_sim/packing.h"

namespace spillway::controller {
namespace {

using std::chrono::seconds;
using Phase = BindState::Phase;

constexpr Duration kWatchShowsBind = seconds(60);  // after a bind that succeeded
constexpr Duration kWatchShowsConflict = seconds(10);
constexpr Duration kFirstRetry = seconds(1), kLongestRetry = seconds(60);
constexpr int kLooksPerTurn = 1000, kConfirmationsPerTurn = 16;

// The API server's own limits answer without a Status, before anybody has looked at the request; what refuses one Pod's
// bind in this way, an admission webhook say, answers with one. Source: apiserver server/filters/maxinflight.go
// tooManyRequests.
bool IsServerFull(const Error& error) { return error.reason.empty(); }

}  // namespace

Task<void> Overflow::BindFlow() {
  for (;;) {
    while (to_bind_.empty() || in_flight_ >= options_.max_binds_in_flight) co_await work_.Wait();
    co_await WaitForLimits();
    for (;;) {
      std::optional<BindOrder> order = TakeNext();
      if (order) {
        ++in_flight_;
        flows_.Spawn(Send(std::move(*order)));
      }
      if (order || to_bind_.empty()) break;
      co_await runtime_.SleepFor(Duration(0));
    }
  }
}

Task<void> Overflow::WaitForLimits() {
  const Instant asked = runtime_.Now();
  co_await binds_.limiter.Acquire();
  if (binds_.observer != nullptr && runtime_.Now() > asked) binds_.observer->OnRateLimited(runtime_.Now() - asked);
  co_await own_limiter_.Acquire();
  while (runtime_.Now() < held_until_) co_await runtime_.SleepUntil(held_until_);
}

// The next that still stands. Looks at a few only, so that the loop is not held; nullopt: look again, or there is none.
std::optional<BindOrder> Overflow::TakeNext() {
  if (!MayAct()) {
    DropEverything();
    state_.changes().Notify();  // the deciding flow looks when it is possible again
    return std::nullopt;
  }
  if (Rarely(runtime_, "binds: plan void")) {  // the next round says what to bind
    everything_ = true;
    to_bind_.clear();
    state_.changes().Notify();
    return std::nullopt;
  }
  state_.NoteWhatIsKnown();
  int confirmed = 0;
  for (int looked = 0; looked < kLooksPerTurn && confirmed < kConfirmationsPerTurn && !to_bind_.empty(); ++looked) {
    PendingPod* pod = PodOf(*to_bind_.begin());
    to_bind_.erase(to_bind_.begin());
    const bool is_to_go = pod != nullptr && pod->bind.phase == Phase::kNone && pod->decision &&
                          pod->decision->outcome == Outcome::kOverflow;
    if (!is_to_go) continue;
    if (const auto until = permission_.HeldUntil(pod->object.metadata.ns)) {
      pod->bind.retry_at = *until;
      pod->bind.refused_version.clear();
    } else if (const auto room = room_.find(AlikeTo(*pod)); room == room_.end() || !room->second.node.empty()) {
      ++confirmed;
      if (auto order = Confirm(*pod)) return order;
    }
    LookAgainSoon(*pod);
  }
  return std::nullopt;
}

// Whether nothing but the simulation and the virtual nodes could still keep it, on the newest state.
bool Overflow::MayStillGo(const PendingPod& pod) const {
  const sim::Cluster& cluster = state_.cluster();
  if (cluster.class_of(pod.index) != pod.decision->pod_class) return false;
  if (WhyNotScheduled(pod.object, policy_) || WhyNotEligible(pod.object, policy_, state_.surroundings())) return false;
  if (WhyRestricted(pod.object, cluster.ClaimedVolumesOf(pod.index), policy_)) return false;
  if (WhyNominated(pod.object) && cluster.NominationMayHold(pod.index)) return false;
  return state_.doubts().Against(cluster, pod).empty();
}

// Whether a real node would take it as things stand, and kube-scheduler has not said yet that none does for it.
bool Overflow::RestsOnThoseAhead(const PendingPod& pod) const {
  if (IsMarkedUnschedulable(pod.object)) return false;
  return sim::Judge(state_.cluster(), pod.index, sim::NodeDomain::kReal).kind == sim::Verdict::Kind::kFits;
}

// The second confirmation, on the newest state: by the Pod itself, by the simulation of its class, by the virtual
// nodes.
std::optional<BindOrder> Overflow::Confirm(PendingPod& pod) {
  if (!MayStillGo(pod)) return std::nullopt;
  const sim::Cluster& cluster = state_.cluster();
  Decision& decision = *pod.decision;
  const std::optional<ReplicaStanding> standing = state_.surroundings().replicas().Of(pod.object);
  const bool is_beyond = standing && standing->is_beyond();
  if (decision.is_beyond_local && !is_beyond) return std::nullopt;
  // Who is beyond does not depend on who else waits for room.
  sim::Verdict verdict =
      decision.is_beyond_local ? sim::Judge(cluster, pod.index, sim::NodeDomain::kReal) : packing_.Confirm(pod.index);
  if (verdict.kind == sim::Verdict::Kind::kUndecidable) return std::nullopt;
  const bool is_nowhere = verdict.kind == sim::Verdict::Kind::kNowhere && !WhyNotTriggered(*verdict.why_not, policy_);
  if (!is_nowhere && !decision.is_beyond_local) return std::nullopt;
  if (!decision.is_beyond_local && RestsOnThoseAhead(pod)) return std::nullopt;
  if (standing) decision.replicas = standing->text;
  pod.avoided = state_.surroundings().AvoidedBy(pod.object);
  VirtualPlace place = ChooseVirtualNode(cluster, pod, policy_, state_.surroundings().ledger());
  if (place.node.empty()) {
    room_[AlikeTo(pod)] = std::move(place);
    return std::nullopt;
  }
  decision.nowhere = std::move(verdict.why_not);
  TakePlace(std::move(place), decision);
  if (decision.outcome != Outcome::kOverflow) return std::nullopt;
  return Order(pod);
}

BindOrder Overflow::Order(PendingPod& pod) {
  const Decision& decision = *pod.decision;
  const kube::ObjectMeta& meta = pod.object.metadata;
  BindOrder order;
  order.decision = decision;
  order.decision_id = reporter_.NewDecisionId();
  order.sent = runtime_.Now();
  order.pending_for = pod.PendingFor(order.sent);
  order.request = {.ns = meta.ns,
                   .name = meta.name,
                   .uid = meta.uid,
                   .resource_version = meta.resource_version,
                   .node = decision.node};
  order.request.annotations = {{std::string(kDecidedAt), base::FormatRfc3339(runtime_.WallNow())},
                               {std::string(kDecisionId), order.decision_id},
                               {std::string(kReason), WhyNotLocal(decision)},
                               {std::string(kBoundTo), decision.node}};
  if (auto cost = DeletionCostFor(pod.object, options_.pod_deletion_cost)) {
    order.request.annotations.insert(order.request.annotations.begin(), *std::move(cost));
  }
  open_.Sent(order);
  pod.bind.phase = Phase::kInFlight;
  state_.Assume(pod, decision.node);
  return order;
}

Task<void> Overflow::Send(BindOrder order) {
  // A turn has passed since it was taken: a process that stood still meanwhile may lead no more, or the policy may be
  // another. What it has not sent is for its successor to decide, or for the next round.
  if (leads_() && policy_.mode != Mode::kEnforce) {
    TakeBack(order);
  } else if (leads_()) {
    kube::BindRequest request = order.request;
    const Status status = co_await kube::Bind(binds_.client, std::move(request));
    NoteOutcome(order, status);
  }
  --in_flight_;
  work_.Notify();
  if (in_flight_ == 0) idle_.Notify();
}

void Overflow::TakeBack(const BindOrder& order) {
  (void)open_.Answered(order);
  PendingPod* pod = state_.Find(order.request.uid);
  if (pod == nullptr) return;
  pod->bind.phase = Phase::kNone;
  state_.Forget(*pod);
  LookAgainSoon(*pod);
}

void Overflow::NoteOutcome(const BindOrder& order, const Status& status) {
  const BindResult result = Classify(status);
  PendingPod* pod = state_.Find(order.request.uid);  // null: the watch was faster, or it is gone
  if (result == BindResult::kUnknown) open_.AnswerLost(order);
  const bool is_news = result != BindResult::kUnknown && open_.Answered(order);
  if (result == BindResult::kBound) {
    if (is_news) reporter_.Bound(order);
    if (pod != nullptr) NoteBound(*pod);
  } else {
    const std::optional<Duration> wait =
        pod == nullptr ? std::nullopt : NoteFailed(*pod, order, result, status.error());
    reporter_.BindFailed(order, result, status.error(), pod, wait);
    if (IsServerFull(status.error())) {
      held_until_ = std::max(held_until_, runtime_.Now() + status.error().retry_after);
    }
    // A namespace that is being deleted says so, and has no need to be asked about.
    const bool may_be_permission = result == BindResult::kForbidden && !status.error().HasCause("NamespaceTerminating");
    if (may_be_permission) permission_.Doubt(order.request.ns);
  }
  if (pod != nullptr) LookAgainSoon(*pod);
}

void Overflow::NoteBound(PendingPod& pod) {
  pod.bind.failures = 0;
  pod.bind.refused_on.clear();
  pod.bind.phase = Phase::kBound;
  pod.bind.give_up = runtime_.Now() + kWatchShowsBind;
}

// Returns how long it waits until the next try; nullopt when it is decided anew as soon as the watch shows why.
std::optional<Duration> Overflow::NoteFailed(PendingPod& pod, const BindOrder& order, BindResult result,
                                             const Error& error) {
  const Instant now = runtime_.Now();
  if (result == BindResult::kConflict || result == BindResult::kGone) {
    pod.bind.phase = Phase::kNone;
    pod.bind.refused_version = order.request.resource_version;
    pod.bind.retry_at = now + kWatchShowsConflict;
    state_.Forget(pod);
    return std::nullopt;
  }
  ++pod.bind.failures;
  pod.bind.last_failure = fmt::format("on virtual node {}: {}", order.request.node, error.message);
  const bool is_refused = result == BindResult::kForbidden || result == BindResult::kRejected;
  if (is_refused && error.code != Code::kThrottled) pod.bind.refused_on.insert(order.request.node);
  const Duration wait = std::max(RetryAfter(pod.bind.failures), error.retry_after);
  if (result == BindResult::kUnknown) {
    pod.bind.phase = Phase::kUnknown;
    pod.bind.give_up = now + wait;
  } else {
    pod.bind.phase = Phase::kNone;
    pod.bind.refused_version.clear();
    pod.bind.retry_at = now + wait;
    state_.Forget(pod);
  }
  return wait;
}

Duration Overflow::RetryAfter(int failures) {
  const int doublings = std::min(failures - 1, 10);
  const Duration base = std::min(kLongestRetry, kFirstRetry * (1 << doublings));
  return runtime_.random().Between(base, base + base / 2);
}

Task<void> Overflow::WaitUntilIdle(Instant deadline) {
  while (in_flight_ > 0 && runtime_.Now() < deadline) co_await idle_.WaitUntil(deadline);
}

}  // namespace spillway::controller
