#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/runtime.h"
#include "base/scope.h"
#include "cloud/agent/agent.h"
#include "cloud/kubelet_api/access.h"
#include "cmd/flags/flags.h"
#include "kube/client.h"
#include "net/certificates.h"
#include "net/http_server.h"

// The HTTPS server of an agent's kubelet API: --kubelet-port, --tls-cert-file, --tls-private-key-file,
// --client-ca-file, --anonymous-auth.
namespace spillway::cmd {

inline constexpr FlagGroup kKubeletServerFlags = {"Kubelet API", "cmd/agent/kubelet_server.cc"};

Status CheckKubeletServerFlags();

// Serves as soon as the CA of clients is known: from --client-ca-file at once, else from the ConfigMap kube-system/
// extension-apiserver-authentication, asked for each minute; until then the API stays off, which is said once.
// Certificates are read again at each connection, so they may be rotated. Without a serving certificate one is made for
// the node's name and address.
class KubeletServer {
 public:
  // All of it outlives the server; `observer` may be null.
  KubeletServer(Runtime& runtime, kube::Transport& transport, cloud::Agent& agent, kube::ClientObserver* observer);

  // An error: the flags are of no use.
  Status Start();

 private:
  using CaPem = std::shared_ptr<const std::string>;

  Task<void> KeepClusterCa();
  Task<Result<std::string>> ClusterCa();
  Status Serve();
  // On any thread.
  Result<net::HttpServerOptions::Tls> Material() const;

  Runtime& runtime_;
  cloud::Agent& agent_;
  kube::RateLimiter limiter_;
  kube::Client client_;
  cloud::KubeletAccess access_;
  net::CertificateAndKey own_;     // empty: --tls-cert-file
  std::atomic<CaPem> cluster_ca_;  // null: --client-ca-file, or not known yet
  std::unique_ptr<net::HttpServer> server_;
  TaskScope flows_;
};

}  // namespace spillway::cmd
