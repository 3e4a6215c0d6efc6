#include "scheduler_sim/kept_packing.h"

#include <algorithm>

#include "scheduler_sim/class_memory.h"
#include "scheduler_sim/kept_queue.h"
#include "scheduler_sim/packer.h"

namespace spillway::sim {
namespace {

using Kind = Verdict::Kind;

// What a Pod that fits is going to take.
struct Planned {
  PodIndex pod;
  std::uint64_t arrival = 0;
  NodeIndex node;
};

// What a Pod of the queue was last told.
struct Standing {
  bool is_judged = false;
  bool is_changing = false;  // is in State::changing
  std::uint64_t arrival = 0;
  Verdict verdict;
};

// A class that fits nowhere for the rest of a pass over the queue.
struct Settled {
  std::uint64_t number = 0;  // PodClass::number
  std::uint64_t pass = 0;
  std::shared_ptr<const Explanation> why_not;
};

constexpr std::int64_t kWorkOfSettledPod = 30;
// How much a Confirm() may look at.
constexpr std::int64_t kMostToConfirm = 25'000'000;

Verdict Undecided(std::string why) {
  Verdict verdict;
  verdict.undecidable = std::move(why);
  return verdict;
}

bool IsNews(const Verdict& before, const Verdict& now) {
  if (before.kind != now.kind || before.node != now.node || before.undecidable != now.undecidable) return true;
  if (before.why_not == nullptr || now.why_not == nullptr) return before.why_not != now.why_not;
  return before.why_not != now.why_not && !before.why_not->IsOfTheSameKindAs(*now.why_not);
}

}  // namespace

struct KeptPacking::State {
  State(const Cluster& of, NodeDomain which) : model(of.model()), domain(which), memory(of.model(), which) {}

  void Begin();
  bool Step(std::int64_t budget);
  void CatchUpQueue();
  void CatchUpUsage();
  // Why the class fits nowhere for the rest of the pass; nullptr: not known.
  const std::shared_ptr<const Explanation>& Settles(std::uint64_t pass, const PodRecord& record);
  Verdict PackNext(Packer& packer, std::uint64_t pass, PodIndex pod);
  void Judge(const KeptQueue::Entry& entry);
  void Note(const KeptQueue::Entry& entry, Verdict verdict);
  void Finish();

  Verdict Confirm(PodIndex pod);
  Verdict PackUpTo(PodIndex pod, NodeSet open);
  // A class that Pods without a place may let in: by affinity, spread, or volumes that they share.
  bool MayBeLetIn(const PodClass& of) const {
    return !of.affinity.empty() || !of.spread.empty() || model.volumes_of(of) != nullptr;
  }
  bool IsStillPlanned(const Planned& planned) const {
    const PodRecord& record = model.pod(planned.pod);
    return record.queued && record.arrival == planned.arrival;
  }

  const Cluster::Model& model;
  NodeDomain domain;
  ClassMemory memory;
  KeptQueue queue;
  std::vector<Standing> standings;  // by slot of the queue
  std::vector<std::uint32_t> changing;
  std::vector<PodIndex> changed;

