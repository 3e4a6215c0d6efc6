#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/task.h"
#include "cmd/audit/findings.h"
#include "kube/client.h"

namespace spillway::cmd {

// Gathers what an audit looks at: instances, then Nodes and Pods, then instances again. Only reads. `list` gives every
// instance of the cluster; nodes of the provider are those whose annotation spillway.io/provider says so, and those
// that instances name. The error names the permission that lacks.
using InstanceLister = std::function<Task<Result<std::vector<cloud::Instance>>>()>;
Task<Result<AuditFacts>> GatherFacts(kube::Client& client, InstanceLister list, std::string provider);

}  // namespace spillway::cmd
