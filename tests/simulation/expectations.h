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
//   nothing-moved-that-fits      at each bind, on the store's true state and back to what the controller could know
//   nothing-left-behind          no eligible Pod that fits nowhere waits for 90 s without faults
//   moved-soon                   nor for more than 5 s and the controller's grace until its first bind is sent, where a
//                                leader is undisturbed and watches do not lag (promptness.h)
//   shared-out-evenly            no Pod goes to a virtual node with clearly more in use than another that would take it
//   no-bind-after-the-deadline   none is sent by who has not renewed its lease, by its own monotonic clock
//   one-leader                   nor while another process holds the lease
//   one-bind-at-a-time           nor of one Pod before the last one was answered
//   bound-as-it-was-judged       every bind demands the uid and version of the Pod that was judged
//   hand-over                    a leader that is told to end, and not hindered, gives its lease back within 3 s
//   only-eligible-moved
//   never-bound-twice
//   one-instance-per-live-pod, no-orphans, status-is-instance, pods-go, registered      in the end: end_state.h
//   ended-is-ended, lost-is-lost, instance-goes-first, the-living-stay, one-token-a-generation, address-stays
//                                what agents do: hosting.h
//   node-comes-back              a virtual node's, registration.h
//   explained                    event, annotation and decision log name the same id, reason and node; the event is
//                                there if the process lived on undisturbed for 10 s, and the Pod too, should the answer
//                                to its bind have got lost
//   agreement                    no message of kube-scheduler is counted as different from the simulation's; where
//                                watches lag: unless something has changed within the longest lag
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
