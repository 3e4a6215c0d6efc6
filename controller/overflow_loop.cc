#include "controller/overflow_loop.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "controller/decide.h"

namespace spillway::controller {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kUnusableRetry = milliseconds(250);  // how often to look whether the watches are back
constexpr Duration kWatchShowsBind = seconds(60);       // after a bind that succeeded
constexpr Duration kWatchShowsConflict = seconds(10);
constexpr Duration kFirstRetry = seconds(1), kLongestRetry = seconds(60);

bool WaitsForTheWatch(const PendingPod& pod) {
  return pod.bind.phase == BindState::Phase::kBound || pod.bind.phase == BindState::Phase::kUnknown;
}

double Seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

OverflowLoop::OverflowLoop(Runtime& runtime, ClusterState& state, Reporter& reporter, metrics::Registry& metrics,
                           const Policy& policy, OverflowOptions options, std::function<bool()> leads)
    : runtime_(runtime),
      state_(state),
      reporter_(reporter),
      metrics_(metrics),
      policy_(policy),
      options_(std::move(options)),
      leads_(std::move(leads)),
      wake_(runtime),
      flows_(runtime) {}

void OverflowLoop::Start() { flows_.Spawn(Run()); }

void OverflowLoop::Changed() {
  changed_ = true;
  wake_.Notify();
}

void OverflowLoop::Stop() {
  stopped_ = true;
  queue_.clear();
}

bool OverflowLoop::MayAct() const { return !stopped_ && leads_() && state_.Usable().has_value(); }

Task<void> OverflowLoop::Run() {
  for (;;) {
    while (!changed_ && !(look_again_ && runtime_.Now() >= *look_again_)) {
      if (look_again_) {
        co_await wake_.WaitUntil(*look_again_);
      } else {
        co_await wake_.Wait();
      }
    }
    if (changed_) co_await LetChangesSettle();
    changed_ = false;
    look_again_.reset();
    if (stopped_ || state_.pending().empty() || !leads_()) {
      queue_.clear();
    } else if (MayAct()) {
      Round();
    } else {
      queue_.clear();
      look_again_ = runtime_.Now() + kUnusableRetry;
    }
  }
}

Task<void> OverflowLoop::LetChangesSettle() {
  const Instant latest = runtime_.Now() + options_.batch_max;
  for (;;) {
    const Instant until = std::min(runtime_.Now() + options_.batch_idle, latest);
    const bool more = co_await wake_.WaitUntil(until);
    if (!more || runtime_.Now() >= latest) co_return;
  }
}

void OverflowLoop::Round() {
  const Instant began = runtime_.Now();
  GiveUpWaitingForTheWatch();
  state_.NoteWhatIsKnown();
  queue_epoch_ = state_.epoch();
  const sim::Packing packing = Simulate(state_.cluster(), state_.pending(), policy_);
  const Instant simulated = runtime_.Now();
  Plan plan = Decide(state_.cluster(), state_.pending(), packing, policy_, began);

  queue_.clear();
  for (const Decision& decision : plan.decisions) {
    if (decision.outcome == Outcome::kOverflow && options_.mode == Reporter::Mode::kAct) queue_.push_back(decision.uid);
  }
  const std::optional<Instant> look_again = plan.look_again;
  const std::optional<Instant> worth_telling = reporter_.Round(std::move(plan), state_.pending());
  last_round_ = runtime_.Now();
  ++rounds_;
  look_again_.reset();
  LookAgain(look_again);
  LookAgain(worth_telling);
  for (const auto& [uid, pod] : state_.pending()) {
    if (WaitsForTheWatch(pod)) LookAgain(pod.bind.give_up);
  }
  metrics_.Observe(metrics::Id::kSimulationDuration, {}, Seconds(simulated - began));
  metrics_.Observe(metrics::Id::kDecisionDuration, {}, Seconds(last_round_ - began));
  metrics_.Set(metrics::Id::kLoopLastSuccessTimestamp, {"overflow"}, Seconds(runtime_.WallNow().time_since_epoch()));
  if (!queue_.empty() && on_work_) on_work_();
}

// Never sooner than a batch after the last round: a thousand Pods whose grace ends one after the other share rounds.
void OverflowLoop::LookAgain(std::optional<Instant> when) {
  if (!when) return;
  const Instant at = std::max(*when, last_round_ + options_.batch_idle);
  if (!look_again_ || at < *look_again_) look_again_ = at;
}

void OverflowLoop::GiveUpWaitingForTheWatch() {
  for (auto& [uid, pod] : state_.pending()) {
    if (WaitsForTheWatch(pod) && pod.bind.give_up <= runtime_.Now()) state_.CountAsPending(pod);
  }
}

std::optional<BindOrder> OverflowLoop::Take() {
  if (!MayAct()) {
    queue_.clear();
    Changed();  // look when it is possible again
    return std::nullopt;
  }
  state_.NoteWhatIsKnown();
  if (state_.epoch() != queue_epoch_) {  // something came free since: the plan is void
    log::Verbose(4, "deciding again: the cluster changed between the plan and the bind");
    Round();
    wake_.Notify();  // the loop is to sleep until the new plan's time
  }
  while (!queue_.empty()) {
    const auto found = state_.pending().find(queue_.front());
    queue_.pop_front();
    if (found == state_.pending().end()) continue;  // gone, or bound
    if (Stands(found->second)) return Order(found->second);
    Changed();
  }
  return std::nullopt;
}

// While the epoch stands still a Nowhere verdict stays true for the same class; what can have changed is the Pod.
bool OverflowLoop::Stands(const PendingPod& pod) const {
  if (pod.bind.phase != BindState::Phase::kNone) return false;
  const auto index = state_.cluster().FindPod(pod.object.metadata.uid);
  if (!index || state_.cluster().class_of(*index) != pod.decision->pod_class) return false;
  return !WhyNotScheduled(pod.object, policy_) && !WhyNotEligible(pod.object, policy_);
}

BindOrder OverflowLoop::Order(PendingPod& pod) {
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
  order.request.annotations = {{"spillway.io/decided-at", base::FormatRfc3339(runtime_.WallNow())},
                               {"spillway.io/decision-id", order.decision_id},
                               {"spillway.io/reason", RealNodesText(*decision.nowhere)},
                               {"spillway.io/virtual-node", decision.node}};
  constexpr std::string_view kDeletionCost = "controller.kubernetes.io/pod-deletion-cost";
  if (!options_.pod_deletion_cost.empty() && kube::Find(meta.annotations, kDeletionCost) == nullptr) {
    order.request.annotations.insert(order.request.annotations.begin(),
                                     {std::string(kDeletionCost), options_.pod_deletion_cost});
  }
  state_.CountAsPlaced(pod, BindState::Phase::kInFlight, decision.node);
  return order;
}

Duration OverflowLoop::Done(const BindOrder& order, const Status& status) {
  const BindResult result = Classify(status);
  if (result == BindResult::kBound) {
    forbidden_in_a_row_ = 0;
    reporter_.Bound(order);
    const auto found = state_.pending().find(order.request.uid);
    if (found != state_.pending().end()) {
      PendingPod& pod = found->second;
      pod.bind.failures = 0;
      pod.bind.give_up = runtime_.Now() + kWatchShowsBind;
      state_.CountAsPlaced(pod, BindState::Phase::kBound, order.request.node);
      LookAgain(pod.bind.give_up);
      wake_.Notify();
    }
    return Duration(0);
  }
  Failed(order, result, status.error());
  Changed();
  if (result == BindResult::kForbidden && status.error().message.find("pods/binding") != std::string::npos) {
    return RetryAfter(++forbidden_in_a_row_);  // the permission is missing for all
  }
  return status.error().retry_after;
}

void OverflowLoop::Failed(const BindOrder& order, BindResult result, const Error& error) {
  const auto found = state_.pending().find(order.request.uid);
  if (found == state_.pending().end()) {
    reporter_.BindFailed(order, result, error, nullptr, std::nullopt);
    return;
  }
  PendingPod& pod = found->second;
  const Instant now = runtime_.Now();
  if (result == BindResult::kConflict || result == BindResult::kGone) {
    state_.CountAsPending(pod);
    // The watch shows what we were refused for, and then it is decided anew; never simply tried again.
    if (pod.object.metadata.resource_version == order.request.resource_version) {
      pod.bind.refused_version = order.request.resource_version;
      pod.bind.retry_at = now + kWatchShowsConflict;
    }
    reporter_.BindFailed(order, result, error, &pod, std::nullopt);
    return;
  }
  ++pod.bind.failures;
  const Duration wait = std::max(RetryAfter(pod.bind.failures), error.retry_after);
  if (result == BindResult::kUnknown) {
    pod.bind.give_up = now + wait;
    state_.CountAsPlaced(pod, BindState::Phase::kUnknown, order.request.node);
  } else {
    state_.CountAsPending(pod);
    pod.bind.retry_at = now + wait;
  }
  reporter_.BindFailed(order, result, error, &pod, wait);
}

Duration OverflowLoop::RetryAfter(int failures) {
  const int doublings = std::min(failures - 1, 10);
  const Duration base = std::min(kLongestRetry, kFirstRetry * (1 << doublings));
  return runtime_.random().Between(base, base + base / 2);
}

}  // namespace spillway::controller
