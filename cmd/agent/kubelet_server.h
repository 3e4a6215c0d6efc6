#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/runtime.h"
#include "base/scope.h"
#include "base/time.h"
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
// the node's name and address, and made anew in time. One that expires soon (the last tenth of its life), has expired
// or cannot be read is told by an event on the Node, once a day as long as it is so.
class KubeletServer {
 public:
  // All of it outlives the server; `observer` may be null.
  KubeletServer(Runtime& runtime, kube::Transport& transport, cloud::Agent& agent, kube::ClientObserver* observer);

  // An error: the flags are of no use.
  Status Start();
  // When the serving certificate expires; the epoch: not known.
  WallTime expires_at() const { return expires_at_; }

 private:
  using CaPem = std::shared_ptr<const std::string>;
  using Own = std::shared_ptr<const net::CertificateAndKey>;

  Status MakeOwn();
  // Of --tls-cert-file, or of the one that was made.
  Result<std::string> ServingCertificate() const;
  Task<void> KeepCertificate();
  Status CheckCertificate();
  Task<void> KeepClusterCa();
  Task<Result<std::string>> ClusterCa();
  // That it cannot be served, each reason once.
  void TellOff(const std::string& why);
  Status Serve();
  // On any thread.
  Result<net::HttpServerOptions::Tls> Material() const;

  Runtime& runtime_;
  cloud::Agent& agent_;
  kube::RateLimiter limiter_;
  kube::Client client_;
  cloud::KubeletAccess access_;
  std::atomic<Own> own_;           // null: --tls-cert-file
  std::atomic<CaPem> cluster_ca_;  // null: --client-ca-file, or not known yet
  WallTime expires_at_{};
  std::string told_;  // the last trouble with the certificate
  WallTime told_at_{};
  std::string off_why_;
  std::unique_ptr<net::HttpServer> server_;
  TaskScope flows_;
};

}  // namespace spillway::cmd