  // The round under way.
  std::optional<Packer> packer;
  std::uint64_t passes = 0, round = 0;  // a round is a pass too
  bool under_way = false;
  std::uint64_t generation = 0, packer_generation = 0;
  std::size_t at = 0;               // in the queue
  std::optional<QueueKey> reached;  // up to there, this one included
  std::vector<Planned> plan;
  std::vector<Settled> settled;  // by ClassIndex
};

void KeptPacking::State::CatchUpQueue() {
  queue.CatchUp(model);
  standings.resize(queue.slot_end());
  for (const std::uint32_t slot : queue.freed()) standings[slot] = Standing();
  const auto is_behind = [](const QueueKey& key, const KeptQueue::Entry& entry) { return key < entry.key; };
  const auto& entries = queue.entries();
  const auto next = reached ? std::upper_bound(entries.begin(), entries.end(), *reached, is_behind) : entries.begin();
  at = static_cast<std::size_t>(next - entries.begin());
}

void KeptPacking::State::Begin() {
  reached.reset();
  CatchUpQueue();
  round = ++passes;
  generation = model.generation;
  memory.BeginRound();
  plan.clear();
  packer.reset();
  under_way = true;
}

// Those that are still to take their places have them on the newest usage too.
void KeptPacking::State::CatchUpUsage() {
  if (packer && packer_generation == model.generation) return;
  packer_generation = model.generation;
  if (!packer) {
    packer.emplace(model, domain, &memory);
  } else {
    packer->StartOver();
  }
  std::erase_if(plan, [&](const Planned& planned) { return !IsStillPlanned(planned); });
  for (const Planned& planned : plan) packer->Place(planned.pod, planned.node);
}

bool KeptPacking::State::Step(std::int64_t budget) {
  if (!under_way) return true;
  CatchUpUsage();
  const std::int64_t begin = packer->work() + memory.work();
  std::int64_t work = 0;
  while (at < queue.entries().size()) {
    const KeptQueue::Entry& entry = queue.entries()[at++];
    reached = entry.key;
    if (KeptQueue::IsStillThere(model, entry)) Judge(entry);
    work += kWorkOfSettledPod;
    if (work + packer->work() + memory.work() - begin >= budget) return false;
  }
  Finish();
  return true;
}

const std::shared_ptr<const Explanation>& KeptPacking::State::Settles(std::uint64_t pass, const PodRecord& record) {
  static const std::shared_ptr<const Explanation> unknown;
  if (record.node.valid() || record.pod_class.value() >= settled.size()) return unknown;
  const Settled& of_class = settled[record.pod_class.value()];
  return of_class.pass == pass && of_class.number == model.pod_class(record.pod_class).number ? of_class.why_not
                                                                                              : unknown;
}

Verdict KeptPacking::State::PackNext(Packer& with, std::uint64_t pass, PodIndex pod) {
  Verdict verdict = with.Pack(pod);
  if (with.settled_its_class()) {
    const ClassIndex index = model.pod(pod).pod_class;
    if (index.value() >= settled.size()) settled.resize(model.classes.end());
    settled[index.value()] = {model.pod_class(index).number, pass, verdict.why_not};
  }
  return verdict;
}

void KeptPacking::State::Judge(const KeptQueue::Entry& entry) {
  const PodRecord& record = model.pod(entry.pod);
  if (const auto& why_not = Settles(round, record)) {
    const Standing& standing = standings[entry.slot];
    if (standing.is_judged && standing.verdict.why_not == why_not) return;
    Note(entry, FitsNowhere(why_not));
    return;
  }
  Verdict verdict = PackNext(*packer, round, entry.pod);
  if (verdict.kind == Kind::kFits) plan.push_back({entry.pod, record.arrival, verdict.node});
  Note(entry, std::move(verdict));
}

void KeptPacking::State::Note(const KeptQueue::Entry& entry, Verdict verdict) {
  Standing& standing = standings[entry.slot];
  if (!standing.is_changing && (!standing.is_judged || IsNews(standing.verdict, verdict))) {
    standing.is_changing = true;
    changing.push_back(entry.slot);
  }
  standing.is_judged = true;
  standing.arrival = entry.key.arrival;
  standing.verdict = std::move(verdict);
}

void KeptPacking::State::Finish() {
  packer.reset();
  under_way = false;
  changed.clear();
  if (changing.empty()) return;
  for (const KeptQueue::Entry& entry : queue.entries()) {
    Standing& standing = standings[entry.slot];
    if (!standing.is_changing) continue;
    standing.is_changing = false;
    if (KeptQueue::IsStillThere(model, entry)) changed.push_back(entry.pod);
  }
  changing.clear();
}

Verdict KeptPacking::State::Confirm(PodIndex pod) {
  const PodRecord& record = model.pod(pod);
  if (!record.queued) return Undecided("it is not in kube-scheduler's queue any more");
  const PodClass& pod_class = model.pod_class(record.pod_class);
  if (const std::string& why = model.undecidable(pod_class); !why.empty()) return Undecided(why);
  if (MayBeLetIn(pod_class) || record.node.valid()) return PackUpTo(pod, NodeSet());

  // Whom nobody else could let in fits nowhere if no node takes it as things stand, whoever is ahead.
  const NodeSet& nodes = model.domain(domain);
  const Question question{model, model.usage, pod_class};
  Evaluation alone = Evaluate(question, nodes);
  if (!alone.feasible.empty()) return PackUpTo(pod, std::move(alone.feasible));
  Verdict verdict = FitsNowhere(Explain(question, alone, nodes));
  if (!pod_class.topological()) memory.Remember(record.pod_class, verdict.why_not);
  return verdict;
}

// Packs what is ahead of the Pod, until it is its turn or none of the nodes that were `open` to it is any more. A Pod
// that others may let in has its turn to wait for, and none is given for it.
Verdict KeptPacking::State::PackUpTo(PodIndex pod, NodeSet open) {
  CatchUpQueue();
  const std::uint64_t pass = ++passes;
  const std::int64_t begin = memory.work();
  const QueueKey key = QueueKey::Of(model.pod(pod));
  const PodClass& pod_class = model.pod_class(model.pod(pod).pod_class);
  const bool may_close = !open.empty();
  Packer now(model, domain, &memory);
  now.ExplainNothing();
  std::int64_t work = 0;
  for (const KeptQueue::Entry& entry : queue.entries()) {
    if (!(entry.key < key)) break;
    work += kWorkOfSettledPod;
    if (work + now.work() + memory.work() - begin > kMostToConfirm) {
      return Undecided("too many Pods ahead of it must be looked at: the next round will say");
    }
    if (Settles(pass, model.pod(entry.pod))) continue;
    const Verdict ahead = PackNext(now, pass, entry.pod);
    if (!may_close || ahead.kind != Kind::kFits || now.Takes(pod_class, ahead.node)) continue;
    open.Remove(ahead.node);
    if (open.empty()) break;
  }
  if (!may_close || !open.empty()) {
    Verdict verdict = now.Pack(pod);
    if (verdict.kind != Kind::kNowhere) return verdict;
  }
  return FitsNowhere(now.WhyNowhere(pod));
}

KeptPacking::KeptPacking(const Cluster& cluster, NodeDomain domain)
    : state_(std::make_unique<State>(cluster, domain)) {}
KeptPacking::~KeptPacking() = default;

bool KeptPacking::IsOutdated() const { return state_->round == 0 || state_->generation != state_->model.generation; }
void KeptPacking::Begin() { state_->Begin(); }
bool KeptPacking::Step(std::int64_t budget) { return state_->Step(budget); }
const std::vector<PodIndex>& KeptPacking::changed() const { return state_->changed; }

std::optional<Verdict> KeptPacking::VerdictOf(PodIndex pod) const {
  const std::uint32_t slot = state_->queue.SlotOf(pod);
  if (slot == KeptQueue::kNoSlot) return std::nullopt;
  const Standing& standing = state_->standings[slot];
  const bool is_its_own = standing.is_judged && standing.arrival == state_->model.pod(pod).arrival;
  return is_its_own ? std::optional(standing.verdict) : std::nullopt;
}

Verdict KeptPacking::Confirm(PodIndex pod) { return state_->Confirm(pod); }

}  // namespace spillway::sim
