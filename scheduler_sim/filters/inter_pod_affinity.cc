#include "scheduler_sim/filters/inter_pod_affinity.h"

#include <algorithm>

namespace spillway::sim {
namespace {

constexpr std::string_view kAffinity = "node(s) didn't match pod affinity rules";
constexpr std::string_view kAntiAffinity = "node(s) didn't match pod anti-affinity rules";
constexpr std::string_view kExistingAntiAffinity = "node(s) didn't satisfy existing pods anti-affinity rules";

// One term's counts, ready to be asked node by node.
struct TermCounts {
  const Topology* topology;
  const Counts* counts;

  bool HasDomain(NodeIndex node) const { return topology->Of(node) != Topology::kNoDomain; }
  bool AnyPodNear(NodeIndex node) const {
    const std::uint32_t domain = topology->Of(node);
    return domain != Topology::kNoDomain && counts->Of(domain) > 0;
  }
};

std::vector<TermCounts> CountsFor(const Question& question, const std::vector<CounterId>& counters) {
  std::vector<TermCounts> terms;
  terms.reserve(counters.size());
  for (const CounterId id : counters) {
    terms.push_back(
        {&question.model.topology(question.model.counters[id.value()].topology), &question.usage.CountsOf(id)});
  }
  return terms;
}

class Affinity {
 public:
  explicit Affinity(const Question& question) : terms_(CountsFor(question, question.pod.affinity)) {
    is_first_of_its_group_ =
        question.pod.matches_own_affinity &&
        std::all_of(terms_.begin(), terms_.end(), [](const TermCounts& term) { return term.counts->total == 0; });
  }
  bool Satisfied(NodeIndex node) const {
    return std::all_of(terms_.begin(), terms_.end(), [&](const TermCounts& term) {
      return is_first_of_its_group_ ? term.HasDomain(node) : term.AnyPodNear(node);
    });
  }

 private:
  std::vector<TermCounts> terms_;
  bool is_first_of_its_group_ = false;
};

bool NearAny(const Question& question, const std::vector<CounterId>& counters, NodeIndex node) {
  return std::any_of(counters.begin(), counters.end(), [&](CounterId id) {
    const Topology& topology = question.model.topology(question.model.counters[id.value()].topology);
    return TermCounts{&topology, &question.usage.CountsOf(id)}.AnyPodNear(node);
  });
}

void RejectNear(const Question& question, const std::vector<CounterId>& counters, std::string_view reason,
                NodeSet& alive, Tally& tally) {
  std::int64_t rejected = 0;
  for (const TermCounts& term : CountsFor(question, counters)) {
    if (term.counts->total == 0) continue;
    alive.ForEach([&](NodeIndex node) {
      if (!term.AnyPodNear(node)) return;
      alive.Remove(node);
      ++rejected;
    });
  }
  tally.Add(reason, rejected);
}

}  // namespace

void InterPodAffinity::Narrow(const Question& question, NodeSet& alive, Tally& tally) const {
  if (!question.pod.affinity.empty()) {
    const Affinity affinity(question);
    std::int64_t rejected = 0;
    alive.ForEach([&](NodeIndex node) {
      if (affinity.Satisfied(node)) return;
      alive.Remove(node);
      ++rejected;
    });
    tally.Add(kAffinity, rejected);
  }
  RejectNear(question, question.pod.anti_affinity, kAntiAffinity, alive, tally);
  RejectNear(question, question.pod.repelled_by, kExistingAntiAffinity, alive, tally);
}

bool InterPodAffinity::Admits(const Question& question, NodeIndex node) const {
  return (question.pod.affinity.empty() || Affinity(question).Satisfied(node)) &&
         !NearAny(question, question.pod.anti_affinity, node) && !NearAny(question, question.pod.repelled_by, node);
}

std::vector<std::string> InterPodAffinity::Explain(const Question& question, NodeIndex node) const {
  if (!question.pod.affinity.empty() && !Affinity(question).Satisfied(node)) return {std::string(kAffinity)};
  const bool own = NearAny(question, question.pod.anti_affinity, node);
  return {std::string(own ? kAntiAffinity : kExistingAntiAffinity)};
}

}  // namespace spillway::sim
