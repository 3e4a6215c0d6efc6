#include "scheduler_sim/judgement.h"

#include <algorithm>

#include "scheduler_sim/filters/dynamic_resources.h"
#include "scheduler_sim/filters/volume_restrictions.h"
#include "scheduler_sim/lost_nodes.h"
#include "scheduler_sim/model/storage_edit.h"

namespace spillway::sim {
namespace {

constexpr std::string_view kLeftOut = "PreFilter";  // as a filter of reports

std::int64_t ResourceScore(std::int64_t requested, std::int64_t capacity) {
  if (requested > capacity) return 0;
  constexpr std::int64_t kMaxScore = 100;
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(Minus(capacity, requested)) * kMaxScore) / capacity;
}

}  // namespace

std::vector<NominatedAt> NominatedAhead(const Cluster::Model& model, const std::vector<PodIndex>& nominated,
                                        PodIndex pod) {
  std::vector<NominatedAt> ahead;
  for (const PodIndex other : nominated) {
    const PodRecord& record = model.pod(other);
    if (other == pod || record.priority < model.pod(pod).priority) continue;
    const auto at =
        std::find_if(ahead.begin(), ahead.end(), [&](const auto& entry) { return entry.node == record.node; });
    if (at != ahead.end()) {
      at->pods.push_back(other);
    } else {
      ahead.push_back({record.node, {other}});
    }
  }
  return ahead;
}

NodeReport Inspect(const Question& question, NodeIndex node) {
  for (const Filter* filter : FiltersFor(question)) {
    if (!filter->Admits(question, node)) return {node, std::string(filter->name()), filter->Explain(question, node)};
  }
  return {node, {}, {}};
}

NodeReport Inspect(const Question& question, NodeIndex node, const std::vector<NominatedAt>& ahead, Usage& scratch) {
  for (const NominatedAt& at : ahead) {
    if (at.node != node) continue;
    ChangeNominated(question, at, 1, scratch);
    NodeReport with = Inspect({question.model, scratch, question.pod}, node);
    ChangeNominated(question, at, -1, scratch);
    if (!with.filter.empty()) return with;
  }
  return Inspect(question, node);
}

NodeReport InspectLeftOut(const Question& question, NodeIndex own, const std::vector<NominatedAt>& ahead,
                          Usage& scratch) {
  NodeReport report = Inspect(question, own, ahead, scratch);
  NodeSet only;
  only.Add(own);
  Tally tally;
  for (const Filter* filter : FiltersFor(question)) filter->Narrow(question, only, tally);
  const bool fails = !report.filter.empty() && !tally.error().empty();
  return fails ? NotAskedAbout(own) : report;
}

bool MayAdmit(const Question& question, NodeIndex node, const std::vector<NominatedAt>& ahead, Usage& scratch) {
  for (const NominatedAt& at : ahead) {
    if (at.node != node) continue;
    ChangeNominated(question, at, 1, scratch);
    const bool with = MayAdmit({question.model, scratch, question.pod}, node);
    ChangeNominated(question, at, -1, scratch);
    if (!with) return false;
  }
  return MayAdmit(question, node);
}

NodeReport NotAskedAbout(NodeIndex node) {
  return {node, std::string(kLeftOut), {"node(s) didn't satisfy plugin(s) [NodeAffinity]"}};
}

