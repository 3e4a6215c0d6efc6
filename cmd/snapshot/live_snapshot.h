#pragma once

#include "base/result.h"
#include "base/runtime.h"
#include "base/task.h"
#include "cmd/snapshot/snapshot.h"
#include "kube/client.h"

namespace spillway::cmd {

// Lists, page by page, everything of a live cluster that the simulation reads. Not one moment: each kind is as of its
// own list. The error says which permission is missing, or which object cannot be read.
Task<Status> ReadCluster(kube::Client& client, Snapshot& snapshot);

enum class VersionSource : std::uint8_t { kAsGiven, kAsTheApiServer };
// ReadCluster() with the credentials that --kubeconfig and --context name. An API server's version that cannot be
// simulated is told on the log, and the nearest one taken.
Result<Snapshot> SnapshotOfCluster(SnapshotOptions options, VersionSource version);

}  // namespace spillway::cmd
