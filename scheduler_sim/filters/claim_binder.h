#pragma once

#include <string>
#include <vector>

#include "scheduler_sim/filter.h"

namespace spillway::sim {

// What becomes of a Pod's claims, node by node: VolumeBinding's work. Claims are bound already, or wait for their first
// consumer: then a free volume must match on the node, or one must be possible to make there. Of several volumes that
// match equally well kube-scheduler takes any, so that it may find a node now and not the next time; a node will do if
// one of the choices works, and also if there are so many that not all are tried.
//
// Made for one question, which outlives it. Source: kube-scheduler plugins/volumebinding/binder.go, component-helpers
// storage/volume FindMatchingVolume.
class ClaimBinder {
 public:
  explicit ClaimBinder(const Question& question);

  // Why the Pod is out whatever the node: claims that should have been bound at once, say. Empty when it is not.
  const std::string& rejection() const { return rejection_; }
  const std::string& error() const { return error_; }

  // A node can be in several sets but the last.
  struct Outcome {
    NodeSet volume_elsewhere;  // a bound volume's node affinity is against it
    NodeSet volume_missing;    // a claim is bound to a volume that does not exist
    NodeSet nothing_to_bind;   // no volume matches, and none can be made
    NodeSet no_space;          // one could be made, but there is no room for it
    NodeSet fails;             // kube-scheduler itself fails
  };
  // Of these nodes. Cost: words of bitsets; where several claims can be met with existing volumes, a search for each
  // node where they can.
  Outcome Judge(const NodeSet& among);

  // What kube-scheduler assumes once it has placed the Pod on `node`, which takes it.
  void Assume(NodeIndex node, VolumeUsage& usage);

 private:
  // An unbound claim.
  struct Unbound {
    ClaimId claim;
    bool to_match = true;                      // false: being provisioned for its selected node
    std::vector<PersistentVolumeId> reserved;  // for it alone, and large enough; others are not looked at then
    std::vector<PersistentVolumeId> fitting;   // free ones that would do, smallest first
    // How one would be made.
    bool can_be_made = false;
    const NodeSet* where = nullptr;  // nullptr: anywhere
    bool space_counts = false;
    NodeSet with_space;

    bool may_match() const { return !reserved.empty() || !fitting.empty(); }
  };
  enum class Result : std::uint8_t { kMet, kNothingToBind, kNoSpace, kUnsettled };

  void Classify(const VolumeUse& use);
  void Reject(const VolumeUse& use);
  void FindVolumes(Unbound& unbound);
  void FindProvisioning(Unbound& unbound);
  bool Fits(const ClaimRecord& claim, const VolumeRecord& volume) const;
  bool FitsUnreserved(const ClaimRecord& claim, const VolumeRecord& volume) const;
  bool IsAssumedElsewhere(ClaimId claim, PersistentVolumeId volume) const;

  void JudgeBound(const NodeSet& among, Outcome& outcome) const;
  void JudgeUnbound(NodeSet among, Outcome& outcome);
  void KeepSelectedNodes(NodeSet& among, Outcome& outcome) const;
  NodeSet MatchedFor(const Unbound& unbound, const NodeSet& among) const;
  void JudgeProvisioning(NodeSet among, Outcome& outcome) const;
  const NodeSet* NodesOf(PersistentVolumeId volume) const;
  bool Reaches(PersistentVolumeId volume, NodeIndex node) const;

  // Tries all choices for the claims on one node; afterwards matches_ says which volume each has, if any.
  Result Search(NodeIndex node);
  Result SearchFrom(std::size_t next, NodeIndex node);
  std::vector<PersistentVolumeId> ChoicesFor(std::size_t at, NodeIndex node) const;
  bool IsTaken(std::size_t until, PersistentVolumeId volume) const;
  std::vector<bool> UsesLater(std::size_t after, PersistentVolumeId volume) const;
  Result Provision(NodeIndex node) const;

  const Question& question_;
  const Storage& storage_;
  const VolumeUsage& usage_;
  std::string rejection_, error_;
  std::vector<ClaimId> bound_;
  std::vector<Unbound> unbound_;  // being provisioned first, then those to match, smallest first
  std::vector<PersistentVolumeId> matches_;
  std::size_t left_to_try_ = 0, left_on_node_ = 0;  // choices after a first one that did not work
};

}  // namespace spillway::sim