namespace {

void ChangeOne(const Question& question, PodIndex nominated, std::int32_t change, Usage& usage) {
  const Cluster::Model& model = question.model;
  const PodClass& pod = question.pod;
  const PodRecord& record = model.pod(nominated);
  const Footprint& footprint = model.footprint(record.footprint);
  usage.Take(footprint, record.node, change);
  if (footprint.volumes.valid()) {
    VolumeUsage& volumes = usage.ChangeableVolumes();
    UseVolumes(model, volumes, footprint.volumes, record.node, change);
    if (const VolumeUse* own = model.volumes_of(pod)) {
      VolumeRestrictions::ChangeNominated(model, *own, question.usage, model.storage.uses[footprint.volumes.value()],
                                          change, volumes);
    }
  }

  std::vector<CounterId> counted;
  const auto repels_now = [&](CounterId counter) { return question.usage.CountsOf(counter).total > 0; };
  const bool skipped = pod.affinity.empty() && pod.anti_affinity.empty() &&
                       std::none_of(pod.repelled_by.begin(), pod.repelled_by.end(), repels_now);
  if (!skipped) {
    for (const CounterId counter : footprint.carried) {
      if (std::binary_search(pod.repelled_by.begin(), pod.repelled_by.end(), counter)) counted.push_back(counter);
    }
    for (const auto* list : {&pod.affinity, &pod.anti_affinity}) {
      for (const CounterId counter : *list) {
        if (model.IsCounted(model.counters[counter.value()], record.identity)) counted.push_back(counter);
      }
    }
  }
  for (const SpreadRule& rule : pod.spread) {
    const PodTerm& term = model.counters[rule.counter.value()].terms.front();
    if (model.MatchesOwnTerm(term, record.identity)) counted.push_back(rule.counter);
  }
  std::sort(counted.begin(), counted.end());
  counted.erase(std::unique(counted.begin(), counted.end()), counted.end());
  for (const CounterId counter : counted) model.Count(usage, counter, record.node, change);
}

}  // namespace

void ChangeNominated(const Question& question, const NominatedAt& at, std::int32_t change, Usage& usage) {
  for (const PodIndex other : at.pods) ChangeOne(question, other, change, usage);
}

namespace {

bool IsLeftOut(const Question& question, NodeIndex node) {
  const auto filters = PreFiltersFor(question);
  return std::any_of(filters.begin(), filters.end(), [&](const Filter* filter) {
    const PreFilterResult result = filter->PreFilter(question);
    return result.nodes && !result.nodes->Has(node);
  });
}

Evaluation EvaluateBehind(const Case& of, const NodeSet& domain, Usage& scratch) {
  const Question& question = of.question;
  if (of.ahead.empty()) return Evaluate(question, domain);

  NodeSet rest = domain;
  for (const NominatedAt& at : of.ahead) rest.Remove(at.node);
  Evaluation evaluation = Evaluate(question, rest);
  if (!evaluation.rejection.empty() || !evaluation.error.empty()) return evaluation;
  const Cluster::Model& model = question.model;
  for (const NominatedAt& at : of.ahead) {
    if (!domain.Has(at.node)) continue;
    NodeSet only;
    only.Add(at.node);
    ChangeNominated(question, at, 1, scratch);
    const Evaluation with = Evaluate({model, scratch, question.pod}, only);
    ChangeNominated(question, at, -1, scratch);
    const bool is_out = with.feasible.empty() && with.doubtful.empty();
    const Evaluation without = is_out ? Evaluation() : Evaluate(question, only);
    const Evaluation& outcome = with.feasible.empty() ? with : without;
    evaluation.feasible.UniteWith(outcome.feasible);
    if (!without.feasible.empty() || !without.doubtful.empty()) evaluation.doubtful.UniteWith(outcome.doubtful);
    for (const ReasonCount& count : outcome.tally.counts()) evaluation.tally.Add(count.reason, count.nodes);
    if (outcome.tally.short_of_resources()) evaluation.tally.NoteShortage();
    if (evaluation.error.empty()) evaluation.error = outcome.error;
  }
  return evaluation;
}

Evaluation EvaluateWithin(const Case& of, const NodeSet& domain, Usage& scratch) {
  const NodeIndex own = of.own;
  if (!own.valid() || !domain.Has(own) || !IsLeftOut(of.question, own)) return EvaluateBehind(of, domain, scratch);

  NodeSet rest = domain;
  rest.Remove(own);
  Evaluation evaluation = EvaluateBehind(of, rest, scratch);
  if (!evaluation.rejection.empty()) return evaluation;
  const NodeReport report = InspectLeftOut(of.question, own, of.ahead, scratch);
  if (of.question.model.semantics.counts_nodes_left_out || report.filter != kLeftOut) {
    for (const std::string& reason : report.reasons) evaluation.tally.Add(reason, 1);
  }
  // The PreFilter's own filter may be switched off.
  if (report.filter.empty()) {
    evaluation.feasible.Add(own);
  } else if (report.filter != kLeftOut && MayAdmit(of.question, own, of.ahead, scratch)) {
    evaluation.doubtful.Add(own);
  }
  return evaluation;
}

}  // namespace

