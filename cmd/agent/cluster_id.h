#pragma once

#include <string>

#include "base/result.h"
#include "base/task.h"
#include "cmd/flags/flags.h"
#include "kube/client.h"

// Which cluster instances belong to: --cluster-id.
namespace spillway::cmd {

inline constexpr FlagGroup kClusterIdFlags = {"Whose instances", "cmd/agent/cluster_id.cc"};

// The flag, or the UID of namespace kube-system. The error says what to grant.
Task<Result<std::string>> ReadClusterId(kube::Client& client);

}  // namespace spillway::cmd
