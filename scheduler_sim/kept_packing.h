#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "scheduler_sim/cluster.h"
#include "scheduler_sim/verdict.h"

namespace spillway::sim {

// The packing of everything that kube-scheduler has in its queue (Cluster::IsQueued), kept from round to round and
// carried on in slices, for a loop that must not be held up: the same verdicts as Pack() over all of it, but a round
// costs what changed. A class that fitted nowhere is looked at again on those nodes alone that something came free on.
//
//   packing.Begin();
//   while (!packing.Step(kBudget)) ...let others run...;
//   for (PodIndex pod : packing.changed()) decide(pod, *packing.VerdictOf(pod));
//   ...before each bind: packing.Confirm(pod)
//
// The cluster may change between any two calls. Within a round, verdicts may then be outdated: a Nowhere is to be
// confirmed before it is acted upon, and a Fits waits for the next round. When nothing changed since Begin(), the round
// is exactly Pack().
class KeptPacking {
 public:
  // `cluster` outlives this.
  KeptPacking(const Cluster& cluster, NodeDomain domain);
  ~KeptPacking();

  // Something changed since the last Begin().
  bool IsOutdated() const;
  // Begins a round; one that was under way is dropped.
  void Begin();
  // Carries the round on by about `budget` units of work, and by one Pod at least; true when it is complete, or none is
  // under way. A unit is a third of a nanosecond or so, what a node costs in a scan of columns: 15,000,000 are some 5
  // ms. What a slice takes at least at 100,000 nodes is in docs/benchmarks.md.
  bool Step(std::int64_t budget);

  // Of the last complete round: Pods whose verdict, or the kind of reasons for it, is another than in the round before,
  // in queue order. All were pending when Step() became true.
  const std::vector<PodIndex>& changed() const;
  // nullopt: no round got to this Pod yet. Reasons are counted when the class is first found to fit nowhere, and again
  // when a node that changed adds another reason; Confirm() counts them anew.
  std::optional<Verdict> VerdictOf(PodIndex pod) const;

  // What a packing of the newest cluster says of the Pod, before a Nowhere is acted upon; reasons are counted anew.
  // Kept short: nobody is packed when no node takes the Pod as things stand, and nobody more when those ahead have
  // taken the nodes that would. kUndecidable also when too many Pods ahead would have to be looked at: about 8 ms.
  Verdict Confirm(PodIndex pod);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace spillway::sim
