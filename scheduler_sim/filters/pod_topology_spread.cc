#include "scheduler_sim/filters/pod_topology_spread.h"

#include <fmt/core.h>

#include "scheduler_sim/wording.h"

namespace spillway::sim {
namespace {

constexpr std::string_view kNoLabel = "node(s) didn't match pod topology spread constraints (missing required label)";
constexpr std::string_view kSkew = "node(s) didn't match pod topology spread constraints";

// One constraint, ready to be asked node by node.
class Constraint {
 public:
  Constraint(const Question& question, const SpreadRule& rule)
      : rule_(rule),
        topology_(question.model.topology(question.model.counters[rule.counter.value()].topology)),
        counts_(question.usage.CountsOf(rule.counter)) {
    least_ = counts_.domains < rule.min_domains ? 0 : counts_.least;
    most_ = least_ + rule.max_skew - (rule.counts_itself ? 1 : 0);
  }
  bool HasDomain(NodeIndex node) const { return topology_.Of(node) != Topology::kNoDomain; }
  // Precondition: HasDomain(node).
  bool TooMany(NodeIndex node) const { return counts_.Of(topology_.Of(node)) > most_; }

  Objection Object(const Cluster::Model& model, NodeIndex node) const;

 private:
  const SpreadRule& rule_;
  const Topology& topology_;
  const Counts& counts_;
  std::int64_t least_ = 0;  // Pods in the emptiest domain
  std::int64_t most_ = 0;   // Pods that may be in a domain already
};

// Precondition: !HasDomain(node) || TooMany(node).
Objection Constraint::Object(const Cluster::Model& model, NodeIndex node) const {
  const Counter& counter = model.counters[rule_.counter.value()];
  const std::string_view key = model.topologies.key(counter.topology.value());
  const std::string whom = TermText(counter.terms.front());
  Objection objection{.subject = fmt::format("spread over {} (maxSkew {}) of {}", key, rule_.max_skew, whom)};
  if (!HasDomain(node)) {
    objection.reason = kNoLabel;
    objection.detail = fmt::format("it has no label {}", key);
    return objection;
  }
  const std::string_view domain = topology_.domains.key(topology_.Of(node));
  const std::int64_t count = counts_.Of(topology_.Of(node)), itself = rule_.counts_itself ? 1 : 0;
  const std::string emptiest =
      counts_.domains < rule_.min_domains
          ? fmt::format("the least counts as 0 while there are {} of minDomains {}", counts_.domains, rule_.min_domains)
          : fmt::format("the least of {} is {}", counts_.domains, least_);
  objection.reason = kSkew;
  objection.detail = fmt::format("{}={} has {}, {}: skew {}, at most {}", key, domain, PodsText(count), emptiest,
                                 count + itself - least_, rule_.max_skew);
  objection.remedy = fmt::format("take {} ({}) out of {}={}", PodsText(count - most_), whom, key, domain);
  objection.distance = (count - most_) * 100;
  return objection;
}

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

std::vector<Objection> PodTopologySpread::Object(const Question& question, NodeIndex node) const {
  std::vector<Objection> objections;
  for (const SpreadRule& rule : question.pod.spread) {
    const Constraint constraint(question, rule);
    if (constraint.HasDomain(node) && !constraint.TooMany(node)) continue;
    objections.push_back(constraint.Object(question.model, node));
  }
  return objections;
}

}  // namespace spillway::sim
