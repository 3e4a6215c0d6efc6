#include "scheduler_sim/filters/pod_topology_spread.h"

namespace spillway::sim {
namespace {

constexpr std::string_view kNoLabel = "node(s) didn't match pod topology spread constraints (missing required label)";
constexpr std::string_view kSkew = "node(s) didn't match pod topology spread constraints";

// One constraint, ready to be asked node by node.
class Constraint {
 public:
  Constraint(const Question& question, const SpreadRule& rule)
      : topology_(question.model.topology(question.model.counters[rule.counter.value()].topology)),
        counts_(question.usage.CountsOf(rule.counter)) {
    const std::int64_t least = counts_.domains < rule.min_domains ? 0 : counts_.least;
    most_ = least + rule.max_skew - (rule.counts_itself ? 1 : 0);
  }
  bool HasDomain(NodeIndex node) const { return topology_.Of(node) != Topology::kNoDomain; }
  // Precondition: HasDomain(node).
  bool TooMany(NodeIndex node) const { return counts_.Of(topology_.Of(node)) > most_; }

 private:
  const Topology& topology_;
  const Counts& counts_;
  std::int64_t most_ = 0;  // Pods that may be in a domain already
};

}  // namespace

void PodTopologySpread::Narrow(const Question& question, NodeSet& alive, Tally& tally) const {
  for (const SpreadRule& rule : question.pod.spread) {
    const Constraint constraint(question, rule);
    std::int64_t without_label = 0, too_many = 0;
    alive.ForEach([&](NodeIndex node) {
      if (!constraint.HasDomain(node)) {
        ++without_label;
      } else if (constraint.TooMany(node)) {
        ++too_many;
      } else {
        return;
      }
      alive.Remove(node);
    });
    tally.Add(kNoLabel, without_label);
    tally.Add(kSkew, too_many);
  }
}

bool PodTopologySpread::Admits(const Question& question, NodeIndex node) const {
  for (const SpreadRule& rule : question.pod.spread) {
    const Constraint constraint(question, rule);
    if (!constraint.HasDomain(node) || constraint.TooMany(node)) return false;
  }
  return true;
}

std::vector<std::string> PodTopologySpread::Explain(const Question& question, NodeIndex node) const {
  for (const SpreadRule& rule : question.pod.spread) {
    const Constraint constraint(question, rule);
    if (!constraint.HasDomain(node)) return {std::string(kNoLabel)};
    if (constraint.TooMany(node)) break;
  }
  return {std::string(kSkew)};
}

}  // namespace spillway::sim
