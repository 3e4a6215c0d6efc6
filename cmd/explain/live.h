#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/runtime.h"
#include "base/task.h"
#include "kube/transport.h"

// Asking the running controller: through the API server's service proxy, where any credential that may `get` the
// subresource services/proxy will do, or directly.
namespace spillway::cmd {

struct ServiceName {
  std::string ns, name, port;  // port: its name or number
};
// "spillway-system/spillway:metrics"
Result<ServiceName> ParseServiceName(std::string_view text);

struct LiveQuestion {
  ServiceName service;
  std::string url;  // not empty: asked directly, and `transport` goes there
  std::string ns, pod;
  bool all_nodes = false;
};

// HTTP to a controller that is not behind a Service: on this machine, or behind kubectl port-forward.
Result<std::unique_ptr<kube::Transport>> NewDirectTransport(Runtime& runtime, const std::string& url);

// The controller's JSON. Several replicas may answer: the leader, which alone knows what was decided, is asked for a
// few times. The error is one line for people: what, where, what to do.
Task<Result<std::string>> AskController(Runtime& runtime, kube::Transport& transport, LiveQuestion question);

}  // namespace spillway::cmd
