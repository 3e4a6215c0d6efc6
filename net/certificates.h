#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace spillway::net {

struct CertificateAndKey {
  std::string cert_pem, key_pem;
};

struct CertificateRequest {
  std::string common_name;
  std::vector<std::string> organizations;
  std::vector<std::string> dns_names, ip_addresses;
  bool server = false, client = false;
  WallTime not_before{};
  Duration lifetime = std::chrono::hours(24 * 365);
};

// ECDSA P-256. For the sandbox's own PKI and an agent that is given no serving certificate.
Result<CertificateAndKey> NewCertificateAuthority(const std::string& common_name, WallTime now);
Result<CertificateAndKey> IssueCertificate(const CertificateAndKey& authority, const CertificateRequest& request);

struct Validity {
  WallTime not_before{}, not_after{};
};
// Of the first certificate of `pem`.
Result<Validity> ReadValidity(const std::string& pem);

}  // namespace spillway::net
