#include "scheduler_sim/filters/node_affinity.h"

#include <fmt/core.h>
#include <fmt/format.h>

#include "kube/api/selector.h"
#include "scheduler_sim/wording.h"

namespace spillway::sim {
namespace {

constexpr std::string_view kMismatch = "node(s) didn't match Pod's node affinity/selector";
constexpr std::string_view kEnforced = "node(s) didn't match scheduler-enforced node affinity";
constexpr std::string_view kConflict = "pod affinity terms conflict";

// nullptr: none.
const NodeRule* RuleOf(const Question& question, RuleId rule) {
  return rule.valid() ? &question.model.rules[rule.value()] : nullptr;
}
const NodeRule* OwnRule(const Question& question) { return RuleOf(question, question.pod.rule); }
const NodeRule* EnforcedRule(const Question& question) { return RuleOf(question, question.profile().added_affinity); }

std::int64_t Reject(const Question& question, const NodeRule* rule, NodeSet& alive) {
  if (rule == nullptr) return 0;
  if (!rule->pinned) return alive.IntersectWith(rule->matches);
  std::int64_t rejected = 0;
  alive.ForEach([&](NodeIndex node) {
    if (rule->Matches(question.model.node(node))) return;
    alive.Remove(node);
    ++rejected;
  });
  return rejected;
}

bool Matches(const Question& question, const NodeRule* rule, NodeIndex node) {
  if (rule == nullptr) return true;
  return rule->pinned ? rule->Matches(question.model.node(node)) : rule->matches.Has(node);
}

std::string LabelText(const NodeRecord& node, const std::string& key) {
  const std::string* value = kube::Find(node.labels, key);
  return value == nullptr ? fmt::format("it has no label {}", key) : fmt::format("it has {}={}", key, *value);
}

std::string RemedyFor(const kube::LabelRequirement& wanted) {
  using Operator = kube::LabelRequirement::Operator;
  switch (wanted.op) {
    case Operator::kIn:
      return wanted.values.empty() ? "" : fmt::format("label it {}={}", wanted.key, wanted.values.front());
    case Operator::kExists:
      return fmt::format("label it {}", wanted.key);
    case Operator::kNotIn:
    case Operator::kDoesNotExist:
      return fmt::format("take its label {} away", wanted.key);
    case Operator::kGt:
    case Operator::kLt:
      return fmt::format("label it {}", RequirementText(wanted));
    case Operator::kInvalid:
      return "";
  }
  return "";
}

Objection About(std::string wanted, std::string detail, std::string remedy) {
  return {.reason = std::string(kMismatch),
          .subject = std::move(wanted),
          .detail = std::move(detail),
          .remedy = std::move(remedy)};
}

std::vector<Objection> AgainstTerm(const kube::NodeSelectorTerm& term, const NodeRecord& node) {
  std::vector<Objection> objections;
  for (const kube::LabelRequirement& wanted : term.match_expressions) {
    if (kube::Matches(wanted, node.labels)) continue;
    objections.push_back(About("affinity " + RequirementText(wanted), LabelText(node, wanted.key), RemedyFor(wanted)));
  }
  for (const kube::LabelRequirement& wanted : term.match_fields) {
    if (kube::Matches({{}, {wanted}}, node.labels, node.name)) continue;
    objections.push_back(About("affinity " + RequirementText(wanted), "the Pod is bound to nodes by name", ""));
  }
  return objections;
}

// Terms are alternatives: only the one that the node is closest to is spoken of.
std::vector<Objection> AgainstAffinity(const kube::NodeSelector& affinity, const NodeRecord& node) {
  std::vector<Objection> best;
  for (const kube::NodeSelectorTerm& term : affinity.terms) {
    std::vector<Objection> objections = AgainstTerm(term, node);
    if (!objections.empty() && (best.empty() || objections.size() < best.size())) best = std::move(objections);
  }
  if (best.empty()) best.push_back(About("affinity that matches no node", "its terms are all empty", ""));
  if (affinity.terms.size() > 1) {
    best.front().detail += fmt::format(" (the closest of {} terms)", affinity.terms.size());
  }
  return best;
}

std::vector<Objection> AgainstRule(const NodeRule& rule, const NodeRecord& node) {
  std::vector<Objection> objections;
  for (const auto& [key, value] : rule.selector) {
    const std::string* actual = kube::Find(node.labels, key);
    if (actual != nullptr && *actual == value) continue;
    const std::string wanted = fmt::format("{}={}", key, value);
    objections.push_back(About("selector " + wanted, LabelText(node, key), "label it " + wanted));
  }
  if (rule.affinity && !kube::Matches(*rule.affinity, node.labels, node.name)) {
    std::vector<Objection> more = AgainstAffinity(*rule.affinity, node);
    std::move(more.begin(), more.end(), std::back_inserter(objections));
  }
  return objections;
}

}  // namespace

PreFilterResult NodeAffinity::PreFilter(const Question& question) const {
  const NodeRule* rule = OwnRule(question);
  if (rule == nullptr || !rule->pinned) return {};
  if (rule->pinned_to.empty()) return {.rejection = std::string(kConflict), .nodes = {}};
  PreFilterResult result{.rejection = {}, .nodes = NodeSet()};
  for (const std::string& name : rule->pinned_to) {
    if (const std::optional<NodeIndex> node = question.model.names.Find(name)) result.nodes->Add(*node);
  }
  return result;
}

void NodeAffinity::Narrow(const Question& question, NodeSet& alive, Tally& tally) const {
  tally.Add(kEnforced, Reject(question, EnforcedRule(question), alive));
  tally.Add(kMismatch, Reject(question, OwnRule(question), alive));
}

bool NodeAffinity::Admits(const Question& question, NodeIndex node) const {
  return Matches(question, EnforcedRule(question), node) && Matches(question, OwnRule(question), node);
}

std::vector<std::string> NodeAffinity::Explain(const Question& question, NodeIndex node) const {
  return {std::string(Matches(question, EnforcedRule(question), node) ? kMismatch : kEnforced)};
}

std::vector<Objection> NodeAffinity::Object(const Question& question, NodeIndex index) const {
  const NodeRecord& node = question.model.node(index);
  std::vector<Objection> objections;
  if (const NodeRule* enforced = EnforcedRule(question)) {
    for (Objection& objection : AgainstRule(*enforced, node)) {
      objection.reason = kEnforced;
      objection.subject = "scheduler-enforced " + objection.subject;
      objections.push_back(std::move(objection));
    }
  }
  if (const NodeRule* own = OwnRule(question)) {
    std::vector<Objection> more = AgainstRule(*own, node);
    std::move(more.begin(), more.end(), std::back_inserter(objections));
  }
  return objections;
}

}  // namespace spillway::sim
