#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "base/runtime.h"
#include "cmd/flags/flags.h"
#include "kube/transport.h"

// How a subcommand finds the API server: --kubeconfig, --context.
namespace spillway::cmd {

inline constexpr FlagGroup kKubeconfigFlags = {"Cluster", "cmd/flags/kubeconfig_flags.cc"};

struct ApiServer {
  std::unique_ptr<kube::Transport> transport;
  std::string host;  // "10.0.0.1:6443": for logs and the host label of rest_client_requests_total
  std::string ns;    // of the context
};
// HTTPS with the credentials the flags name (precedence: kube/credentials.h). The error says which file and what to do.
Result<ApiServer> NewTransportFromFlags(Runtime& runtime);

}  // namespace spillway::cmd