Evaluation EvaluateCase(const Case& of, const NodeSet& domain, Usage& scratch) {
  Evaluation evaluation = EvaluateWithin(of, domain, scratch);
  const Cluster::Model& model = of.question.model;
  if (evaluation.error.empty() && &domain != &model.all && model.volumes_of(of.question.pod) != nullptr) {
    evaluation.error = EvaluateWithin(of, model.all, scratch).error;
  }
  return evaluation;
}

std::string LastWordOf(const PodClass& pod_class) {
  return "a node passes all filters, but kube-scheduler's extender " + pod_class.asks + " has the last word on it";
}

std::string SchedulerFails(const std::string& error) { return "kube-scheduler itself fails on it: " + error; }

std::shared_ptr<const Explanation> Explain(const Question& question, const Evaluation& evaluation,
                                           const NodeSet& domain) {
  auto explanation = std::make_shared<Explanation>();
  explanation->nodes = domain.Count();
  explanation->reasons = evaluation.tally.counts();
  explanation->rejection = evaluation.rejection;
  explanation->short_of_resources = evaluation.tally.short_of_resources() || explanation->nodes == 0;
  if (!explanation->short_of_resources) {
    NodeSet real = domain;
    real.IntersectWith(question.model.real);
    // Whatever a packing has placed there: a kept explanation is not told when a Pod leaves the plan.
    const Question unplanned{question.model, question.model.usage, question.pod};
    explanation->lost = OutagesOf(unplanned, LostNodes(unplanned, real));
  }
  const auto as_text = [](const ReasonCount& count) { return std::to_string(count.nodes) + " " + count.reason; };
  if (!evaluation.doubtful.empty()) explanation->doubt = DynamicResources::WhyItMayErr(question);
  std::sort(explanation->reasons.begin(), explanation->reasons.end(),
            [&](const ReasonCount& a, const ReasonCount& b) { return as_text(a) < as_text(b); });
  return explanation;
}

Verdict FitsNowhere(std::shared_ptr<const Explanation> why_not) {
  Verdict verdict;
  verdict.kind = why_not->doubt.empty() ? Verdict::Kind::kNowhere : Verdict::Kind::kUndecidable;
  verdict.undecidable = why_not->doubt;
  verdict.why_not = std::move(why_not);
  return verdict;
}

std::int64_t LeastAllocatedScore(const Question& question, NodeIndex node) {
  const NodeRecord& record = question.model.node(node);
  const Footprint& footprint = question.model.footprint(question.pod.footprint);
  const std::size_t i = node.value();
  std::int64_t score = 0, weights = 0;
  if (record.milli_cpu != 0) {
    score += ResourceScore(Plus(question.usage.scored_milli_cpu[i], footprint.scored_milli_cpu), record.milli_cpu);
    ++weights;
  }
  if (record.memory != 0) {
    score += ResourceScore(Plus(question.usage.scored_memory[i], footprint.scored_memory), record.memory);
    ++weights;
  }
  return weights == 0 ? 0 : score / weights;
}

NodeIndex BestNode(const Question& question, const NodeSet& feasible) {
  NodeIndex best;
  std::int64_t best_score = 0;
  feasible.ForEach([&](NodeIndex node) {
    const std::int64_t score = LeastAllocatedScore(question, node);
    if (best.valid() && (score < best_score ||
                         (score == best_score && question.model.node(node).rank > question.model.node(best).rank))) {
      return;
    }
    best = node;
    best_score = score;
  });
  return best;
}

NodeIndex PlaceFor(const Case& of, const NodeSet& feasible) {
  return of.own.valid() && feasible.Has(of.own) ? of.own : BestNode(of.question, feasible);
}

}  // namespace spillway::sim
