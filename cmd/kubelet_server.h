#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "base/runtime.h"
#include "cloud/agent/agent.h"
#include "cmd/flags.h"
#include "net/http_server.h"

// The HTTPS server of an agent's kubelet API: --kubelet-port, --tls-cert-file, --tls-private-key-file,
// --client-ca-file.
namespace spillway::cmd {

inline constexpr FlagGroup kKubeletServerFlags = {"Kubelet API", "cmd/kubelet_server.cc"};

Status CheckKubeletServerFlags();
// Null, after one warning, without a client CA: nobody could be told from anybody then. Certificates are read again at
// each connection, so they may be rotated. Without a serving certificate one is made for `node_name` and `address`.
Result<std::unique_ptr<net::HttpServer>> ServeKubeletApi(Runtime& runtime, cloud::Agent& agent,
                                                         const std::string& node_name, const std::string& address);

}  // namespace spillway::cmd
