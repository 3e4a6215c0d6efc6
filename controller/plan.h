#pragma once

#include <string>
#include <vector>

#include "controller/decision.h"
#include "controller/pending_pod.h"
#include "controller/policy/node_returns.h"
#include "controller/policy/policy.h"
#include "scheduler_sim/cluster.h"

namespace spillway::controller {

// One round over everything at once, as Overflow makes it in slices: for commands that ask what it would do.
struct Plan {
  struct Entry {
    std::string uid;
    sim::Verdict verdict;  // of the packing; undecidable for a Pod that took no part in it
    Decision decision;     // kOverflow: with the virtual node that it would go to
  };
  std::vector<Entry> entries;  // in kube-scheduler's queue order, then those that took no part
};

// Pure: same input, same plan. Precondition: `pending` knows its places in `cluster` (PendingPod::index).
Plan MakePlan(const sim::Cluster& cluster, const PendingPods& pending, const Policy& policy, const Surroundings& around,
              const NodeReturns& returns, Instant now);

}  // namespace spillway::controller
