#include "net/client_tls.h"

#include <arpa/inet.h>
#include <fmt/core.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <utility>

#include "net/pem.h"

namespace spillway::net::internal {
namespace {

// Hangs on the SSL_CTX, which lives as long as the connection.
struct Watch {
  std::string server_name;
  bool own_ca;
  std::shared_ptr<TlsDiary> diary;
};

void FreeWatch(void* /*parent*/, void* watch, CRYPTO_EX_DATA* /*data*/, int /*index*/, long /*l*/, void* /*p*/) {
  delete static_cast<Watch*>(watch);
}

int WatchIndex() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, FreeWatch);
  return index;
}

std::string WhyUntrusted(int error, const Watch& watch) {
  switch (error) {
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return watch.own_ca ? "its certificate is not signed by the given CA"
                          : "its certificate is not signed by a CA of this machine's trust store; give its CA";
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
    case X509_V_OK:  // the HTTP library's own host name check
      return fmt::format("its certificate is not for \"{}\"", watch.server_name);
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "its certificate, or its CA's, has expired";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "its certificate is not valid yet; check both clocks";
    default:
      return fmt::format("its certificate was refused: {}", X509_verify_cert_error_string(error));
  }
}

int VerifyChain(X509_STORE_CTX* chain, void* arg) {
  const Watch& watch = *static_cast<Watch*>(arg);
  X509_VERIFY_PARAM* rules = X509_STORE_CTX_get0_param(chain);
  if (X509_VERIFY_PARAM_set1_ip_asc(rules, watch.server_name.c_str()) != 1) {
    X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    X509_VERIFY_PARAM_set1_host(rules, watch.server_name.c_str(), watch.server_name.size());
  }
  const int good = X509_verify_cert(chain);
  if (good != 1) watch.diary->Note(WhyUntrusted(X509_STORE_CTX_get_error(chain), watch));
  return good;
}

void OnAlert(const SSL* connection, int where, int value) {
  if ((where & SSL_CB_ALERT) == 0 || (where & SSL_CB_READ) == 0) return;
  const auto* watch = static_cast<const Watch*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(connection), WatchIndex()));
  switch (value & 0xff) {
    case SSL_AD_CLOSE_NOTIFY:
      return;
    case SSL_AD_CERTIFICATE_REQUIRED:
      return watch->diary->Note("it requires a client certificate and was shown none");
    case SSL_AD_UNKNOWN_CA:
      return watch->diary->Note("it does not know the CA of our client certificate");
    case SSL_AD_CERTIFICATE_EXPIRED:
      return watch->diary->Note("our client certificate has expired");
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_ACCESS_DENIED:
      return watch->diary->Note(
          fmt::format("it refused our client certificate ({})", SSL_alert_desc_string_long(value)));
    default:
      return watch->diary->Note(fmt::format("it ended TLS with \"{}\"", SSL_alert_desc_string_long(value)));
  }
}

}  // namespace

void TlsDiary::Note(std::string reason) {
  const std::lock_guard lock(mutex_);
  reason_ = std::move(reason);
}

void TlsDiary::Clear() {
  const std::lock_guard lock(mutex_);
  reason_.clear();
}

std::string TlsDiary::reason() const {
  const std::lock_guard lock(mutex_);
  return reason_;
}

Status SetUpClientTls(ssl_ctx_st* context, const TlsMaterial& material, const std::string& server_name,
                      std::shared_ptr<TlsDiary> diary) {
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  const bool own_ca = !material.ca_pem.empty();
  if (own_ca) {
    Status trusted = TrustOnly(context, material.ca_pem, "the CA of the server");
    if (!trusted) return trusted;
  } else {
    SSL_CTX_set_default_verify_paths(context);
  }
  if (!material.client_cert_pem.empty()) {
    Status shown =
        ShowCertificate(context, material.client_cert_pem, material.client_key_pem, "the client certificate");
    if (!shown) return shown;
  }
  auto* watch = new Watch{server_name, own_ca, std::move(diary)};
  SSL_CTX_set_ex_data(context, WatchIndex(), watch);  // FreeWatch
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_cert_verify_callback(context, VerifyChain, watch);
  SSL_CTX_set_info_callback(context, OnAlert);
  return {};
}

}  // namespace spillway::net::internal

// Stands in front of OpenSSL's function of this name, for all of the process, and does the same with a memory.
// cpprestsdk calls it for each new connection, and reading the system's trust store anew takes 17 to 20 ms of CPU with
// Debian's 140 certificates (docs/design/004-http-client.md). The store is shared: whoever wants other CAs replaces it.
extern "C" int SSL_CTX_set_default_verify_paths(SSL_CTX* context) {
  static X509_STORE* const system_store = [] {
    X509_STORE* store = X509_STORE_new();
    if (store) X509_STORE_set_default_paths(store);
    return store;
  }();
  if (!system_store) return 0;
  SSL_CTX_set1_cert_store(context, system_store);
  return 1;
}
