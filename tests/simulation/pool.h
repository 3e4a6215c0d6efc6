#pragma once

#include <cstdint>
#include <functional>

#include "tests/simulation/run.h"

namespace spillway::simulation {

struct Seeds {
  std::uint64_t first = 1, last = 1;
};

// Runs seeds in `jobs` child processes and hands over each result as it comes, in no order. A child that crashes, or
// computes for more than a minute at one seed, is a failure of that seed ("crash: ..."), and another child goes on.
// Stops early when `take` returns false. Call it before any thread is started.
void RunInPool(Seeds seeds, int jobs, const std::function<RunResult(std::uint64_t seed)>& run,
               const std::function<bool(RunResult)>& take);

}  // namespace spillway::simulation
