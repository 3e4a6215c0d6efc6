#include "net/certificates.h"

#include <arpa/inet.h>
#include <fmt/core.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <array>
#include <ctime>
#include <memory>

#include "net/pem.h"

namespace spillway::net {
namespace {

using internal::Certificate;
using internal::Freed;
using internal::PrivateKey;
using internal::TakeOpenSslError;

struct Subject {
  const std::string& common_name;
  const std::vector<std::string>& organizations;
};

Error Failed(std::string_view what) {
  return Error{Code::kInternal, fmt::format("cannot make a certificate: {}: {}", what, TakeOpenSslError())};
}

bool SetSerial(X509* certificate) {
  std::array<unsigned char, 16> random;
  if (RAND_bytes(random.data(), random.size()) != 1) return false;
  random[0] &= 0x7f;  // a serial is positive
  random[0] |= 0x40;  // and not short
  const std::unique_ptr<BIGNUM, Freed<BN_free>> number(BN_bin2bn(random.data(), random.size(), nullptr));
  return number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate));
}

bool SetTime(ASN1_TIME* into, WallTime time) {
  return ASN1_TIME_set(into, std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count()) != nullptr;
}

bool AddName(X509_NAME* name, const char* kind, const std::string& value) {
  return X509_NAME_add_entry_by_txt(name, kind, MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(value.data()),
                                    static_cast<int>(value.size()), -1, 0) == 1;
}

bool SetSubject(X509* certificate, const Subject& subject) {
  X509_NAME* name = X509_get_subject_name(certificate);
  for (const std::string& organization : subject.organizations) {
    if (!AddName(name, "O", organization)) return false;
  }
  return AddName(name, "CN", subject.common_name);
}

bool AddExtension(X509* certificate, X509* issuer, int kind, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>> extension(
      X509V3_EXT_conf_nid(nullptr, &context, kind, value));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

// Built from objects rather than from OpenSSL's "DNS:a,IP:b" text, into which a name could smuggle another.
Status AddAlternativeNames(X509* certificate, const CertificateRequest& request) {
  const std::unique_ptr<GENERAL_NAMES, Freed<GENERAL_NAMES_free>> names(GENERAL_NAMES_new());
  const auto add = [&names](int kind, ASN1_STRING* value) {
    GENERAL_NAME* name = GENERAL_NAME_new();
    GENERAL_NAME_set0_value(name, kind, value);
    sk_GENERAL_NAME_push(names.get(), name);
  };
  for (const std::string& dns : request.dns_names) {
    ASN1_IA5STRING* text = ASN1_IA5STRING_new();
    ASN1_STRING_set(text, dns.data(), static_cast<int>(dns.size()));
    add(GEN_DNS, text);
  }
  for (const std::string& ip : request.ip_addresses) {
    std::array<unsigned char, 16> address;
    const bool v4 = inet_pton(AF_INET, ip.c_str(), address.data()) == 1;
    if (!v4 && inet_pton(AF_INET6, ip.c_str(), address.data()) != 1) {
      return Fail(Code::kInvalidArgument, fmt::format("\"{}\" is not an IP address", ip));
    }
    ASN1_OCTET_STRING* bytes = ASN1_OCTET_STRING_new();
    ASN1_OCTET_STRING_set(bytes, address.data(), v4 ? 4 : 16);
    add(GEN_IPADD, bytes);
  }
  if (sk_GENERAL_NAME_num(names.get()) == 0) return {};
  if (X509_add1_ext_i2d(certificate, NID_subject_alt_name, names.get(), 0, X509V3_ADD_DEFAULT) != 1) {
    return Fail(Failed("subject alternative names"));
  }
  return {};
}

std::string TextOf(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return std::string(data, static_cast<std::size_t>(size));
}

Result<CertificateAndKey> ToPem(const X509* certificate, const EVP_PKEY* key) {
  const internal::Bio cert_bio(BIO_new(BIO_s_mem()));
  const internal::Bio key_bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509(cert_bio.get(), certificate) != 1 ||
      PEM_write_bio_PKCS8PrivateKey(key_bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return Fail(Failed("writing PEM"));
  }
  return CertificateAndKey{TextOf(cert_bio.get()), TextOf(key_bio.get())};
}

// A certificate for a new key with all that CAs and leaves share; still unsigned.
Result<Certificate> Begin(EVP_PKEY* key, const Subject& subject, WallTime not_before, WallTime not_after) {
  Certificate certificate(X509_new());
  if (!certificate || X509_set_version(certificate.get(), X509_VERSION_3) != 1 || !SetSerial(certificate.get()) ||
      !SetTime(X509_getm_notBefore(certificate.get()), not_before - kClockSkew) ||
      !SetTime(X509_getm_notAfter(certificate.get()), not_after) || X509_set_pubkey(certificate.get(), key) != 1) {
    return Fail(Failed("basic fields"));
  }
  if (!SetSubject(certificate.get(), subject)) {
    return Fail(Code::kInvalidArgument,
                fmt::format("\"{}\" cannot be the name in a certificate: {}", subject.common_name, TakeOpenSslError()));
  }
  return certificate;
}

}  // namespace

Result<CertificateAndKey> NewCertificateAuthority(const std::string& common_name, WallTime now, Duration lifetime) {
  const PrivateKey key(EVP_EC_gen("P-256"));
  if (!key) return Fail(Failed("key"));
  const std::vector<std::string> no_organizations;
  const Subject subject{common_name, no_organizations};
  Result<Certificate> begun = Begin(key.get(), subject, now, now + lifetime);
  if (!begun) return Fail(std::move(begun.error()));
  X509* const ca = begun->get();
  if (X509_set_issuer_name(ca, X509_get_subject_name(ca)) != 1 ||
      !AddExtension(ca, ca, NID_basic_constraints, "critical,CA:TRUE") ||
      !AddExtension(ca, ca, NID_key_usage, "critical,keyCertSign,cRLSign,digitalSignature") ||
      !AddExtension(ca, ca, NID_subject_key_identifier, "hash") || X509_sign(ca, key.get(), EVP_sha256()) == 0) {
    return Fail(Failed("CA"));
  }
  return ToPem(ca, key.get());
}

