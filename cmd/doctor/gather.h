#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/task.h"
#include "cmd/doctor/facts.h"
#include "cmd/explain/live.h"
#include "kube/client.h"

// Reading what the checks look at. Only reads, and asks what others may do.
namespace spillway::cmd::doctor {

struct GatherOptions {
  std::string ns;                                 // of the release; empty: found
  std::string controller_account, agent_account;  // ServiceAccounts; empty: found
  std::optional<ServiceName> service;             // of the controller; none: found
  kube::Transport* direct = nullptr;              // the controller itself; null: through its Service
  // Whether anything answers there. Only the first part of `url` counts: scheme, host and port.
  std::function<Task<Status>(std::string url)> dial;
  Duration second_look =
      std::chrono::seconds(12);  // at Leases that seem late: renewed every 10 s, the leader's every 2
};

// Facts say themselves what could not be read; the error is that of an API server that does not answer at all.
Task<Result<Facts>> Gather(kube::Client& client, GatherOptions options);

}  // namespace spillway::cmd::doctor
