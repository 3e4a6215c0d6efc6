#include "scheduler_sim/packing.h"

#include <algorithm>
#include <memory>

#include "scheduler_sim/candidates.h"
#include "scheduler_sim/filters/claim_binder.h"
#include "scheduler_sim/judgement.h"

namespace spillway::sim {
namespace {

class Packer {
 public:
  Packer(const Cluster::Model& model, NodeDomain domain)
      : model_(model), usage_(model.usage), domain_(model.domain(domain)), classes_(model.classes.end()) {}

  // Pods that are going to get a place without us, unless they are packed here themselves.
  void Reserve(std::span<const PodIndex> packed) {
    held_ = model_.nominated;
    std::erase_if(held_, [&](PodIndex pod) { return !domain_.Has(model_.pod(pod).node); });
    std::stable_sort(held_.begin(), held_.end(),
                     [&](PodIndex a, PodIndex b) { return model_.pod(a).priority > model_.pod(b).priority; });

    std::vector<bool> is_packed;
    for (const PodIndex pod : model_.pending) {
      const PodRecord& record = model_.pod(pod);
      if (!record.daemon || record.node.valid()) continue;
      if (is_packed.empty()) {
        is_packed.resize(model_.pods.size());
        for (const PodIndex other : packed) is_packed[other.value()] = true;
      }
      if (!is_packed[pod.value()]) (void)Pack(pod);
    }
  }

  Verdict Pack(PodIndex pod) {
    const PodRecord& record = model_.pod(pod);
    Verdict verdict;
    if (record.bound) {
      verdict.undecidable = "it is already bound to a node";
      return verdict;
    }
    const PodClass& pod_class = model_.pod_class(record.pod_class);
    if (const std::string& why = model_.undecidable(pod_class); !why.empty()) {
      verdict.undecidable = why;
      return verdict;
    }
    HoldPlacesDownTo(record.priority);
    if (record.node.valid()) return PackNominated(pod, pod_class);
    return PlaceAnywhere(record, pod_class);
  }

 private:
  struct Progress {
    std::optional<Candidates> candidates;
    std::shared_ptr<const Explanation> why_not;  // set once no node is left
    std::uint64_t relaxations = 0;               // Candidates::Relaxations() at that time
    std::uint64_t volume_changes = 0;            // Usage::volume_changes() when it began
    std::string error;                           // see Evaluation
  };

  Question Ask(const PodClass& pod_class) const { return {model_, usage_, pod_class}; }

  NodeIndex Find(ClassIndex index, const PodClass& pod_class) {
    const Question question = Ask(pod_class);
    std::unique_ptr<Progress>& progress = classes_[index.value()];
    if (progress != nullptr && (progress->volume_changes != usage_.volume_changes() || !progress->error.empty()) &&
        model_.volumes_of(pod_class) != nullptr) {
      progress.reset();  // volumes depend on each other in too many ways to be followed
    }
    if (progress == nullptr) progress = std::make_unique<Progress>(Progress{.volume_changes = usage_.volume_changes()});
    if (progress->why_not != nullptr) {
      if (!pod_class.topological() || Candidates::Relaxations(question) == progress->relaxations) return {};
      progress->why_not.reset();
    }
    if (!progress->candidates) {
      const Evaluation evaluation = Evaluate(question, domain_, Filter::Scope::kNode);
      progress->error = evaluation.error;
      progress->candidates.emplace(question, evaluation.feasible, index.value());
    }
    if (!progress->error.empty()) return {};
    const NodeIndex best = progress->candidates->Best(question);
    if (!best.valid()) {
      progress->why_not = Explain(Evaluate(question, domain_), domain_);
      progress->relaxations = Candidates::Relaxations(question);
    }
    return best;
  }

