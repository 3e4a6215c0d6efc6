#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "base/runtime.h"
#include "cmd/flags.h"
#include "kube/client.h"
#include "kube/transport.h"

// How a subcommand reaches the API server: --kubeconfig, --context, --kube-api-qps, --kube-api-burst.
namespace spillway::cmd {

inline constexpr FlagGroup kKubeFlags = {"Kubernetes API", "cmd/kube_flags.cc"};

// kInvalidArgument when the flags contradict each other; main() prints it with UsageError().
Status CheckKubeFlags();
double KubeApiQps();
int KubeApiBurst();
struct ApiServer {
  std::unique_ptr<kube::Transport> transport;
  std::string host;  // "10.0.0.1:6443": for logs and the host label of rest_client_requests_total
};
// HTTPS with the credentials the flags name (precedence: kube/credentials.h). The error says which file and what to do.
Result<ApiServer> NewTransportFromFlags(Runtime& runtime);

}  // namespace spillway::cmd
