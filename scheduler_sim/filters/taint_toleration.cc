#include "scheduler_sim/filters/taint_toleration.h"

namespace spillway::sim {
namespace {

constexpr std::string_view kReason = "node(s) had untolerated taint(s)";

const TolerationRule& RuleOf(const Question& question) {
  return question.model.tolerations[question.pod.tolerations.value()];
}

}  // namespace

void TaintToleration::Narrow(const Question& question, NodeSet& alive, Tally& tally) const {
  const NodeSet& tolerated = RuleOf(question).tolerated;
  if (!question.model.semantics.taint_reason_names_the_taint) {
    tally.Add(kReason, alive.IntersectWith(tolerated));
    return;
  }
  NodeSet rejected = alive;
  rejected.Subtract(tolerated);
  rejected.ForEach([&](NodeIndex node) { tally.Add(Explain(question, node).front(), 1); });
  alive.IntersectWith(tolerated);
}

bool TaintToleration::Admits(const Question& question, NodeIndex node) const {
  return RuleOf(question).tolerated.Has(node);
}

std::vector<std::string> TaintToleration::Explain(const Question& question, NodeIndex node) const {
  if (!question.model.semantics.taint_reason_names_the_taint) return {std::string(kReason)};
  const kube::Taint* taint = FirstUntolerated(question.model.node(node).taints, RuleOf(question).tolerations);
  return {"node(s) had untolerated taint {" + taint->key + ": " + taint->value + "}"};
}

}  // namespace spillway::sim
