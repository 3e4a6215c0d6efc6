#include "scheduler_sim/filters/taint_toleration.h"

#include "kube/api/selector.h"
#include "scheduler_sim/wording.h"

namespace spillway::sim {
namespace {

constexpr std::string_view kUntolerated = "node(s) had untolerated taint(s)";

const TolerationRule& RuleOf(const Question& question) {
  return question.model.tolerations[question.pod.tolerations.value()];
}

// Taints that Kubernetes itself sets speak of a state of the node: tolerating them would help nobody.
std::string RemedyFor(const kube::Taint& taint, bool cordoned) {
  if (taint.key == kCordonTaint && cordoned) return std::string(kUncordon);
  if (taint.key == "node.kubernetes.io/not-ready" || taint.key == "node.kubernetes.io/unreachable") {
    return "bring it back to Ready";
  }
  if (taint.key.starts_with("node.kubernetes.io/")) return "end what taints it with " + TaintText(taint);
  return "tolerate " + TaintText(taint);
}

}  // namespace

void TaintToleration::Narrow(const Question& question, NodeSet& alive, Tally& tally) const {
  const NodeSet& tolerated = RuleOf(question).tolerated(question.suppose);
  if (!question.model.semantics.taint_reason_names_the_taint) {
    tally.Add(kUntolerated, alive.IntersectWith(tolerated));
    return;
  }
  NodeSet rejected = alive;
  rejected.Subtract(tolerated);
  rejected.ForEach([&](NodeIndex node) { tally.Add(Explain(question, node).front(), 1); });
  alive.IntersectWith(tolerated);
}

bool TaintToleration::Admits(const Question& question, NodeIndex node) const {
  return RuleOf(question).tolerated(question.suppose).Has(node);
}

std::vector<std::string> TaintToleration::Explain(const Question& question, NodeIndex node) const {
  if (!question.model.semantics.taint_reason_names_the_taint) return {std::string(kUntolerated)};
  const kube::Taint* taint =
      FirstUntolerated(question.model.node(node).taints, RuleOf(question).tolerations, question.suppose);
  return {"node(s) had untolerated taint {" + taint->key + ": " + taint->value + "}"};
}

std::vector<Objection> TaintToleration::Object(const Question& question, NodeIndex index) const {
  const NodeRecord& node = question.model.node(index);
  const std::string reason = Explain(question, index).front();
  std::vector<Objection> objections;
  for (const kube::Taint& taint : node.taints) {
    if (FirstUntolerated({taint}, RuleOf(question).tolerations, question.suppose) == nullptr) continue;
    objections.push_back(
        {.reason = reason, .subject = "taint " + TaintText(taint), .remedy = RemedyFor(taint, node.unschedulable)});
  }
  return objections;
}

}  // namespace spillway::sim
