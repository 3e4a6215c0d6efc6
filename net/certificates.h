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

// Certificates made here begin so long before they are asked to: one must be good on a machine whose clock is behind.
inline constexpr Duration kClockSkew = std::chrono::minutes(5);
inline constexpr Duration kAuthorityLifetime = std::chrono::hours(24 * 3650);

// ECDSA P-256. For the sandbox's own PKI, an agent that is given no serving certificate, and the webhook.
Result<CertificateAndKey> NewCertificateAuthority(const std::string& common_name, WallTime now,
                                                  Duration lifetime = kAuthorityLifetime);
Result<CertificateAndKey> IssueCertificate(const CertificateAndKey& authority, const CertificateRequest& request);

struct Validity {
  WallTime not_before{}, not_after{};
};
// Of the first certificate of `pem`.
Result<Validity> ReadValidity(const std::string& pem);
// Each certificate of `pem`, in order, as a PEM text of its own; what is none between them is left out.
std::vector<std::string> SplitCertificates(const std::string& pem);
// Whether a client that trusts only `ca_pem` takes a server that shows `shown` for each of `names`, DNS names and
// addresses, at `now`; and whether the server can show it. The error says why not.
Status CheckServing(const CertificateAndKey& shown, const std::string& ca_pem, const std::vector<std::string>& names,
                    WallTime now);

}  // namespace spillway::net
