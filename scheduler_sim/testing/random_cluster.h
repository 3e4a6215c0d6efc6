#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "kube/api/objects.h"
#include "kube/api/workloads.h"
#include "scheduler_sim/scheduler_config.h"
#include "scheduler_sim/selecting_kind.h"

namespace spillway::sim::testing {

// Objects from a vocabulary so small that they keep getting into each other's way: few nodes, zones, labels, ports.
// Each is made of a list of numbers that property tests generate and shrink; a missing number is 0, and 0 means the
// plainest choice, so that a shrunk counterexample is a plain one.
using Genes = std::vector<std::uint8_t>;

kube::Node NodeFrom(int number, const Genes& genes);            // named n<number>
kube::Pod PodFrom(int number, const Genes& genes);              // named p<number>; may be on n0 to n5, known or not
kube::Namespace NamespaceFrom(int number, const Genes& genes);  // namespaces "default", "ns1", "ns2"

// Profiles "default-scheduler" and, mostly, "other".
SchedulerConfig SchedulerFrom(const Genes& genes);
// A Service or a ReplicaSet, named after an app, in one of the namespaces; numbers 0 to 17 are different objects.
std::pair<SelectingKind, kube::SelectingObject> SelectingFrom(int number, const Genes& genes);

}  // namespace spillway::sim::testing
