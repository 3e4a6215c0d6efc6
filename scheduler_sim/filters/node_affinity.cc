#include "scheduler_sim/filters/node_affinity.h"

namespace spillway::sim {
namespace {

constexpr std::string_view kReason = "node(s) didn't match Pod's node affinity/selector";
constexpr std::string_view kConflict = "pod affinity terms conflict";

const NodeRule* RuleOf(const Question& question) {
  return question.pod.rule.valid() ? &question.model.rules[question.pod.rule.value()] : nullptr;
}

}  // namespace

PreFilterResult NodeAffinity::PreFilter(const Question& question) const {
  const NodeRule* rule = RuleOf(question);
  if (rule == nullptr || !rule->pinned) return {};
  if (rule->pinned_to.empty()) return {.rejection = std::string(kConflict), .nodes = {}};
  PreFilterResult result{.rejection = {}, .nodes = NodeSet()};
  for (const std::string& name : rule->pinned_to) {
    if (const std::optional<NodeIndex> node = question.model.names.Find(name)) result.nodes->Add(*node);
  }
  return result;
}

void NodeAffinity::Narrow(const Question& question, NodeSet& alive, Tally& tally) const {
  const NodeRule* rule = RuleOf(question);
  if (rule == nullptr) return;
  if (!rule->pinned) {
    tally.Add(kReason, alive.IntersectWith(rule->matches));
    return;
  }
  std::int64_t rejected = 0;
  alive.ForEach([&](NodeIndex node) {
    if (rule->Matches(question.model.node(node))) return;
    alive.Remove(node);
    ++rejected;
  });
  tally.Add(kReason, rejected);
}

bool NodeAffinity::Admits(const Question& question, NodeIndex node) const {
  const NodeRule* rule = RuleOf(question);
  if (rule == nullptr) return true;
  return rule->pinned ? rule->Matches(question.model.node(node)) : rule->matches.Has(node);
}

std::vector<std::string> NodeAffinity::Explain(const Question&, NodeIndex) const { return {std::string(kReason)}; }

}  // namespace spillway::sim
