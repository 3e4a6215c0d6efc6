#pragma once

namespace spillway::cloud {

// From now on whatever this process starts, directly or not, stays below it: what loses its parent becomes its child,
// whatever session and process group it has made for itself. False: the kernel has no such thing.
bool AdoptDescendants();

// Kills all that is below this process, which has called AdoptDescendants() and has one thread, and waits until it is
// gone. Async-signal-safe. Takes CONFIG_PROC_CHILDREN and a /proc; without them what is below stays.
void KillDescendants();

}  // namespace spillway::cloud
