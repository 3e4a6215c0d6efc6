#include "scheduler_sim/verdict.h"

#include "scheduler_sim/judgement.h"

namespace spillway::sim {
namespace {

constexpr const char* kAlreadyBound = "it is already bound to a node";

}  // namespace

std::string Explanation::Summary() const {
  if (!rejection.empty()) return rejection;
  std::string summary;
  for (const ReasonCount& count : reasons) {
    if (!summary.empty()) summary += ", ";
    summary += std::to_string(count.nodes) + " " + count.reason;
  }
  return summary;
}

std::string Explanation::SchedulerMessage() const {
  if (nodes == 0) return "no nodes available to schedule pods";
  const std::string summary = Summary();
  return "0/" + std::to_string(nodes) + " nodes are available:" + (summary.empty() ? "" : " " + summary + ".");
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
  const Evaluation evaluation = EvaluatePod(model, pod, nodes);
  // kube-scheduler looks at virtual nodes as well: it fails on the Pod wherever it fails.
  std::string error = evaluation.error;
  if (error.empty() && domain == NodeDomain::kReal && model.volumes_of(pod_class) != nullptr) {
    error = EvaluatePod(model, pod, model.all).error;
  }
  if (!error.empty()) {
    verdict.undecidable = SchedulerFails(error);
    return verdict;
  }
  if (evaluation.feasible.empty()) {
    verdict.kind = Verdict::Kind::kNowhere;
    verdict.why_not = Explain(evaluation, nodes);
    return verdict;
  }
  if (!pod_class.asks.empty()) {
    verdict.undecidable = LastWordOf(pod_class);
    return verdict;
  }
  verdict.kind = Verdict::Kind::kFits;
  verdict.node = record.node.valid() && evaluation.feasible.Has(record.node)
                     ? record.node
                     : BestNode({model, model.usage, pod_class}, evaluation.feasible);
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
  const std::vector<NominatedAt> ahead = NominatedAhead(model, pod);
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

}  // namespace spillway::sim
