#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "scheduler_sim/model/node_set.h"

namespace spillway::sim {

// One way to do it: `found` becomes found | (among & column < wanted), 64 entries of `column` a word; returns how many
// members of `among` are below.
struct ColumnScan {
  const char* name;
  std::int64_t (*run)(const std::int64_t* column, std::int64_t wanted, const std::uint64_t* among, std::uint64_t* found,
                      std::size_t words);
};
// Those that this CPU can run, best first. All give the same.
std::vector<ColumnScan> ColumnScans();

// Adds to `found` the members of `among` whose entry in `column` is below `wanted`, and returns how many they are.
// Uses the first of ColumnScans(). Precondition: the column is as long as the set, rounded up to 64 (Usage::Resize).
std::int64_t CollectShort(const std::vector<std::int64_t>& column, std::int64_t wanted, const NodeSet& among,
                          NodeSet& found);

}  // namespace spillway::sim
