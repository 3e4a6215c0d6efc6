#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kube/api/objects.h"

namespace spillway::sim::testing {

// Objects from a vocabulary so small that they keep getting into each other's way: few nodes, zones, labels, ports.
// Each is made of a list of numbers that property tests generate and shrink; a missing number is 0, and 0 means the
// plainest choice, so that a shrunk counterexample is a plain one.
using Genes = std::vector<std::uint8_t>;

kube::Node NodeFrom(int number, const Genes& genes);            // named n<number>
kube::Pod PodFrom(int number, const Genes& genes);              // named p<number>; may be on n0 to n5, known or not
kube::Namespace NamespaceFrom(int number, const Genes& genes);  // namespaces "default", "ns1", "ns2"

}  // namespace spillway::sim::testing