  Verdict Take(const PodClass& pod_class, IdentityId identity, NodeIndex node) {
    if (!pod_class.asks.empty()) return Unsettled(pod_class);
    if (model_.volumes_of(pod_class) != nullptr) {
      VolumeUsage& volumes = usage_.ChangeableVolumes();
      const Question question = Ask(pod_class);
      ClaimBinder(question).Assume(node, volumes);
    }
    model_.Place(usage_, pod_class.footprint, identity, node);
    Verdict verdict;
    verdict.kind = Verdict::Kind::kFits;
    verdict.node = node;
    return verdict;
  }

  // It may get a place or not: nobody else is kept from it.
  static Verdict Unsettled(const PodClass& pod_class) {
    Verdict verdict;
    verdict.undecidable = LastWordOf(pod_class);
    return verdict;
  }

  Verdict PlaceAnywhere(const PodRecord& record, const PodClass& pod_class) {
    const NodeIndex node = Find(record.pod_class, pod_class);
    return node.valid() ? Take(pod_class, record.identity, node) : Nowhere(record.pod_class);
  }

  Verdict Nowhere(ClassIndex index) {
    Verdict verdict;
    if (const std::string& error = classes_[index.value()]->error; !error.empty()) {
      verdict.undecidable = SchedulerFails(error);
      return verdict;
    }
    verdict.kind = Verdict::Kind::kNowhere;
    verdict.why_not = classes_[index.value()]->why_not;
    return verdict;
  }

  // Nominated Pods hold their node against Pods of their own priority and below.
  void HoldPlacesDownTo(std::int32_t priority) {
    for (; holding_ < held_.size() && model_.pod(held_[holding_]).priority >= priority; ++holding_) {
      const PodRecord& record = model_.pod(held_[holding_]);
      model_.Place(usage_, record.footprint, record.identity, record.node);
    }
  }

  // Its turn has come: it gives its reserved place back and tries that node first.
  Verdict PackNominated(PodIndex pod, const PodClass& pod_class) {
    if (!pod_class.asks.empty()) return Unsettled(pod_class);  // keeping its place
    const PodRecord& record = model_.pod(pod);
    if (domain_.Has(record.node)) {
      model_.Unplace(usage_, record.footprint, record.identity, record.node);
      NodeSet only;
      only.Add(record.node);
      if (!Evaluate(Ask(pod_class), only).feasible.empty()) return Take(pod_class, record.identity, record.node);
      classes_.clear();  // a place came free: what was found before may be outdated
      classes_.resize(model_.classes.end());
    }
    return PlaceAnywhere(record, pod_class);
  }

  const Cluster::Model& model_;
  Usage usage_;
  const NodeSet& domain_;
  std::vector<std::unique_ptr<Progress>> classes_;  // by ClassIndex
  std::vector<PodIndex> held_;                      // nominated Pods, highest priority first
  std::size_t holding_ = 0;                         // so many of them are in usage_
};

}  // namespace

std::vector<PodIndex> InQueueOrder(const Cluster& cluster, std::vector<PodIndex> pods) {
  struct Key {
    std::int32_t priority;
    bool tried;
    std::uint32_t created;
    std::uint64_t arrival;
    PodIndex pod;
  };
  std::vector<Key> keys;
  keys.reserve(pods.size());
  for (const PodIndex pod : pods) {
    const PodRecord& record = cluster.model().pod(pod);
    keys.push_back({record.priority, record.tried, record.created, record.arrival, pod});
  }
  std::sort(keys.begin(), keys.end(), [](const Key& a, const Key& b) {
    if (a.priority != b.priority) return a.priority > b.priority;
    if (a.tried != b.tried) return b.tried;
    if (a.created != b.created) return a.created < b.created;
    return a.arrival < b.arrival;
  });
  for (std::size_t i = 0; i < keys.size(); ++i) pods[i] = keys[i].pod;
  return pods;
}

Packing Pack(const Cluster& cluster, std::span<const PodIndex> pods, NodeDomain domain) {
  Packer packer(cluster.model(), domain);
  packer.Reserve(pods);
  std::vector<Packing::Entry> entries;
  entries.reserve(pods.size());
  for (const PodIndex pod : pods) entries.push_back({pod, packer.Pack(pod)});
  return Packing(std::move(entries));
}

}  // namespace spillway::sim
