#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "scheduler_sim/filter.h"

namespace spillway::sim {

// Nodes of `domain` that take the class by all filters but the topological ones, by index.
std::vector<NodeIndex> NodesFor(const Question& question, const NodeSet& domain);
// One node, by the same filters.
bool TakesAlone(const Question& question, const NodeSet& domain, NodeIndex node);

// What is known of classes from one packing to the next: which few nodes of the model as it is, nobody packed yet, take
// one, brought up to date by what came free since; and the last explanation why none does. For classes without volumes.
class ClassMemory {
 public:
  ClassMemory(const Cluster::Model& model, NodeDomain domain) : model_(model), domain_(model.domain(domain)) {}

  // The same as NodesFor() of the class in the model's own usage. Cost: what came free since it was last asked; all
  // nodes when it is new, or had many nodes.
  std::vector<NodeIndex> NodesFor(ClassIndex index);
  // NodesFor() is empty.
  bool FitsNowhere(ClassIndex index);

  void BeginRound() { ++round_; }
  // Why none takes the class in this usage. nullptr: not known, or a node has a reason of another kind since, or it is
  // time to count anew: the numbers are up to 256 rounds old.
  std::shared_ptr<const Explanation> WhyNot(ClassIndex index, const Usage& usage);
  void Remember(ClassIndex index, std::shared_ptr<const Explanation> why_not);

  // Units of work done so far, see KeptPacking::Step().
  std::int64_t work() const { return work_; }

 private:
  static constexpr std::size_t kFew = 64;
  struct Entry {
    std::uint64_t of = 0;       // PodClass::number
    std::uint64_t read_to = 0;  // of Model::loosened_nodes
    bool is_known = false;      // `nodes` is all of them
    std::vector<NodeIndex> nodes;
    std::shared_ptr<const Explanation> why_not;
    std::uint64_t explained = 0;  // in that round
  };

  Entry& EntryOf(ClassIndex index);
  // False when all nodes must be looked at.
  bool CatchUp(Entry& entry, const Question& question);
  // Forgets the explanation if the node, which does not take the class, is for a reason that is not in it.
  void CheckReasons(Entry& entry, const Question& question, NodeIndex node) const;

  const Cluster::Model& model_;
  const NodeSet& domain_;
  std::vector<Entry> entries_;  // by ClassIndex
  std::uint64_t round_ = 0;
  std::int64_t work_ = 0;
};

}  // namespace spillway::sim
