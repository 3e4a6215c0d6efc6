#pragma once

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "base/runtime.h"
#include "net/certificates.h"
#include "net/http_client.h"
#include "net/http_server.h"

namespace spillway::net::testing {

// A certificate authority and certificates from it, for wire tests. Throws when a certificate cannot be made.
class TestPki {
 public:
  explicit TestPki(Runtime& runtime, const std::string& name = "test-ca") : now_(runtime.WallNow()) {
    ca_ = Must(NewCertificateAuthority(name, now_));
  }

  const std::string& ca_pem() const { return ca_.cert_pem; }
  const CertificateAndKey& authority() const { return ca_; }

  CertificateAndKey Server(std::vector<std::string> dns_names = {"localhost"},
                           std::vector<std::string> ip_addresses = {"127.0.0.1", "::1"}) const {
    CertificateRequest request;
    request.common_name = "server";
    request.dns_names = std::move(dns_names);
    request.ip_addresses = std::move(ip_addresses);
    request.server = true;
    request.not_before = now_;
    return Must(IssueCertificate(ca_, request));
  }

  CertificateAndKey Client(const std::string& common_name, std::vector<std::string> organizations = {}) const {
    CertificateRequest request;
    request.common_name = common_name;
    request.organizations = std::move(organizations);
    request.client = true;
    request.not_before = now_;
    return Must(IssueCertificate(ca_, request));
  }

  // What a server and a client are configured with, unchanging.
  auto ServerTls(const CertificateAndKey& shown, bool require_client_cert) const {
    HttpServerOptions::Tls tls{shown.cert_pem, shown.key_pem, ca_pem(), require_client_cert};
    return [tls]() -> Result<HttpServerOptions::Tls> { return tls; };
  }
  auto ClientTls(const CertificateAndKey& shown = {}) const {
    TlsMaterial tls{ca_pem(), shown.cert_pem, shown.key_pem};
    return [tls]() -> Result<TlsMaterial> { return tls; };
  }

 private:
  static CertificateAndKey Must(Result<CertificateAndKey> made) {
    if (!made) throw std::runtime_error(made.error().message);
    return std::move(*made);
  }

  WallTime now_;
  CertificateAndKey ca_;
};

}  // namespace spillway::net::testing
