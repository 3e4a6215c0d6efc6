#include <algorithm>
#include <utility>

#include "controller/decide.h"
#include "controller/group_release.h"
#include "controller/overflow.h"
#include "scheduler_sim/dependence.h"

namespace spillway::controller {
namespace {

using std::chrono::milliseconds;

constexpr Duration kUnusableRetry = milliseconds(250);  // how often to look whether the watches are back
// What the loop is held for at a time: some 5 ms each.
constexpr std::int64_t kPackingPerSlice = 15'000'000;
constexpr std::size_t kPodsPerSlice = 500;
constexpr std::size_t kPodsPerQuestion = 20;  // asking the virtual nodes about a class costs as much
// Pods of one class that a round lets go when virtual nodes have room again; the next round lets go more.
constexpr std::size_t kPodsPerRoom = 500;
constexpr std::size_t kClassesPerRound = 100;
// How often to look whether preemption might still help, or a nomination still hold: no change to the Pod itself says
// so.
constexpr Duration kPreemptionLook = std::chrono::seconds(5);
// Those before it are placed within moments as a rule.
constexpr Duration kTurnLook = std::chrono::seconds(1);

// No change to the Pod itself says when to look at it again.
bool HangsOnOthers(const Decision& decision) {
  if (decision.outcome == Outcome::kWaiting) {
    return decision.wait == Wait::kCondition || decision.wait == Wait::kGroup || decision.wait == Wait::kTurn;
  }
  return decision.outcome == Outcome::kNotEligible && decision.held_back->rule == Rule::kNominated;
}

Duration LookAgainAfter(const Decision& decision) {
  return decision.outcome == Outcome::kWaiting && decision.wait == Wait::kTurn ? kTurnLook : kPreemptionLook;
}

bool WaitsForGroup(const Decision& decision) {
  return decision.outcome == Outcome::kWaiting && decision.wait == Wait::kGroup;
}

bool IsAtLimit(const Decision& decision) {
  return decision.outcome == Outcome::kWaiting && decision.wait == Wait::kLimit;
}

double Seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

Overflow::Overflow(Runtime& runtime, ClusterState& state, BindChannel binds, Reporter& reporter,
                   metrics::Registry& metrics, const Policy& policy, OverflowOptions options,
                   std::function<bool()> leads)
    : runtime_(runtime),
      state_(state),
      binds_(binds),
      reporter_(reporter),
      metrics_(metrics),
      policy_(policy),
      options_(std::move(options)),
      leads_(std::move(leads)),
      packing_(state.cluster(), sim::NodeDomain::kReal),
      work_(runtime),
      idle_(runtime),
      own_limiter_(runtime, options_.max_binds_per_second, 1),
      permission_(runtime, binds.client),
      open_(runtime, state, binds.client, binds.limiter, [this](const BindOrder& order) { reporter_.Bound(order); }),
      flows_(runtime) {}

void Overflow::Start() {
  flows_.Spawn(DecideFlow());
  flows_.Spawn(BindFlow());
  open_.Start();
}

void Overflow::Stop() {
  stopped_ = true;
  to_bind_.clear();
}

void Overflow::PolicyChanged() {
  everything_ = true;
  to_bind_.clear();
  state_.PolicyChanged();
}

bool Overflow::MayAct() const {
  return !stopped_ && policy_.mode != Mode::kOff && leads_() && state_.Usable().has_value();
}

Task<void> Overflow::DecideFlow() {
  for (;;) {
    co_await WaitUntilWorthDeciding();
    look_whether_usable_.reset();
    if (stopped_) co_return;
    bool done = true;
    if (MayAct() && !std::as_const(state_).pending().empty()) {
      done = co_await Round();
    } else {
      DropEverything();
    }
    const bool waits = leads_() && policy_.mode != Mode::kOff && (!done || !MayAct());
    if (waits && !std::as_const(state_).pending().empty()) {
      look_whether_usable_ = runtime_.Now() + kUnusableRetry;
    }
  }
}

Task<void> Overflow::WaitUntilWorthDeciding() {
  if (const auto next = NextLook()) {
    const bool changed = co_await state_.changes().WaitUntil(*next);
    if (!changed) co_return;  // time alone
  } else {
    co_await state_.changes().Wait();
  }
  const Instant latest = runtime_.Now() + options_.batch_max;
  for (;;) {
    const Instant until = std::min(runtime_.Now() + options_.batch_idle, latest);
    const bool more = co_await state_.changes().WaitUntil(until);
    if (!more || runtime_.Now() >= latest) co_return;
  }
}

// Never sooner than a batch after the last round: a thousand Pods whose grace ends one after the other share rounds.
std::optional<Instant> Overflow::NextLook() {
  if (look_whether_usable_) return look_whether_usable_;
  if (!leads_() || policy_.mode == Mode::kOff) return std::nullopt;  // what is due stays so
  while (!due_.empty() && state_.Find(due_.begin()->second) == nullptr) due_.erase(due_.begin());
  if (due_.empty()) return std::nullopt;
  return std::max(due_.begin()->first, last_round_ + options_.batch_idle);
}

// Nothing is pending, or nothing may be decided: the next round begins anew.
void Overflow::DropEverything() {
  (void)state_.TakeTouched();
  everything_ = true;
  again_.clear();
  to_bind_.clear();
  to_show_.clear();
}

Task<bool> Overflow::GoOn() {
  co_await runtime_.SleepFor(Duration(0));
  if (MayAct()) co_return true;
  DropEverything();
  co_return false;
}

Task<bool> Overflow::Round() {
  const Instant began = runtime_.Now();
  ++rounds_;
  room_.clear();
  state_.NoteWhatIsKnown();
  packing_.Begin();
  while (!packing_.Step(kPackingPerSlice)) {
    if (!co_await GoOn()) co_return false;
  }
  const Instant simulated = runtime_.Now();
  if (!co_await LookAtWhatChanged()) co_return false;
  if (policy_.mode == Mode::kDryRun) ShowVirtualNodes();
  reporter_.ForgetAllBut(state_.pending());
  if (nowhere_.size() > 2 * std::as_const(state_).pending().size() + kPodsPerSlice) {
    std::erase_if(nowhere_, [this](const Turn& turn) { return PodOf(turn) == nullptr; });
  }
  last_round_ = runtime_.Now();
  metrics_.Observe(metrics::Id::kSimulationDuration, {}, Seconds(simulated - began));
  metrics_.Observe(metrics::Id::kDecisionDuration, {}, Seconds(last_round_ - began));
  metrics_.Set(metrics::Id::kLoopLastSuccessTimestamp, {"overflow"}, Seconds(runtime_.WallNow().time_since_epoch()));
  if (!to_bind_.empty()) work_.Notify();
  co_return true;
}

Task<bool> Overflow::LookAtWhatChanged() {
  ClusterState::Touched touched = state_.TakeTouched();
  const bool everything = std::exchange(everything_, false) || touched.everything;
  const Instant now = runtime_.Now();
  std::size_t looked = 0, asked = room_.size();
  const auto is_full = [&] {  // a slice
    looked += 1 + kPodsPerQuestion * (room_.size() - asked);
    asked = room_.size();
    if (looked < kPodsPerSlice) return false;
    looked = 0;
    return true;
  };
  for (std::size_t i = 0; i < packing_.changed().size(); ++i) {
    if (PendingPod* pod = state_.AtIndex(packing_.changed()[i])) NoteWhetherNowhere(*pod);
    if (is_full() && !co_await GoOn()) co_return false;
  }
  ShareOutReturningNodes();
  for (std::size_t i = 0; i < packing_.changed().size(); ++i) {
    if (PendingPod* pod = state_.AtIndex(packing_.changed()[i])) LookAt(*pod);
    if (is_full() && !co_await GoOn()) co_return false;
  }
  for (std::string uid; everything;) {
    PendingPod* pod = state_.After(uid);
    if (pod == nullptr) break;
    uid = pod->object.metadata.uid;
    LookAt(*pod);
    if (is_full() && !co_await GoOn()) co_return false;
  }
  while (!due_.empty() && due_.begin()->first <= now) {
    PendingPod* pod = state_.Find(due_.begin()->second);
    due_.erase(due_.begin());
    if (pod != nullptr) pod->due.reset();
    if (pod != nullptr) LookAt(*pod);
    if (is_full() && !co_await GoOn()) co_return false;
  }
  AddThoseWithRoomNow();
  AddThoseWithinLimitsNow();
  AddThoseOfMovedWorkloads();
  std::vector<std::string> again = std::exchange(again_, {});
  for (const std::vector<std::string>* uids : {&touched.pods, &again}) {
    for (const std::string& uid : *uids) {
      if (PendingPod* pod = state_.Find(uid)) LookAt(*pod);
      if (is_full() && !co_await GoOn()) co_return false;
    }
  }
  ReleaseWaitingGroups();
  co_return true;
}

void Overflow::LookAt(PendingPod& pod) {
  if (std::exchange(pod.decided_in, rounds_) == rounds_) return;
  const Instant now = runtime_.Now();
  if (pod.bind.waits_for_the_watch() && pod.bind.give_up <= now) {
    pod.bind.phase = BindState::Phase::kNone;
    state_.ForgetUnknown(pod);
    LookAgainSoon(pod);
    return;
  }
  if (pod.bind.phase != BindState::Phase::kNone) {
    LookAgain(pod, pod.bind.waits_for_the_watch() ? std::optional(pod.bind.give_up) : std::nullopt);
    return;
  }
  std::optional<sim::Verdict> verdict = packing_.VerdictOf(pod.index);
  if (!verdict && !WhyNotScheduled(pod.object, policy_)) return;  // too new: the next round has it
  const bool is_nowhere = verdict && verdict->kind == sim::Verdict::Kind::kNowhere;
  pod.avoided = state_.surroundings().AvoidedBy(pod.object);
  const auto awaited = awaited_.find(TurnOf(pod));
  Evidence evidence{.verdict = verdict ? std::move(*verdict) : sim::Verdict(),
                    .doubt = state_.doubts().Against(state_.cluster(), pod),
                    .awaited = awaited == awaited_.end() ? nullptr : &awaited->second,
                    .rests_on_those_ahead = is_nowhere && RestsOnThoseAhead(pod)};
  Adopt(pod, Decide(state_.cluster(), pod, evidence, policy_, state_.surroundings(), now));
}

void Overflow::NoteWhetherNowhere(const PendingPod& pod) {
  const std::optional<sim::Verdict> verdict = packing_.VerdictOf(pod.index);
  if (verdict && verdict->kind == sim::Verdict::Kind::kNowhere) {
    nowhere_.insert(TurnOf(pod));
  } else {
    nowhere_.erase(TurnOf(pod));
  }
}

// Nodes that may be back in a moment, among all that fit nowhere, in kube-scheduler's order: the few that get one are
// looked at, and those that had one.
void Overflow::ShareOutReturningNodes() {
  const Instant now = runtime_.Now();
  for (const auto& [turn, node] : awaited_) {
    if (const PendingPod* pod = PodOf(turn)) again_.push_back(pod->object.metadata.uid);
  }
  awaited_.clear();
  AwaitedNodes nodes(state_.cluster(), state_.returns(), policy_.node_return_grace, now);
  if (nodes.empty()) return;
  for (auto turn = nowhere_.begin(); turn != nowhere_.end();) {
    const PendingPod* pod = PodOf(*turn);
    if (pod == nullptr) {
      turn = nowhere_.erase(turn);
      continue;
    }
    if (auto node = nodes.For(turn->index, NowhereSince(*pod, now))) {
      awaited_.emplace(*turn, std::move(*node));
      again_.push_back(pod->object.metadata.uid);
    }
    ++turn;
  }
}

// Virtual nodes are asked once for all Pods that are alike to them.
Overflow::Alike Overflow::AlikeTo(const PendingPod& pod) const {
  std::string besides = policy_.limits.has_money() ? pod.object.metadata.ns : std::string();
  if (!pod.avoided.empty()) besides += "/" + pod.object.metadata.Controller()->uid;
  return {state_.cluster().class_of(pod.index), std::move(besides)};
}

void Overflow::StayWithoutPlace(const PendingPod& pod, Decision& decision) {
  const OverflowLedger& ledger = state_.surroundings().ledger();
  // Those before it that are about to go may be whom it wants to be beside: its turn will tell.
  const bool others_go_first = !to_bind_.empty() && *to_bind_.begin() < TurnOf(pod);
  if (others_go_first && sim::LooksAtOtherPods(state_.cluster(), pod.index)) return;
  auto [room, is_new] = room_.try_emplace(AlikeTo(pod));
  if (is_new) room->second = ChooseVirtualNode(state_.cluster(), pod, policy_, ledger);
  std::string limit;
  if (!room->second.node.empty()) limit = WhyAtLimit(state_.cluster(), pod, room->second.node, policy_, ledger);
  if (!room->second.node.empty() && limit.empty()) return;
  VirtualPlace place = room->second;
  place.limit = std::move(limit);
  TakePlace(std::move(place), decision);
}

void Overflow::Adopt(PendingPod& pod, Decision decision) {
  if (decision.outcome == Outcome::kOverflow) StayWithoutPlace(pod, decision);
  const bool is_new = !pod.decision || !IsSameCase(*pod.decision, decision);
  pod.decision = std::move(decision);
  if (is_new) reporter_.Count(*pod.decision);
  reporter_.TellOfReplicas(pod);
  const bool has_no_room = pod.decision->outcome == Outcome::kNoVirtualNode;
  const bool avoids_some = has_no_room && !pod.avoided.empty();  // others of its class may find room where it may not
  if (has_no_room && !avoids_some) WaitForRoom(pod);
  if (IsAtLimit(*pod.decision)) WaitForLimit(pod);
  if (pod.decision->outcome == Outcome::kOverflow) return Go(pod);
  std::optional<Instant> next = pod.decision->until;
  if (HangsOnOthers(*pod.decision)) next = runtime_.Now() + LookAgainAfter(*pod.decision);
  if (avoids_some) next = runtime_.Now() + kPreemptionLook;
  if (WaitsForGroup(*pod.decision)) {
    of_groups_.insert(TurnOf(pod));  // what of is told when the whole group has been looked at
    return LookAgain(pod, next);
  }
  LookAgain(pod, TellNowOrAt(pod, next));
}

// When to look again: at `next`, or when something about it is worth telling before.
std::optional<Instant> Overflow::TellNowOrAt(const PendingPod& pod, std::optional<Instant> next) {
  const std::optional<Instant> worth_telling = reporter_.Tell(pod);
  return worth_telling && (!next || *worth_telling < *next) ? worth_telling : next;
}

void Overflow::Go(PendingPod& pod) {
  if (policy_.mode == Mode::kEnforce) {
    to_bind_.insert(TurnOf(pod));
  } else {
    to_show_.push_back(pod.object.metadata.uid);
  }
  LookAgain(pod, std::nullopt);
}

void Overflow::ReleaseWaitingGroups() {
  std::erase_if(of_groups_, [this](const Turn& turn) {
    const PendingPod* pod = PodOf(turn);
    return pod == nullptr || !pod->decision || !WaitsForGroup(*pod->decision);
  });
  std::vector<GroupMember> waiting;
  std::vector<PendingPod*> pods;
  for (const Turn& turn : of_groups_) {
    pods.push_back(PodOf(turn));
    waiting.push_back({pods.back(), &*pods.back()->decision});
  }
  ReleaseGroups(state_.cluster(), waiting, policy_, state_.surroundings());
  for (PendingPod* pod : pods) {
    if (pod->decision->outcome != Outcome::kOverflow) {
      LookAgain(*pod, TellNowOrAt(*pod, pod->due));
      continue;
    }
    reporter_.Count(*pod->decision);
    Go(*pod);
  }
}

Overflow::Turn Overflow::TurnOf(const PendingPod& pod) {
  return {-std::int64_t{pod.object.priority}, pod.object.metadata.creation_timestamp, pod.arrival, pod.index};
}

PendingPod* Overflow::PodOf(const Turn& turn) {
  PendingPod* pod = state_.AtIndex(turn.index);
  return pod != nullptr && pod->arrival == turn.arrival ? pod : nullptr;
}

void Overflow::WaitForRoom(const PendingPod& pod) {
  std::set<Turn>& waiting = no_room_[pod.decision->pod_class];
  waiting.insert(TurnOf(pod));
  if (waiting.size() <= state_.pending().size()) return;
  std::erase_if(waiting, [this](const Turn& turn) { return PodOf(turn) == nullptr; });
}

void Overflow::WaitForLimit(const PendingPod& pod) {
  std::set<Turn>& waiting = at_limit_[pod.object.metadata.ns];
  waiting.insert(TurnOf(pod));
  if (waiting.size() <= state_.pending().size()) return;
  std::erase_if(waiting, [this](const Turn& turn) { return PodOf(turn) == nullptr; });
}

// Something has left a virtual node: the first of each namespace may go now, or see who goes before them. Where money
// is capped, another virtual node that may be used again lets one go too.
void Overflow::AddThoseWithinLimitsNow() {
  const std::uint64_t relaxations = state_.surroundings().ledger().relaxations();
  const bool is_relaxed = std::exchange(limits_seen_, relaxations) != relaxations;
  const std::size_t most = is_relaxed ? kPodsPerRoom : policy_.limits.has_money() ? 1 : 0;
  if (most == 0) return;
  for (auto entry = at_limit_.begin(); entry != at_limit_.end();) {
    std::set<Turn>& waiting = entry->second;
    for (std::size_t i = 0; i < most && !waiting.empty(); ++i) {
      const Turn turn = *waiting.begin();
      waiting.erase(waiting.begin());
      const PendingPod* pod = PodOf(turn);
      if (pod != nullptr && pod->decision && IsAtLimit(*pod->decision)) LookOnceMore(turn);
    }
    entry = waiting.empty() ? at_limit_.erase(entry) : std::next(entry);
  }
}

// Pods of them came or went: some that were to stay are beyond their local replicas now, or the other way round.
void Overflow::AddThoseOfMovedWorkloads() {
  for (std::string& uid : state_.TakeMovedReplicas()) {
    const PendingPod* pod = state_.Find(uid);
    if (pod == nullptr || !pod->decision) continue;
    const auto standing = state_.surroundings().replicas().Of(pod->object);
    if (standing && standing->is_beyond() != pod->decision->is_beyond_local) again_.push_back(std::move(uid));
  }
}

bool Overflow::WaitsForRoom(const PendingPod* pod, sim::ClassIndex of) const {
  return pod != nullptr && pod->decision && pod->decision->outcome == Outcome::kNoVirtualNode &&
         pod->decision->pod_class == of && state_.cluster().class_of(pod->index) == of;
}

// Virtual nodes are asked once a class, for the first of its Pods that still waits; some classes a round, in turn.
void Overflow::AddThoseWithRoomNow() {
  auto entry = no_room_.lower_bound(next_without_room_);
  for (std::size_t asked = 0; asked < kClassesPerRound && entry != no_room_.end(); ++asked) {
    auto& [pod_class, waiting] = *entry;
    while (!waiting.empty() && !WaitsForRoom(PodOf(*waiting.begin()), pod_class)) {
      waiting.erase(waiting.begin());
    }
    if (waiting.empty()) {
      entry = no_room_.erase(entry);
      continue;
    }
    const PendingPod& first = *PodOf(*waiting.begin());
    VirtualPlace& room = room_[AlikeTo(first)];
    room = ChooseVirtualNode(state_.cluster(), first, policy_, state_.surroundings().ledger());
    if (room.node.empty() && first.decision->none != room.none) {  // told of all of them, and rare
      for (const Turn& turn : waiting) LookOnceMore(turn);
      waiting.clear();
    }
    for (std::size_t i = 0; !room.node.empty() && i < kPodsPerRoom && !waiting.empty(); ++i) {
      LookOnceMore(*waiting.begin());
      waiting.erase(waiting.begin());
    }
    ++entry;
  }
  next_without_room_ = entry == no_room_.end() ? sim::ClassIndex(0) : entry->first;
}

// In this round, also if it was looked at already: what it waits for has changed since.
void Overflow::LookOnceMore(const Turn& turn) {
  PendingPod* pod = PodOf(turn);
  if (pod == nullptr) return;
  pod->decided_in = 0;
  again_.push_back(pod->object.metadata.uid);
}

void Overflow::LookAgain(PendingPod& pod, std::optional<Instant> when) {
  if (pod.due == when) return;
  if (pod.due) due_.erase({*pod.due, pod.object.metadata.uid});
  pod.due = when;
  if (when) due_.emplace(*when, pod.object.metadata.uid);
}

void Overflow::LookAgainSoon(const PendingPod& pod) {
  again_.push_back(pod.object.metadata.uid);
  state_.changes().Notify();
}

// A dry run tells where Pods would go, although none does: each holds the place that it would have.
void Overflow::ShowVirtualNodes() {
  for (const std::string& uid : std::exchange(to_show_, {})) {
    if (const PendingPod* pod = state_.Find(uid)) shown_.insert(TurnOf(*pod));
  }
  std::erase_if(shown_, [this](const Turn& turn) {
    const PendingPod* pod = PodOf(turn);
    if (pod == nullptr || !pod->decision) return true;
    return pod->decision->outcome != Outcome::kOverflow && pod->decision->outcome != Outcome::kNoVirtualNode &&
           !IsAtLimit(*pod->decision);
  });
  if (shown_.empty()) return;
  std::vector<const PendingPod*> pods;
  for (const Turn& turn : shown_) pods.push_back(PodOf(turn));
  std::vector<VirtualPlace> places =
      ChooseVirtualNodes(state_.cluster(), pods, policy_, state_.surroundings().ledger());
  std::size_t next = 0;
  for (const Turn& turn : shown_) {
    PendingPod& pod = *PodOf(turn);
    Decision decision = *pod.decision;
    TakePlace(std::move(places[next++]), decision);
    const bool is_new = !IsSameCase(*pod.decision, decision);
    pod.decision = std::move(decision);
    if (is_new) reporter_.Count(*pod.decision);
    LookAgain(pod, reporter_.Tell(pod));
  }
}

}  // namespace spillway::controller
