#pragma once

#include "base/result.h"
#include "base/runtime.h"
#include "base/task.h"
#include "cmd/snapshot.h"
#include "kube/client.h"

namespace spillway::cmd {

// The minor version of the API server: what --kube-scheduler-version=auto means.
Task<Result<int>> AskVersion(kube::Client& client);

// Lists, page by page, everything of a live cluster that the simulation reads. Not one moment: each kind is as of its
// own list. The error says which permission is missing, or which object cannot be read.
Task<Status> ReadCluster(kube::Client& client, Snapshot& snapshot);

enum class SchedulerVersion : std::uint8_t { kAsGiven, kAsTheApiServer };
// Both, with the credentials that --kubeconfig and --context name.
Result<Snapshot> SnapshotOfCluster(SnapshotOptions options, SchedulerVersion version);

}  // namespace spillway::cmd
