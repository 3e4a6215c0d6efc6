#include "controller/gate_keeper.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/log.h"
#include "controller/bind_order.h"
#include "controller/decide.h"
#include "controller/policy/eligibility.h"
#include "controller/policy/pod_annotations.h"

namespace spillway::controller {
namespace {

using std::chrono::seconds;

constexpr Duration kLookAtDeadlines = seconds(1);
constexpr Duration kPatchAgain = seconds(2), kForbiddenAgain = seconds(10);
constexpr Duration kShownWithin = seconds(60);  // kube-scheduler places it, and the watch shows that

}  // namespace

GateKeeper::GateKeeper(Runtime& runtime, ClusterState& state, kube::Client& writer, Reporter& reporter,
                       metrics::Registry& metrics, const Policy& policy, GateOptions options,
                       std::function<bool()> leads)
    : runtime_(runtime),
      state_(state),
      writer_(writer),
      reporter_(reporter),
      metrics_(metrics),
      policy_(policy),
      options_(std::move(options)),
      leads_(std::move(leads)),
      limiter_(runtime, options_.qps, options_.burst),
      done_(runtime),
      flows_(runtime) {}

void GateKeeper::Start() {
  if (options_.lifts) flows_.Spawn(Run());
}

Task<void> GateKeeper::Run() {
  for (;;) {
    if (state_.gated().empty()) {
      attempts_.clear();
      co_await state_.gates().Wait();
    } else {
      (void)co_await state_.gates().WaitUntil(runtime_.Now() + kLookAtDeadlines);
    }
    std::vector<std::string> uids;  // first come, first looked at
    for (const auto& [arrival, uid] : state_.gated()) uids.push_back(uid);
    for (const std::string& uid : uids) {
      const PendingPod* waiting = state_.Find(uid);
      if (stopped_ || waiting == nullptr || !MayTry(*waiting)) continue;
      co_await limiter_.Acquire();
      while (in_flight_ >= options_.max_in_flight) co_await done_.Wait();
      PendingPod* pod = state_.Find(uid);  // on the newest state
      if (stopped_ || pod == nullptr || !MayTry(*pod)) continue;
      const GateRelease release = WhatOf(*pod);
      attempts_[uid].in_flight = true;
      ++in_flight_;
      flows_.Spawn(Send(OrderFor(*pod, release)));
    }
  }
}

bool GateKeeper::MayTry(const PendingPod& pod) const {
  if (!GateOf(pod.object) || pod.counts_as_placed()) return false;
  const auto attempt = attempts_.find(pod.object.metadata.uid);
  if (attempt != attempts_.end()) {
    const bool same = attempt->second.refused_version == pod.object.metadata.resource_version;
    if (attempt->second.in_flight || (same && runtime_.Now() < attempt->second.retry_at)) return false;
  }
  return WhatOf(pod) != GateRelease::kNotYet;
}

GateRelease GateKeeper::WhatOf(const PendingPod& pod) const {
  const Surroundings& around = state_.surroundings();
  GateFacts facts{.age = pod.PendingFor(runtime_.Now()), .deadline = options_.deadline};
  facts.decides = leads_() && state_.Usable().has_value();
  facts.mode = policy_.mode;
  facts.standing = around.replicas().Of(pod.object);
  facts.may_overflow = !WhyNotEligible(pod.object, policy_, around) &&
                       !WhyRestricted(pod.object, state_.cluster().ClaimedVolumesOf(pod.index), policy_);
  return WhatOfGate(pod.object, facts);
}

// A virtual node with room for it and no cap against it.
bool GateKeeper::FindPlace(const PendingPod& pod, Decision& decision) const {
  // kube-scheduler is to place it, and knows of no node that is to be avoided.
  if (!state_.surroundings().AvoidedBy(pod.object).empty()) return false;
  if (options_.virtual_node_labels.empty() || !state_.cluster().class_of(pod.index).valid()) return false;
  TakePlace(ChooseVirtualNode(state_.cluster(), pod, policy_, state_.surroundings().ledger()), decision);
  return decision.outcome == Outcome::kOverflow;
}

GateKeeper::Order GateKeeper::OrderFor(PendingPod& pod, GateRelease release) {
  const kube::ObjectMeta& meta = pod.object.metadata;
  Order order{.uid = meta.uid};
  order.request = {.ns = meta.ns,
                   .name = meta.name,
                   .resource_version = meta.resource_version,
                   .gate = *GateOf(pod.object),
                   .gates = pod.object.scheduling_gates.size()};
  if (release != GateRelease::kToVirtualNodes || !FindPlace(pod, order.decision)) return order;
  order.release = GateRelease::kToVirtualNodes;
  order.decision_id = reporter_.NewDecisionId();
  order.decision.is_beyond_local = true;
  order.decision.replicas = state_.surroundings().replicas().Of(pod.object)->text;
  order.decision.let_go = WhatLetItGo(pod.object, policy_, state_.surroundings());
  order.reference = {.api_version = "v1", .kind = "Pod", .ns = meta.ns, .name = meta.name, .uid = meta.uid};
  kube::GateReleaseRequest& request = order.request;
  request.node_selector = options_.virtual_node_labels;
  request.has_node_selector = !pod.object.node_selector.empty();
  request.tolerated_taints = policy_.overflow_taints;
  request.has_tolerations = !pod.object.tolerations.empty();
  request.annotations = {{std::string(kDecisionId), order.decision_id},
                         {std::string(kReason), WhyNotLocal(order.decision)}};
  if (auto cost = DeletionCostFor(pod.object, options_.pod_deletion_cost)) {
    request.annotations.push_back(*std::move(cost));
  }
  pod.bind.phase = BindState::Phase::kInFlight;
  state_.Assume(pod, order.decision.node);
  return order;
}

Task<void> GateKeeper::Send(Order order) {
  kube::GateReleaseRequest request = order.request;
  const Status status = co_await kube::ReleaseGate(writer_, std::move(request));
  NoteOutcome(order, status);
  --in_flight_;
  done_.Notify();
}

void GateKeeper::NoteOutcome(const Order& order, const Status& status) {
  const bool is_virtual = order.release == GateRelease::kToVirtualNodes;
  const char* result = !status ? "error" : is_virtual ? "virtual_nodes" : "plainly";
  metrics_.Add(metrics::Id::kGatesLifted, {result});
  Attempt& attempt = attempts_[order.uid];
  attempt.in_flight = false;
  attempt.refused_version = order.request.resource_version;
  const bool is_forbidden = !status && status.error().code == Code::kPermissionDenied;
  const Duration wait = is_forbidden ? kForbiddenAgain : kPatchAgain;
  attempt.retry_at = runtime_.Now() + (status ? wait : std::max(wait, status.error().retry_after));
  if (is_forbidden && !std::exchange(attempt.is_told, true)) {
    log::Warning("a gate cannot be lifted",
                 {{"pod", order.request.ns + "/" + order.request.name}, {"error", status.error().message}});
  }
  if (status && is_virtual) reporter_.Released(order.reference, order.decision, order.decision_id);
  PendingPod* pod = state_.Find(order.uid);
  if (pod == nullptr || !is_virtual || pod->bind.phase != BindState::Phase::kInFlight) return;
  const bool may_be_done = status || Classify(status) == BindResult::kUnknown;
  pod->bind.phase = may_be_done ? BindState::Phase::kBound : BindState::Phase::kNone;
  pod->bind.give_up = runtime_.Now() + (status ? kShownWithin : wait);
  if (!may_be_done) state_.Forget(*pod);
}

}  // namespace spillway::controller
