#pragma once

#include <map>
#include <vector>

#include "scheduler_sim/filter.h"

namespace spillway::sim {

// The nodes for one class while Pods are packed, best first: by score, then by name. While Pods are only added, scores
// fall and nodes fill up, so the entry that looks best and is still up to date is best. Nodes that a topological filter
// refuses are parked, a whole group of nodes in the same domains at a time, and come back when counts changed in the
// Pod's favour: another domain caught up, say.
class Candidates {
 public:
  // `feasible`: by all filters but the topological ones.
  Candidates(const Question& question, const NodeSet& feasible);

  // The best node that takes the Pod now; invalid when there is none. Placing on it must be what happens next to it.
  NodeIndex Best(const Question& question);

  // Counts of affinity and spread that could let the class in again.
  static std::uint64_t Relaxations(const Question& question);

 private:
  struct Entry {
    std::int64_t score = 0;
    std::uint64_t rank = 0;
    NodeIndex node;
    std::uint32_t version = 0;
    std::uint32_t group = 0;

    bool operator<(const Entry& other) const { return score != other.score ? score < other.score : rank > other.rank; }
  };
  static Entry Of(const Question& question, NodeIndex node, std::uint32_t group);
  std::vector<std::vector<std::uint32_t>> DomainsOfInterest(const Question& question) const;
  // Replaces the top, whose score is outdated, by what is best in its group now.
  void Refresh(const Question& question);
  void Pop();
  void Push(const Entry& entry);
  bool Unpark(const Question& question);

  // One entry a group: its best. Nodes that share their domains with others wait in groups_; group kAlone is for those
  // that do not.
  static constexpr std::uint32_t kAlone = 0;
  std::vector<Entry> heap_;
  std::vector<std::vector<Entry>> groups_ = {{}};
  std::vector<Entry> parked_;
  std::uint64_t parked_at_ = 0;  // Relaxations() then
};

}  // namespace spillway::sim
