#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "kube/json.h"
#include "net/certificates.h"

// The webhook's own CA and serving certificate: what a Secret keeps of them, and when each is made anew. Values only.
namespace spillway::webhook {

struct Certificates {
  std::string ca_pem;      // what clients trust: the newest CA first, then those before it until they have expired
  std::string ca_key_pem;  // of the newest
  net::CertificateAndKey serving;
};

struct CertificateTerms {
  std::vector<std::string> names;                      // DNS names and addresses that the webhook is called by
  Duration lifetime = std::chrono::hours(24);          // of the serving certificate
  Duration ca_lifetime = std::chrono::hours(24 * 90);  // at least four times the other
};

// So old must a CA be before it issues what is shown: everybody has been told of it by then.
Duration HandoverOf(const CertificateTerms& terms);

// What is to take the place of `current`, of which anything may lack or be garbage; nullopt: nothing is due. Each is
// renewed in the last third of its life. A certificate that is good is not given up for one that clients may not trust
// yet.
Result<std::optional<Certificates>> Renewed(const Certificates& current, const CertificateTerms& terms, WallTime now);

// The data of a Secret; what lacks there is empty.
kube::Json ToSecretData(const Certificates& certificates);
Certificates FromSecret(const kube::Json& secret);

}  // namespace spillway::webhook
