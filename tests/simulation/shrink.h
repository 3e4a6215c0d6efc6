#pragma once

#include <cstdint>
#include <string>

#include "tests/simulation/run.h"

namespace spillway::simulation {

// The scenario of a seed that fails, without the lines that it fails without, those aside that say what the judge
// allows for: a file to keep as a story. "" when it does not fail.
std::string Shrunk(const Scenario& file, std::uint64_t seed, const RunOptions& options);

}  // namespace spillway::simulation
