#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "scheduler_sim/candidates.h"
#include "scheduler_sim/judgement.h"

namespace spillway::sim {

class ClassMemory;

// Places Pods one after the other on a copy of the model's usage, as Pack() has it. Nominated Pods whose turn has not
// come are in nobody's usage: each Pod is asked about with those ahead of it on the node that they wait for, and
// without, as Judge() does.
class Packer {
 public:
  // `memory`: what is known of classes from before; nullptr: nothing.
  Packer(const Cluster::Model& model, NodeDomain domain, ClassMemory* memory);

  // Nobody asks why: from now on, explanations are empty, and cost nothing.
  void ExplainNothing() { unexplained_ = std::make_shared<Explanation>(); }

  // The next Pod in the queue.
  Verdict Pack(PodIndex pod);
  // The last verdict was Nowhere, and will be for all Pods of that class behind it.
  bool settled_its_class() const { return settled_; }
  // Units of work done so far, see KeptPacking::Step().
  std::int64_t work() const { return work_; }

  // The model has changed: begins with its usage anew. What was found out so far is kept, though some of it may be
  // outdated now. The caller places again what still has its place.
  void StartOver();
  // A pending Pod has its place there, whatever else there is.
  void Place(PodIndex pod, NodeIndex node);
  // Why no node takes the Pod now, with those ahead of it on the nodes that they are nominated to. Precondition: none
  // does.
  std::shared_ptr<const Explanation> WhyNowhere(PodIndex pod);
  // Whether the node takes Pods of the class now, nominated Pods aside.
  bool Takes(const PodClass& pod_class, NodeIndex node) const;

 private:
  struct Progress {
    std::uint64_t of = 0;  // PodClass::number
    std::optional<Candidates> candidates;
    std::vector<NodeIndex> special;              // candidates that Pods are nominated to, kept apart
    std::shared_ptr<const Explanation> why_not;  // set once no node is left
    std::uint64_t relaxations = 0;               // Candidates::Relaxations() at that time
    std::uint64_t ahead = 0;                     // ahead_number_ at that time
    std::uint64_t volume_changes = 0;            // Usage::volume_changes() when it began
    std::string error;                           // see Evaluation
  };

  // What others do can only take nodes from it.
  bool IsPlain(const PodClass& pod_class) const {
    return !pod_class.topological() && model_.volumes_of(pod_class) == nullptr;
  }
  Question Ask(const PodClass& pod_class) const { return {model_, usage_, pod_class}; }
  void LookAhead(PodIndex pod);
  Usage& Scratch();
  Progress& ProgressOf(ClassIndex index, const PodClass& pod_class);
  void Begin(Progress& progress, ClassIndex index, const PodClass& pod_class);
  NodeIndex Find(Progress& progress, ClassIndex index, const PodClass& pod_class);
  NodeIndex BestSpecial(Progress& progress, const PodClass& pod_class, NodeIndex best);
  bool AdmitsWithNominated(const PodClass& pod_class, NodeIndex node);
  std::shared_ptr<const Explanation> WhyNot(ClassIndex index, const PodClass& pod_class);
  Verdict PlaceAnywhere(PodIndex pod, const PodClass& pod_class);
  // By looking at all nodes, for this Pod alone.
  Verdict PlaceByItself(PodIndex pod, const PodClass& pod_class);
  Verdict Take(PodIndex pod, const PodClass& pod_class, NodeIndex node);

  const Cluster::Model& model_;
  const NodeSet& domain_;
  ClassMemory* memory_;
  Usage usage_;
  std::optional<Usage> scratch_;                    // equals usage_
  std::vector<std::unique_ptr<Progress>> classes_;  // by ClassIndex

  std::vector<PodIndex> waiting_;   // nominated, and not placed yet
  NodeSet special_;                 // nodes that Pods were nominated to when it began
  std::vector<NominatedAt> ahead_;  // of those waiting, for Pods of this priority
  std::optional<std::int32_t> ahead_for_;
  std::uint64_t ahead_number_ = 0;                  // counts the changes of ahead_
  std::shared_ptr<const Explanation> unexplained_;  // given instead of others, if any
  bool settled_ = false;
  std::int64_t work_ = 0;
};

}  // namespace spillway::sim
