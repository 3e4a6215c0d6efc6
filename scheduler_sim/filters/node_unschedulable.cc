#include "scheduler_sim/filters/node_unschedulable.h"

namespace spillway::sim {
namespace {

constexpr std::string_view kCordoned = "node(s) were unschedulable";

bool MindsCordon(const Question& question) {
  return question.suppose != Suppose::kInOrder &&
         !question.model.tolerations[question.pod.tolerations.value()].tolerates_cordon;
}

}  // namespace

void NodeUnschedulable::Narrow(const Question& question, NodeSet& alive, Tally& tally) const {
  if (MindsCordon(question)) tally.Add(kCordoned, alive.Subtract(question.model.cordoned));
}

bool NodeUnschedulable::Admits(const Question& question, NodeIndex node) const {
  return !question.model.cordoned.Has(node) || !MindsCordon(question);
}

std::vector<std::string> NodeUnschedulable::Explain(const Question&, NodeIndex) const {
  return {std::string(kCordoned)};
}

std::vector<Objection> NodeUnschedulable::Object(const Question&, NodeIndex) const {
  return {{.reason = std::string(kCordoned), .subject = "cordoned", .remedy = std::string(kUncordon)}};
}

}  // namespace spillway::sim