Result<CertificateAndKey> IssueCertificate(const CertificateAndKey& authority, const CertificateRequest& request) {
  const Certificate ca = internal::FirstCertificate(authority.cert_pem);
  const PrivateKey ca_key = internal::FirstPrivateKey(authority.key_pem);
  if (!ca || !ca_key || X509_check_private_key(ca.get(), ca_key.get()) != 1) {
    TakeOpenSslError();
    return Fail(Code::kInvalidArgument, "the certificate authority's certificate and key are unusable or do not match");
  }
  const PrivateKey key(EVP_EC_gen("P-256"));
  if (!key) return Fail(Failed("key"));
  const Subject subject{request.common_name, request.organizations};
  Result<Certificate> begun = Begin(key.get(), subject, request.not_before, request.not_before + request.lifetime);
  if (!begun) return Fail(std::move(begun.error()));
  X509* const leaf = begun->get();
  Status named = AddAlternativeNames(leaf, request);
  if (!named) return Fail(std::move(named.error()));
  const char* usage = request.server && request.client ? "serverAuth,clientAuth"
                      : request.server                 ? "serverAuth"
                                                       : "clientAuth";
  if (X509_set_issuer_name(leaf, X509_get_subject_name(ca.get())) != 1 ||
      !AddExtension(leaf, ca.get(), NID_basic_constraints, "critical,CA:FALSE") ||
      !AddExtension(leaf, ca.get(), NID_key_usage, "critical,digitalSignature") ||
      !AddExtension(leaf, ca.get(), NID_ext_key_usage, usage) ||
      !AddExtension(leaf, ca.get(), NID_subject_key_identifier, "hash") ||
      !AddExtension(leaf, ca.get(), NID_authority_key_identifier, "keyid") ||
      X509_sign(leaf, ca_key.get(), EVP_sha256()) == 0) {
    return Fail(Failed("leaf"));
  }
  return ToPem(leaf, key.get());
}

Result<Validity> ReadValidity(const std::string& pem) {
  const Certificate certificate = internal::FirstCertificate(pem);
  if (!certificate) return Fail(Code::kMalformed, "no certificate in it");
  const auto read = [](const ASN1_TIME* time, WallTime& into) {
    std::tm parts{};
    if (ASN1_TIME_to_tm(time, &parts) != 1) return false;
    into = WallTime(std::chrono::seconds(::timegm(&parts)));
    return true;
  };
  Validity validity;
  const bool is_read = read(X509_get0_notBefore(certificate.get()), validity.not_before) &&
                       read(X509_get0_notAfter(certificate.get()), validity.not_after);
  if (!is_read) return Fail(Code::kMalformed, "its times cannot be read");
  return validity;
}

std::vector<std::string> SplitCertificates(const std::string& pem) {
  std::vector<std::string> each;
  const internal::Bio bio = internal::ReadBio(pem);
  while (const Certificate certificate{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)}) {
    const internal::Bio text(BIO_new(BIO_s_mem()));
    if (PEM_write_bio_X509(text.get(), certificate.get()) == 1) each.push_back(TextOf(text.get()));
  }
  (void)TakeOpenSslError();  // the end of the text
  return each;
}

Status CheckServing(const CertificateAndKey& shown, const std::string& ca_pem, const std::vector<std::string>& names,
                    WallTime now) {
  const auto refuse = [](std::string why) { return Fail(Code::kMalformed, std::move(why)); };
  const Certificate leaf = internal::FirstCertificate(shown.cert_pem);
  const PrivateKey key = internal::FirstPrivateKey(shown.key_pem);
  if (!leaf || !key) return refuse("certificate or key cannot be read");
  if (X509_check_private_key(leaf.get(), key.get()) != 1) {
    (void)TakeOpenSslError();
    return refuse("certificate and key do not belong together");
  }
  for (const std::string& name : names) {
    const bool is_good = X509_check_host(leaf.get(), name.data(), name.size(), 0, nullptr) == 1 ||
                         X509_check_ip_asc(leaf.get(), name.c_str(), 0) == 1;
    if (!is_good) return refuse(fmt::format("the certificate is not for {}", name));
  }
  const std::unique_ptr<X509_STORE, Freed<X509_STORE_free>> trusted(X509_STORE_new());
  const std::unique_ptr<X509_STORE_CTX, Freed<X509_STORE_CTX_free>> check(X509_STORE_CTX_new());
  const internal::Bio bio = internal::ReadBio(ca_pem);
  while (const Certificate ca{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)}) {
    X509_STORE_add_cert(trusted.get(), ca.get());
  }
  X509_STORE_CTX_init(check.get(), trusted.get(), leaf.get(), nullptr);
  X509_VERIFY_PARAM* terms = X509_STORE_CTX_get0_param(check.get());
  X509_VERIFY_PARAM_set_time(terms, std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count());
  X509_VERIFY_PARAM_set_purpose(terms, X509_PURPOSE_SSL_SERVER);
  const bool is_trusted = X509_verify_cert(check.get()) == 1;
  (void)TakeOpenSslError();
  if (is_trusted) return {};
  return refuse(X509_verify_cert_error_string(X509_STORE_CTX_get_error(check.get())));
}

}  // namespace spillway::net
