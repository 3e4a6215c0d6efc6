#include "scheduler_sim/verdict.h"

#include <algorithm>
#include <numeric>

#include "scheduler_sim/judgement.h"

namespace spillway::sim {
namespace {

constexpr const char* kAlreadyBound = "it is already bound to a node";

std::string CountsText(const std::vector<ReasonCount>& counts) {
  std::string text;
  for (const ReasonCount& count : counts) {
    text += (text.empty() ? "" : ", ") + std::to_string(count.nodes) + " " + count.reason;
  }
  return text;
}

bool AreTheSameReasons(const std::vector<ReasonCount>& a, const std::vector<ReasonCount>& b) {
  return std::is_permutation(
      a.begin(), a.end(), b.begin(), b.end(),
      [](const ReasonCount& mine, const ReasonCount& theirs) { return mine.reason == theirs.reason; });
}

}  // namespace

std::string Explanation::Summary() const {
  if (!rejection.empty()) return rejection;
  return CountsText(reasons);
}

std::int64_t Explanation::lost_nodes() const {
  return std::accumulate(lost.begin(), lost.end(), std::int64_t{0},
                         [](std::int64_t sum, const ReasonCount& count) { return sum + count.nodes; });
}

std::string Explanation::LostText() const { return CountsText(lost); }

std::string Explanation::SchedulerMessage() const {
  if (nodes == 0) return "no nodes available to schedule pods";
  const std::string summary = Summary();
  return "0/" + std::to_string(nodes) + " nodes are available:" + (summary.empty() ? "" : " " + summary + ".");
}

bool Explanation::IsOfTheSameKindAs(const Explanation& other) const {
  return rejection == other.rejection && doubt == other.doubt && short_of_resources == other.short_of_resources &&
         (nodes == 0) == (other.nodes == 0) && AreTheSameReasons(reasons, other.reasons) &&
         AreTheSameReasons(lost, other.lost);
}

Verdict Judge(const Cluster& cluster, PodIndex pod, NodeDomain domain) {
  const Cluster::Model& model = cluster.model();
  const PodRecord& record = model.pod(pod);
  Verdict verdict;
  if (record.bound) {
    verdict.undecidable = kAlreadyBound;
    return verdict;
  }
  const PodClass& pod_class = model.pod_class(record.pod_class);
  if (const std::string& why = model.undecidable(pod_class); !why.empty()) {
    verdict.undecidable = why;
    return verdict;
  }
  const NodeSet& nodes = model.domain(domain);
  const std::vector<NominatedAt> ahead = NominatedAhead(model, model.nominated, pod);
  const Case the_case{{model, model.usage, pod_class}, record.node, ahead};
  Usage scratch = ahead.empty() && !record.node.valid() ? Usage() : model.usage;
  const Evaluation evaluation = EvaluateCase(the_case, nodes, scratch);
  if (!evaluation.error.empty()) {
    verdict.undecidable = SchedulerFails(evaluation.error);
    return verdict;
  }
  if (evaluation.feasible.empty()) return FitsNowhere(Explain(the_case.question, evaluation, nodes));
  if (!pod_class.asks.empty()) {
    verdict.undecidable = LastWordOf(pod_class);
    return verdict;
  }
  verdict.kind = Verdict::Kind::kFits;
  verdict.node = PlaceFor(the_case, evaluation.feasible);
  return verdict;
}

std::vector<NodeReport> ReportNodes(const Cluster& cluster, PodIndex pod) {
  const Cluster::Model& model = cluster.model();
  std::vector<NodeReport> reports;
  if (model.pod(pod).bound) return reports;
  const Question question{model, model.usage, model.pod_class(model.pod(pod).pod_class)};
  NodeSet looked_at = model.all;
  for (const Filter* filter : PreFiltersFor(question)) {
    const PreFilterResult result = filter->PreFilter(question);
    if (!result.rejection.empty() || !result.error.empty()) return reports;
    if (result.nodes) looked_at.IntersectWith(*result.nodes);
  }
  const std::vector<NominatedAt> ahead = NominatedAhead(model, model.nominated, pod);
  Usage scratch = ahead.empty() ? Usage() : model.usage;
  const NodeIndex own = model.pod(pod).node;  // nominated to: tried whatever PreFilter says
  model.names.ForEach([&](NodeIndex node, std::uint64_t) {
    if (!model.node(node).exists) return;
    if (looked_at.Has(node)) {
      reports.push_back(Inspect(question, node, ahead, scratch));
    } else {
      reports.push_back(node == own ? InspectLeftOut(question, node, ahead, scratch) : NotAskedAbout(node));
    }
  });
  return reports;
}

std::string_view WordOf(Verdict::Kind kind) {
  switch (kind) {
    case Verdict::Kind::kFits:
      return "Fits";
    case Verdict::Kind::kNowhere:
      return "Nowhere";
    case Verdict::Kind::kUndecidable:
      break;
  }
  return "Undecidable";
}

}  // namespace spillway::sim
