#include "scheduler_sim/judgement.h"

#include <algorithm>

#include "scheduler_sim/filters/volume_restrictions.h"
#include "scheduler_sim/model/storage_edit.h"

namespace spillway::sim {
namespace {

std::int64_t ResourceScore(std::int64_t requested, std::int64_t capacity) {
  if (requested > capacity) return 0;
  constexpr std::int64_t kMaxScore = 100;
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(Minus(capacity, requested)) * kMaxScore) / capacity;
}

}  // namespace

std::vector<NominatedAt> NominatedAhead(const Cluster::Model& model, PodIndex pod) {
  std::vector<NominatedAt> ahead;
  for (const PodIndex other : model.nominated) {
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
  const auto change = [&](const NominatedAt& at, std::int32_t by) {
    for (const PodIndex other : at.pods)
      ChangeNominated(question.model, question.pod, question.usage, other, by, scratch);
  };
  for (const NominatedAt& at : ahead) {
    if (at.node != node) continue;
    change(at, 1);
    NodeReport with = Inspect({question.model, scratch, question.pod}, node);
    change(at, -1);
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

NodeReport NotAskedAbout(NodeIndex node) {
  return {node, "PreFilter", {"node(s) didn't satisfy plugin(s) [NodeAffinity]"}};
}

void ChangeNominated(const Cluster::Model& model, const PodClass& pod, const Usage& base, PodIndex nominated,
                     std::int32_t change, Usage& usage) {
  const PodRecord& record = model.pod(nominated);
  const Footprint& footprint = model.footprint(record.footprint);
  usage.Take(footprint, record.node, change);
  if (footprint.volumes.valid()) {
    VolumeUsage& volumes = usage.ChangeableVolumes();
    UseVolumes(model, volumes, footprint.volumes, record.node, change);
    if (const VolumeUse* own = model.volumes_of(pod)) {
      VolumeRestrictions::ChangeNominated(model, *own, base, model.storage.uses[footprint.volumes.value()], change,
                                          volumes);
    }
  }

  std::vector<CounterId> counted;
  const auto repels_now = [&](CounterId counter) { return base.CountsOf(counter).total > 0; };
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

namespace {

bool IsLeftOut(const Question& question, NodeIndex node) {
  const auto filters = PreFiltersFor(question);
  return std::any_of(filters.begin(), filters.end(), [&](const Filter* filter) {
    const PreFilterResult result = filter->PreFilter(question);
    return result.nodes && !result.nodes->Has(node);
  });
}

Evaluation EvaluateBehind(const std::vector<NominatedAt>& ahead, const Question& question, const NodeSet& domain) {
  if (ahead.empty()) return Evaluate(question, domain);

  NodeSet rest = domain;
  for (const NominatedAt& at : ahead) rest.Remove(at.node);
  Evaluation evaluation = Evaluate(question, rest);
  if (!evaluation.rejection.empty() || !evaluation.error.empty()) return evaluation;
  const Cluster::Model& model = question.model;
  Usage with_nominated = model.usage;
  for (const NominatedAt& at : ahead) {
    if (!domain.Has(at.node)) continue;
    NodeSet only;
    only.Add(at.node);
    for (const PodIndex other : at.pods) ChangeNominated(model, question.pod, model.usage, other, 1, with_nominated);
    const Evaluation with = Evaluate({model, with_nominated, question.pod}, only);
    for (const PodIndex other : at.pods) ChangeNominated(model, question.pod, model.usage, other, -1, with_nominated);
    const Evaluation& outcome = with.feasible.empty() ? with : Evaluate(question, only);
    evaluation.feasible.UniteWith(outcome.feasible);
    for (const ReasonCount& count : outcome.tally.counts()) evaluation.tally.Add(count.reason, count.nodes);
    if (outcome.tally.short_of_resources()) evaluation.tally.NoteShortage();
    if (evaluation.error.empty()) evaluation.error = outcome.error;
  }
  return evaluation;
}

}  // namespace

Evaluation EvaluatePod(const Cluster::Model& model, PodIndex pod, const NodeSet& domain) {
  const Question question{model, model.usage, model.pod_class(model.pod(pod).pod_class)};
  const std::vector<NominatedAt> ahead = NominatedAhead(model, pod);
  const NodeIndex own = model.pod(pod).node;
  if (!own.valid() || !domain.Has(own) || !IsLeftOut(question, own)) return EvaluateBehind(ahead, question, domain);

  NodeSet rest = domain;
  rest.Remove(own);
  Evaluation evaluation = EvaluateBehind(ahead, question, rest);
  if (!evaluation.rejection.empty()) return evaluation;
  Usage scratch = model.usage;
  const NodeReport report = InspectLeftOut(question, own, ahead, scratch);
  for (const std::string& reason : report.reasons) evaluation.tally.Add(reason, 1);
  // The PreFilter's own filter may be switched off.
  if (report.filter.empty()) evaluation.feasible.Add(own);
  return evaluation;
}

std::string LastWordOf(const PodClass& pod_class) {
  return "a node passes all filters, but kube-scheduler's extender " + pod_class.asks + " has the last word on it";
}

std::string SchedulerFails(const std::string& error) { return "kube-scheduler itself fails on it: " + error; }

std::shared_ptr<const Explanation> Explain(const Evaluation& evaluation, const NodeSet& domain) {
  auto explanation = std::make_shared<Explanation>();
  explanation->nodes = domain.Count();
  explanation->reasons = evaluation.tally.counts();
  explanation->rejection = evaluation.rejection;
  explanation->short_of_resources = evaluation.tally.short_of_resources() || explanation->nodes == 0;
  const auto as_text = [](const ReasonCount& count) { return std::to_string(count.nodes) + " " + count.reason; };
  std::sort(explanation->reasons.begin(), explanation->reasons.end(),
            [&](const ReasonCount& a, const ReasonCount& b) { return as_text(a) < as_text(b); });
  return explanation;
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

}  // namespace spillway::sim
