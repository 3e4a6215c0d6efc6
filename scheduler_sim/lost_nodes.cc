#include "scheduler_sim/lost_nodes.h"

#include <algorithm>

namespace spillway::sim {
namespace {

// Nodes that are out, as far as the Pod minds.
NodeSet OutFor(const Question& question, const NodeSet& among) {
  NodeSet as_they_are = among, in_order = among;
  Question supposed = question;
  supposed.suppose = Suppose::kInOrder;
  Tally ignored;
  for (const Filter* filter : FiltersFor(question)) {
    if (!filter->is_about_outages()) continue;
    filter->Narrow(question, as_they_are, ignored);
    filter->Narrow(supposed, in_order, ignored);
  }
  in_order.Subtract(as_they_are);
  return in_order;
}

bool IsOutFor(const Question& question, const NodeRecord& node, const Outage& outage) {
  const TolerationRule& rule = question.model.tolerations[question.pod.tolerations.value()];
  if (outage.taint == kCordonTaint && node.unschedulable && !rule.tolerates_cordon) return true;
  return std::any_of(node.taints.begin(), node.taints.end(), [&](const kube::Taint& taint) {
    return taint.key == outage.taint && FirstUntolerated({taint}, rule.tolerations) != nullptr;
  });
}

}  // namespace

NodeSet LostNodes(const Question& question, const NodeSet& among) {
  NodeSet lost = OutFor(question, among);
  if (lost.empty()) return lost;
  for (const Filter* filter : PreFiltersFor(question)) {
    const PreFilterResult result = filter->PreFilter(question);
    if (!result.rejection.empty() || !result.error.empty()) return {};
    if (result.nodes) lost.IntersectWith(*result.nodes);
  }
  Tally ignored;
  for (const Filter* filter : FiltersFor(question)) {
    if (!filter->is_about_resources() && !filter->is_about_outages()) filter->Narrow(question, lost, ignored);
  }
  return lost;
}

std::vector<ReasonCount> OutagesOf(const Question& question, const NodeSet& lost) {
  std::vector<ReasonCount> counts;
  NodeSet left = lost;
  for (const Outage& outage : Outages()) {
    NodeSet out;
    left.ForEach([&](NodeIndex node) {
      if (IsOutFor(question, question.model.node(node), outage)) out.Add(node);
    });
    if (!out.empty()) counts.push_back({std::string(outage.text), out.Count()});
    left.Subtract(out);
  }
  return counts;
}

}  // namespace spillway::sim
