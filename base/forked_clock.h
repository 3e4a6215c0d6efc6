#pragma once

#include <cstdint>

namespace spillway::base {

// Nanoseconds since the Unix epoch, for the one kind of code that has no Runtime: a forked child that has not become
// another program, where only async-signal-safe calls are allowed. Everything else asks its Runtime.
std::int64_t WallNanosInForkedChild();

}  // namespace spillway::base
