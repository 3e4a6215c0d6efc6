#pragma once

#include <string>
#include <vector>

#include "base/time.h"
#include "tests/simulation/world.h"

namespace spillway::simulation {

// What a run has come to, besides the state of the World.
struct Ending {
  bool settled = false;
  Duration settled_after{0};  // since the last load
};

// What does not hold, one line each; empty when everything does. Besides what the scenario expects, these hold in every
// run:
//
//   nothing-moved-that-fits      at each bind, on the store's true state
//   only-eligible-moved
//   never-bound-twice
//   one-instance-per-live-pod    and never two at a time
//   no-orphans                   no instance without its Pod
//   explained                    event, annotation and decision log name the same id
//   agreement                    no message of kube-scheduler is counted as different from the simulation's
//
// A scenario may expect:
//
//   settled within=90s           every workload as its owner wants it, so long after the last load at most
//   split local=K virtual=N [namespace=]   of the live Pods
//   spread 1                     live Pods per virtual node differ by no more
//   on node=NAME count=N         live Pods on that node
//   pending count=N
//   agreed count=N               at least so many messages of kube-scheduler were the simulation's own
//   event reason=OverflowNoCapacity [count=1]   at least so many Pods have one
//   no-event reason=...
//   dry-run-writes-nothing
std::vector<std::string> Check(const World& world, const Ending& ending);

}  // namespace spillway::simulation
