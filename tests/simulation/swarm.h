#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace spillway::simulation {

// A scenario file that a seed draws: the shape of the cluster, its workloads, and a random subset of all faults with
// random rates. A seed that fails can be kept as a story of its own: `simulate FILE --seed=N --print`.
std::string DrawSwarm(std::uint64_t seed);

// Kinds of fault, as World::FaultsFired() names them, each of which must have an effect in a fair share of the seeds.
const std::vector<std::string>& SwarmFaults();

}  // namespace spillway::simulation
