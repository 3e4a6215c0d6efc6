#pragma once

#include <span>

#include "controller/decision.h"
#include "controller/pending_pod.h"
#include "controller/policy/policy.h"
#include "controller/policy/surroundings.h"
#include "scheduler_sim/cluster.h"

namespace spillway::controller {

// A Pod whose decision waits for its group (Wait::kGroup).
struct GroupMember {
  const PendingPod* pod = nullptr;
  Decision* decision = nullptr;
};

// Of all that wait so: lets the groups go that are complete and for all of whose members there is room now, within the
// caps; of the others it says what they wait for. Pure.
void ReleaseGroups(const sim::Cluster& cluster, std::span<const GroupMember> waiting, const Policy& policy,
                   const Surroundings& around);

}  // namespace spillway::controller
