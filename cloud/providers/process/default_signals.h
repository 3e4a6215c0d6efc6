#pragma once

namespace spillway::cloud {

// Undoes what the process it was forked from has done to signals; what is blocked stays so. Async-signal-safe.
void DefaultSignals();

}  // namespace spillway::cloud
