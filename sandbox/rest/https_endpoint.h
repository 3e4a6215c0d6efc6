#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "net/certificates.h"
#include "sandbox/rest/api_server.h"

namespace spillway::sandbox {

struct HttpsEndpointOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;  // 0: any free one
};

// Serves an ApiServer over HTTPS with a certificate authority of its own; clients show a certificate of that authority.
// Logs are fetched from the kubelets with the API server's own client certificate. Destroy it before the ApiServer.
class HttpsEndpoint {
 public:
  static Result<std::unique_ptr<HttpsEndpoint>> Start(Runtime& runtime, ApiServer& api, HttpsEndpointOptions options);
  ~HttpsEndpoint();

  std::uint16_t port() const;
  std::string url() const;  // "https://127.0.0.1:6443"
  const net::CertificateAndKey& authority() const;

  // A client certificate: CN=user, O=groups.
  Result<net::CertificateAndKey> IssueClient(const std::string& user, std::vector<std::string> groups);
  // A serving certificate, for a kubelet.
  Result<net::CertificateAndKey> IssueServer(const std::string& name, std::vector<std::string> ip_addresses);
  // A kubeconfig with inline certificates; cluster and context are called spillway-sandbox.
  Result<std::string> Kubeconfig(const std::string& user, std::vector<std::string> groups);
  // Writes an administrator's kubeconfig, mode 0600.
  Status WriteAdminKubeconfig(const std::string& path);

 private:
  HttpsEndpoint();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace spillway::sandbox
