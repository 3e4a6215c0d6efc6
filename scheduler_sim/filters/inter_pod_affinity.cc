#include "scheduler_sim/filters/inter_pod_affinity.h"

#include <fmt/core.h>

#include <algorithm>

#include "scheduler_sim/wording.h"

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
    return std::all_of(terms_.begin(), terms_.end(), [&](const TermCounts& term) { return Satisfied(term, node); });
  }
  bool Satisfied(std::size_t term, NodeIndex node) const { return Satisfied(terms_[term], node); }

 private:
  bool Satisfied(const TermCounts& term, NodeIndex node) const {
    return is_first_of_its_group_ ? term.HasDomain(node) : term.AnyPodNear(node);
  }

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

// A term and where the node stands in it, as texts.
struct Nearness {
  Nearness(const Question& question, CounterId id, NodeIndex node) {
    const Counter& counter = question.model.counters[id.value()];
    const Topology& topology = question.model.topology(counter.topology);
    const Counts& counts = question.usage.CountsOf(id);
    for (const PodTerm& term : counter.terms) whom += (whom.empty() ? "" : " and ") + TermText(term);
    key = question.model.topologies.key(counter.topology.value());
    total = counts.total;
    const std::uint32_t domain = topology.Of(node);
    has_domain = domain != Topology::kNoDomain;
    if (!has_domain) return;
    place = fmt::format("{}={}", key, topology.domains.key(domain));
    near = counts.Of(domain);
  }

  std::string whom, key, place;
  bool has_domain = false;
  std::int64_t near = 0, total = 0;
};

Objection NoneNear(const Nearness& at) {
  Objection objection{.reason = std::string(kAffinity),
                      .subject = fmt::format("affinity to {} per {}", at.whom, at.key)};
  if (!at.has_domain) {
    objection.detail = fmt::format("it has no label {}", at.key);
    return objection;
  }
  objection.detail = fmt::format("no such Pod in {}, {} elsewhere", at.place, at.total);
  objection.remedy = fmt::format("have a Pod ({}) run in {}", at.whom, at.place);
  return objection;
}

Objection SomeNear(const Nearness& at) {
  return {.reason = std::string(kAntiAffinity),
          .subject = fmt::format("anti-affinity to {} per {}", at.whom, at.key),
          .detail = fmt::format("{} in {}", PodsText(at.near), at.place),
          .remedy = fmt::format("take {} ({}) out of {}", PodsText(at.near), at.whom, at.place),
          .distance = at.near * 100};
}

Objection RepellerNear(const Nearness& at) {
  return {.reason = std::string(kExistingAntiAffinity),
          .subject = fmt::format("other Pods' anti-affinity to {} per {}", at.whom, at.key),
          .detail = fmt::format("{} in {} with such a rule", PodsText(at.near), at.place),
          .remedy = fmt::format("take {} with anti-affinity to {} out of {}", PodsText(at.near), at.whom, at.place),
          .distance = at.near * 100};
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

std::vector<Objection> InterPodAffinity::Object(const Question& question, NodeIndex node) const {
  std::vector<Objection> objections;
  const Affinity affinity(question);
  for (std::size_t i = 0; i < question.pod.affinity.size(); ++i) {
    if (affinity.Satisfied(i, node)) continue;
    objections.push_back(NoneNear(Nearness(question, question.pod.affinity[i], node)));
  }
  for (const CounterId id : question.pod.anti_affinity) {
    const Nearness at(question, id, node);
    if (at.near > 0) objections.push_back(SomeNear(at));
  }
  for (const CounterId id : question.pod.repelled_by) {
    const Nearness at(question, id, node);
    if (at.near > 0) objections.push_back(RepellerNear(at));
  }
  return objections;
}

}  // namespace spillway::sim
