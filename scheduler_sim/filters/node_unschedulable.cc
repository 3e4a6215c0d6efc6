#include "scheduler_sim/filters/node_unschedulable.h"

namespace spillway::sim {
namespace {

constexpr std::string_view kReason = "node(s) were unschedulable";

bool ToleratesCordon(const Question& question) {
  return question.model.tolerations[question.pod.tolerations.value()].tolerates_cordon;
}

}  // namespace

void NodeUnschedulable::Narrow(const Question& question, NodeSet& alive, Tally& tally) const {
  if (!ToleratesCordon(question)) tally.Add(kReason, alive.Subtract(question.model.cordoned));
}

bool NodeUnschedulable::Admits(const Question& question, NodeIndex node) const {
  return !question.model.cordoned.Has(node) || ToleratesCordon(question);
}

std::vector<std::string> NodeUnschedulable::Explain(const Question&, NodeIndex) const { return {std::string(kReason)}; }

std::vector<Objection> NodeUnschedulable::Object(const Question&, NodeIndex) const {
  return {{.reason = std::string(kReason), .subject = "cordoned", .remedy = std::string(kUncordon)}};
}

}  // namespace spillway::sim
