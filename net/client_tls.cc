#include "net/client_tls.h"

#include <fmt/core.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <utility>

#include "net/pem.h"

namespace spillway::net::internal {
namespace {

std::string WhyRefused(long verify_result, const std::string& server_name, bool own_ca) {
  switch (verify_result) {
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return own_ca ? "its certificate is not signed by the given CA"
                    : "its certificate is not signed by a CA of this machine's trust store; give its CA";
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return fmt::format("its certificate is not for \"{}\"", server_name);
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "its certificate, or its CA's, has expired";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "its certificate is not valid yet; check both clocks";
    default:
      return fmt::format("its certificate was refused: {}", X509_verify_cert_error_string(verify_result));
  }
}

std::string WhyAlerted(int alert) {
  switch (alert) {
    case SSL_AD_CERTIFICATE_REQUIRED:
      return "it requires a client certificate and was shown none";
    case SSL_AD_UNKNOWN_CA:
      return "it does not know the CA of our client certificate";
    case SSL_AD_CERTIFICATE_EXPIRED:
      return "our client certificate has expired";
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_ACCESS_DENIED:
      return fmt::format("it refused our client certificate ({})", SSL_alert_desc_string_long(alert));
    default:
      return fmt::format("it ended TLS with \"{}\"", SSL_alert_desc_string_long(alert));
  }
}

bool Same(const TlsMaterial& a, const TlsMaterial& b) {
  return a.ca_pem == b.ca_pem && a.client_cert_pem == b.client_cert_pem && a.client_key_pem == b.client_key_pem;
}

}  // namespace

Status SetUpClientTls(ssl_ctx_st* context, const TlsMaterial& material) {
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  if (material.ca_pem.empty()) {
    SSL_CTX_set_default_verify_paths(context);
  } else if (Status trusted = TrustOnly(context, material.ca_pem, "the CA of the server"); !trusted) {
    return trusted;
  }
  if (material.client_cert_pem.empty()) return {};
  return ShowCertificate(context, material.client_cert_pem, material.client_key_pem, "the client certificate");
}

Result<ClientTlsContext> ClientTlsContexts::Current() {
  Result<TlsMaterial> material = source_ ? source_() : TlsMaterial();
  if (!material) return Fail(std::move(material.error()));
  const std::lock_guard lock(mutex_);
  if (made_.context && Same(*material, made_from_)) return made_;
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  if (!context) return Fail(Code::kInternal, "cannot set up TLS: " + TakeOpenSslError());
  if (Status ready = SetUpClientTls(context.get(), *material); !ready) return Fail(std::move(ready.error()));
  made_ = {std::move(context), !material->ca_pem.empty()};
  made_from_ = std::move(*material);
  return made_;
}

void ExpectServer(ssl_st* connection, const std::string& server_name) {
  X509_VERIFY_PARAM* rules = SSL_get0_param(connection);
  if (X509_VERIFY_PARAM_set1_ip_asc(rules, server_name.c_str()) == 1) return;  // SNI is for names only
  ERR_clear_error();
  X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  X509_VERIFY_PARAM_set1_host(rules, server_name.c_str(), server_name.size());
  SSL_set_tlsext_host_name(connection, server_name.c_str());
}

std::string WhyNotTrusted(const ssl_st* connection, unsigned long openssl_error, const std::string& server_name,
                          bool own_ca) {
  const long verified = SSL_get_verify_result(connection);
  if (verified != X509_V_OK) return WhyRefused(verified, server_name, own_ca);
  if (openssl_error == 0 || ERR_GET_LIB(openssl_error) != ERR_LIB_SSL) return {};
  const int alert = ERR_GET_REASON(openssl_error) - SSL_AD_REASON_OFFSET;
  return alert >= 0 && alert < 256 ? WhyAlerted(alert) : std::string();
}

}  // namespace spillway::net::internal
