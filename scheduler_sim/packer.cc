#include "scheduler_sim/packer.h"

#include <algorithm>

#include "scheduler_sim/class_memory.h"
#include "scheduler_sim/filters/claim_binder.h"

namespace spillway::sim {
namespace {

// Units of work: a node in a scan of columns is one.
constexpr std::int64_t kWorkOfPod = 30, kWorkOfPlace = 1500, kWorkOfCandidate = 60, kWorkOfUsageColumns = 60;

}  // namespace

Packer::Packer(const Cluster::Model& model, NodeDomain domain, ClassMemory* memory)
    : model_(model), domain_(model.domain(domain)), memory_(memory) {
  StartOver();
}

void Packer::StartOver() {
  usage_ = model_.usage;
  scratch_.reset();
  classes_.resize(std::max<std::size_t>(classes_.size(), model_.classes.end()));
  waiting_ = model_.nominated;
  for (const PodIndex pod : waiting_) {
    if (domain_.Has(model_.pod(pod).node)) special_.Add(model_.pod(pod).node);
  }
  ahead_for_.reset();
  work_ += kWorkOfUsageColumns * static_cast<std::int64_t>(usage_.size());
}

void Packer::Place(PodIndex pod, NodeIndex node) {
  const PodRecord& record = model_.pod(pod);
  const PodClass& pod_class = model_.pod_class(record.pod_class);
  const bool has_volumes = model_.volumes_of(pod_class) != nullptr;
  if (has_volumes) {
    VolumeUsage& volumes = usage_.ChangeableVolumes();
    const Question question = Ask(pod_class);
    ClaimBinder(question).Assume(node, volumes);
  }
  model_.Place(usage_, record.footprint, record.identity, node);
  if (has_volumes) {
    scratch_.reset();
  } else if (scratch_) {
    model_.Place(*scratch_, record.footprint, record.identity, node);
  }
  if (record.node.valid() && std::erase(waiting_, pod) != 0) ahead_for_.reset();
  work_ += kWorkOfPlace;
}

std::shared_ptr<const Explanation> Packer::WhyNowhere(PodIndex pod) {
  ahead_for_.reset();  // not ahead of itself
  LookAhead(pod);
  const PodRecord& record = model_.pod(pod);
  const Case the_case{Ask(model_.pod_class(record.pod_class)), record.node, ahead_};
  Usage none;
  const bool needs_scratch = !ahead_.empty() || record.node.valid();
  auto why = Explain(the_case.question, EvaluateCase(the_case, domain_, needs_scratch ? Scratch() : none), domain_);
  ahead_for_.reset();
  return why;
}

bool Packer::Takes(const PodClass& pod_class, NodeIndex node) const {
  const Question question = Ask(pod_class);
  return TakesAlone(question, domain_, node) && Admits(question, node, Filter::Scope::kTopology);
}

Usage& Packer::Scratch() {
  if (!scratch_) {
    scratch_ = usage_;
    work_ += kWorkOfUsageColumns * static_cast<std::int64_t>(usage_.size());
  }
  return *scratch_;
}

// Pods come by falling priority, so that this changes seldom.
void Packer::LookAhead(PodIndex pod) {
  const std::int32_t priority = model_.pod(pod).priority;
  if (ahead_for_ == priority) return;
  ++ahead_number_;
  ahead_ = NominatedAhead(model_, waiting_, pod);
  ahead_for_ = priority;
}

Verdict Packer::Pack(PodIndex pod) {
  const PodRecord& record = model_.pod(pod);
  Verdict verdict;
  settled_ = false;
  work_ += kWorkOfPod;
  if (record.bound) {
    verdict.undecidable = "it is already bound to a node";
    return verdict;
  }
  const PodClass& pod_class = model_.pod_class(record.pod_class);
  if (const std::string& why = model_.undecidable(pod_class); !why.empty()) {
    verdict.undecidable = why;
    return verdict;
  }
  const bool is_nominated = record.node.valid();
  if (is_nominated) ahead_for_.reset();  // not ahead of itself
  LookAhead(pod);
  if (is_nominated || (!ahead_.empty() && model_.volumes_of(pod_class) != nullptr)) {
    verdict = PlaceByItself(pod, pod_class);
  } else {
    verdict = PlaceAnywhere(pod, pod_class);
  }
  if (is_nominated) ahead_for_.reset();
  return verdict;
}

Verdict Packer::PlaceByItself(PodIndex pod, const PodClass& pod_class) {
  const Case the_case{Ask(pod_class), model_.pod(pod).node, ahead_};
  const Evaluation evaluation = EvaluateCase(the_case, domain_, Scratch());
  work_ += 2 * static_cast<std::int64_t>(usage_.size());
  Verdict verdict;
  if (!evaluation.error.empty()) {
    verdict.undecidable = SchedulerFails(evaluation.error);
    return verdict;
  }
  if (!evaluation.feasible.empty()) return Take(pod, pod_class, PlaceFor(the_case, evaluation.feasible));
  return FitsNowhere(Explain(the_case.question, evaluation, domain_));
}

Verdict Packer::PlaceAnywhere(PodIndex pod, const PodClass& pod_class) {
  const ClassIndex index = model_.pod(pod).pod_class;
  if (memory_ != nullptr && IsPlain(pod_class) && memory_->FitsNowhere(index)) {
    settled_ = true;
    return FitsNowhere(WhyNot(index, pod_class));
  }
  Progress& progress = ProgressOf(index, pod_class);
  const NodeIndex node = Find(progress, index, pod_class);
  if (node.valid()) return Take(pod, pod_class, node);
  if (!progress.error.empty()) {
    Verdict verdict;
    verdict.undecidable = SchedulerFails(progress.error);
    return verdict;
  }
  settled_ = progress.special.empty() && IsPlain(pod_class);
  return FitsNowhere(progress.why_not);
}

Packer::Progress& Packer::ProgressOf(ClassIndex index, const PodClass& pod_class) {
  std::unique_ptr<Progress>& progress = classes_[index.value()];
  const bool is_outdated = progress != nullptr &&
                           (progress->volume_changes != usage_.volume_changes() || !progress->error.empty()) &&
                           model_.volumes_of(pod_class) != nullptr;  // they depend on each other in too many ways
  if (progress == nullptr || is_outdated || progress->of != pod_class.number) {
    progress = std::make_unique<Progress>();
    progress->of = pod_class.number;
    progress->volume_changes = usage_.volume_changes();
  }
  return *progress;
}

void Packer::Begin(Progress& progress, ClassIndex index, const PodClass& pod_class) {
  std::vector<NodeIndex> nodes;
  if (model_.volumes_of(pod_class) != nullptr) {
    const Evaluation evaluation = Evaluate(Ask(pod_class), domain_, Filter::Scope::kNode);
    progress.error = evaluation.error;
    if (progress.error.empty() && &domain_ != &model_.all) progress.error = Evaluate(Ask(pod_class), model_.all).error;
    evaluation.feasible.ForEach([&](NodeIndex node) { nodes.push_back(node); });
  } else {
    nodes = memory_ != nullptr ? memory_->NodesFor(index) : NodesFor({model_, model_.usage, pod_class}, domain_);
  }
  std::erase_if(nodes, [&](NodeIndex node) {
    if (!special_.Has(node)) return false;
    progress.special.push_back(node);
    return true;
  });
  work_ += static_cast<std::int64_t>(usage_.size() + nodes.size() * kWorkOfCandidate);
  progress.candidates.emplace(Ask(pod_class), std::move(nodes), index.value());
}

NodeIndex Packer::Find(Progress& progress, ClassIndex index, const PodClass& pod_class) {
  const Question question = Ask(pod_class);
  if (progress.why_not != nullptr) {
    const bool may_fit_now = (pod_class.topological() && Candidates::Relaxations(question) != progress.relaxations) ||
                             (!progress.special.empty() && progress.ahead != ahead_number_);
    if (!may_fit_now) return {};
    progress.why_not.reset();
  }
  if (!progress.candidates) Begin(progress, index, pod_class);
  if (!progress.error.empty()) return {};
  NodeIndex best = progress.candidates->Best(question);
  if (!progress.special.empty()) best = BestSpecial(progress, pod_class, best);
  if (!best.valid()) {
    progress.why_not = WhyNot(index, pod_class);
    progress.relaxations = Candidates::Relaxations(question);
    progress.ahead = ahead_number_;
  }
  return best;
}

NodeIndex Packer::BestSpecial(Progress& progress, const PodClass& pod_class, NodeIndex best) {
  const Question question = Ask(pod_class);
  std::erase_if(progress.special, [&](NodeIndex node) { return !Admits(question, node, Filter::Scope::kNode); });
  NodeSet among;
  if (best.valid()) among.Add(best);
  for (const NodeIndex node : progress.special) {
    work_ += kWorkOfPod;
    if (Admits(question, node, Filter::Scope::kTopology) && AdmitsWithNominated(pod_class, node)) among.Add(node);
  }
  return BestNode(question, among);
}

bool Packer::AdmitsWithNominated(const PodClass& pod_class, NodeIndex node) {
  const auto at = std::find_if(ahead_.begin(), ahead_.end(), [&](const auto& each) { return each.node == node; });
  if (at == ahead_.end()) return true;
  Usage& scratch = Scratch();
  const Question question = Ask(pod_class);
  ChangeNominated(question, *at, 1, scratch);
  const Question with{model_, scratch, pod_class};
  const bool admits = Admits(with, node, Filter::Scope::kNode) && Admits(with, node, Filter::Scope::kTopology);
  ChangeNominated(question, *at, -1, scratch);
  work_ += kWorkOfPlace;
  return admits;
}

std::shared_ptr<const Explanation> Packer::WhyNot(ClassIndex index, const PodClass& pod_class) {
  if (unexplained_ != nullptr) return unexplained_;
  const bool is_remembered = memory_ != nullptr && ahead_.empty() && IsPlain(pod_class);
  if (is_remembered) {
    if (auto known = memory_->WhyNot(index, usage_)) return known;
  }
  const Case the_case{Ask(pod_class), {}, ahead_};
  Usage none;
  auto why_not =
      Explain(the_case.question, EvaluateCase(the_case, domain_, ahead_.empty() ? none : Scratch()), domain_);
  work_ += 2 * static_cast<std::int64_t>(usage_.size());
  if (is_remembered) memory_->Remember(index, why_not);
  return why_not;
}

Verdict Packer::Take(PodIndex pod, const PodClass& pod_class, NodeIndex node) {
  Verdict verdict;
  if (!pod_class.asks.empty()) {  // it may get a place or not: nobody else is kept from it
    verdict.undecidable = LastWordOf(pod_class);
    return verdict;
  }
  Place(pod, node);
  verdict.kind = Verdict::Kind::kFits;
  verdict.node = node;
  return verdict;
}

}  // namespace spillway::sim
