#pragma once

#include "base/result.h"
#include "base/task.h"
#include "base/time.h"
#include "kube/client.h"

// `spillway gates lift`: for when nothing else of Spillway lives. Needs list and patch of Pods, and nothing else.
namespace spillway::cmd {

// Lifts plainly the gates of Pods as old as that, and waits for those of younger ones that are there by now: whoever
// else is alive has lifted those until then. So a run that finds nothing ends at once, and the longest takes a little
// longer than `older_than`. The error says what could not be lifted.
Task<Status> LiftGates(kube::Client& client, Duration older_than);

}  // namespace spillway::cmd
