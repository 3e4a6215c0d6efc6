#include "controller/webhook/certificates.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "base/base64.h"

namespace spillway::webhook {
namespace {

constexpr const char* kName = "spillway-webhook";
constexpr Duration kLongestHandover = std::chrono::minutes(10);

// No top-level domain ends in a digit.
bool IsAddress(const std::string& name) {
  return !name.empty() &&
         (name.find(':') != std::string::npos || std::isdigit(static_cast<unsigned char>(name.back())));
}

// Of the first certificate in it; none where there is no certificate.
net::Validity ValidityOf(const std::string& pem) { return net::ReadValidity(pem).value_or(net::Validity()); }

// A new one in front of those that are still good.
Status RenewCa(Certificates& certificates, const CertificateTerms& terms, WallTime now) {
  auto ca = net::NewCertificateAuthority(kName, now, terms.ca_lifetime);
  if (!ca) return Fail(std::move(ca.error()));
  std::string bundle = std::move(ca->cert_pem);
  for (const std::string& former : net::SplitCertificates(certificates.ca_pem)) {
    if (ValidityOf(former).not_after > now) bundle += former;
  }
  certificates.ca_pem = std::move(bundle);
  certificates.ca_key_pem = std::move(ca->key_pem);
  return {};
}

Status Issue(Certificates& certificates, const CertificateTerms& terms, WallTime now) {
  net::CertificateRequest request;
  request.common_name = kName;
  for (const std::string& name : terms.names) {
    (IsAddress(name) ? request.ip_addresses : request.dns_names).push_back(name);
  }
  request.server = true;
  request.not_before = now;
  request.lifetime = terms.lifetime;
  auto issued = net::IssueCertificate({certificates.ca_pem, certificates.ca_key_pem}, request);
  if (!issued) return Fail(std::move(issued.error()));
  certificates.serving = *std::move(issued);
  return net::CheckServing(certificates.serving, certificates.ca_pem, terms.names, now);
}

}  // namespace

Duration HandoverOf(const CertificateTerms& terms) { return std::min(kLongestHandover, terms.lifetime / 6); }

Result<std::optional<Certificates>> Renewed(const Certificates& current, const CertificateTerms& terms, WallTime now) {
  Certificates next = current;
  const bool ca_is_due = ValidityOf(current.ca_pem).not_after - now < terms.ca_lifetime / 3;
  if (ca_is_due) {
    if (Status made = RenewCa(next, terms, now); !made) return Fail(std::move(made.error()));
  }
  const bool is_good = net::CheckServing(next.serving, next.ca_pem, terms.names, now).has_value();
  const bool is_fresh = ValidityOf(next.serving.cert_pem).not_after - now >= terms.lifetime / 3;
  const WallTime ca_made = ValidityOf(next.ca_pem).not_before + net::kClockSkew;
  if (is_good && (is_fresh || now - ca_made < HandoverOf(terms))) {
    if (!ca_is_due) return std::nullopt;
    return next;
  }
  if (Issue(next, terms, now)) return next;
  // The CA is of no use, whatever its dates say.
  if (Status made = RenewCa(next, terms, now); !made) return Fail(std::move(made.error()));
  if (Status issued = Issue(next, terms, now); !issued) return Fail(std::move(issued.error()));
  return next;
}

kube::Json ToSecretData(const Certificates& certificates) {
  return {{"ca.crt", EncodeBase64(certificates.ca_pem)},
          {"ca.key", EncodeBase64(certificates.ca_key_pem)},
          {"tls.crt", EncodeBase64(certificates.serving.cert_pem)},
          {"tls.key", EncodeBase64(certificates.serving.key_pem)}};
}

Certificates FromSecret(const kube::Json& secret) {
  const auto read = [&](const char* key) { return DecodeBase64(kube::TextAt(secret, "data", key)).value_or(""); };
  return {read("ca.crt"), read("ca.key"), {read("tls.crt"), read("tls.key")}};
}

}  // namespace spillway::webhook
