#pragma once

#include <vector>

#include "scheduler_sim/filter.h"

namespace spillway::sim {

// Capacity that is gone. A node is lost to a Pod if it is out (not ready, cordoned, under pressure: see Outages()) and
// but for that would take the Pod, or refuse it for resources alone. A node that the Pod's own constraints exclude is
// none of its losses, whatever state it is in.
//
// Of `among`, to Pods of the question's class. Cost: once per class, as for a verdict, on the nodes that are out only.
NodeSet LostNodes(const Question& question, const NodeSet& among);

// What they are, the gravest first: "3 not ready", "1 cordoned". A node counts once, for the gravest outage that the
// Pod does not tolerate.
std::vector<ReasonCount> OutagesOf(const Question& question, const NodeSet& lost);

}  // namespace spillway::sim
