#pragma once

#include <vector>

#include "scheduler_sim/filter.h"

namespace spillway::sim {

// The nodes for one class while Pods are packed, best first: by score, then by name. While Pods are only added, scores
// fall and nodes fill up, so the entry that looks best and is still up to date is best. Nodes that a topological filter
// refuses are parked, a whole group of nodes in the same domains at a time, and come back when counts changed in the
// Pod's favour: another domain caught up, say.
//
// Like kube-scheduler, large clusters are not scored as a whole: all of up to 100 nodes, then a share that falls to 5%;
// further nodes are looked at when these are used up.
//
// Source: kube-scheduler schedule_one.go numFeasibleNodesToFind.
class Candidates {
 public:
  // `nodes`: those that take the class by all filters but the topological ones, by index, or did when the packing
  // began. `seed`: where to start, so that classes spread out.
  Candidates(const Question& question, std::vector<NodeIndex> nodes, std::size_t seed);

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
  // Nodes that share all the domains the class cares about: a topological filter refuses all or none.
  struct Group {
    std::vector<NodeIndex> rest;  // not scored yet, from the back
    std::vector<Entry> heap;
  };

  void MakeGroups(const Question& question, const std::vector<TopologyId>& topologies,
                  const std::vector<NodeIndex>& nodes);
  // Scores some more of a group's nodes, if its heap is empty. False when there are none left.
  bool Fill(const Question& question, std::uint32_t group);
  // Scores some more of the nodes that stand alone. False when there are none left.
  bool FillAlone(const Question& question);
  // Replaces the top, whose score is outdated, by what is best in its group now.
  void Refresh(const Question& question);
  void Pop();
  void Push(const Entry& entry);
  bool Unpark(const Question& question);

  // One entry a group, its best; where every node is in a domain of its own there are no groups, and all are here.
  std::vector<Entry> heap_;
  std::vector<Group> groups_;
  std::vector<NodeIndex> alone_;  // not scored yet, from the back
  std::size_t batch_ = 0;
  std::vector<Entry> parked_;
  std::uint64_t parked_at_ = 0;  // Relaxations() then
};

}  // namespace spillway::sim
