#pragma once

#include <cstdint>
#include <vector>

#include "scheduler_sim/model/node_set.h"

namespace spillway::sim {

// Adds to `found` the members of `among` whose entry in `column` is below `wanted`, and returns how many they are.
// Uses AVX2 where the CPU has it. Precondition: the column is as long as the set, rounded up to 64 (Usage::Resize).
std::int64_t CollectShort(const std::vector<std::int64_t>& column, std::int64_t wanted, const NodeSet& among,
                          NodeSet& found);

}  // namespace spillway::sim
