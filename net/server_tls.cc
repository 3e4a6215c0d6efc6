#include "net/server_tls.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/log.h"
#include "net/pem.h"

namespace spillway::net::internal {
namespace {

int ChooseHttp11(SSL* /*ssl*/, const unsigned char** chosen, unsigned char* chosen_size, const unsigned char* offered,
                 unsigned offered_size, void* /*arg*/) {
  static constexpr unsigned char kOurs[] = "\x08http/1.1";
  unsigned char* match = nullptr;
  const int found = SSL_select_next_proto(&match, chosen_size, kOurs, sizeof(kOurs) - 1, offered, offered_size);
  *chosen = match;
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

// Tells clients which issuers we accept, so that one with several certificates shows the right one.
void NameAcceptedIssuers(SSL_CTX* context, std::string_view ca_pem) {
  const Bio bio = ReadBio(ca_pem);
  STACK_OF(X509_NAME)* names = sk_X509_NAME_new_null();
  STACK_OF(X509_INFO)* entries = PEM_X509_INFO_read_bio(bio.get(), nullptr, nullptr, nullptr);
  for (int i = 0; i < sk_X509_INFO_num(entries); ++i) {
    const X509* ca = sk_X509_INFO_value(entries, i)->x509;
    if (ca) sk_X509_NAME_push(names, X509_NAME_dup(X509_get_subject_name(ca)));
  }
  sk_X509_INFO_pop_free(entries, X509_INFO_free);
  SSL_CTX_set_client_CA_list(context, names);  // owns it
}

Result<std::shared_ptr<SSL_CTX>> Make(const HttpServerOptions::Tls& material) {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  if (!context) return Fail(Code::kInternal, "cannot set up TLS: " + TakeOpenSslError());
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  // No resumption: each connection is authenticated against the certificates of its own time.
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context.get(), 0);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_alpn_select_cb(context.get(), ChooseHttp11, nullptr);

  Status shown = ShowCertificate(context.get(), material.cert_pem, material.key_pem, "the serving certificate");
  if (!shown) return Fail(std::move(shown.error()));
  if (material.client_ca_pem.empty()) {
    if (material.require_client_cert) return Fail(Code::kInvalidArgument, "client certificates required without a CA");
    return context;
  }
  Status trusted = TrustOnly(context.get(), material.client_ca_pem, "the CA of client certificates");
  if (!trusted) return Fail(std::move(trusted.error()));
  NameAcceptedIssuers(context.get(), material.client_ca_pem);
  const int required = material.require_client_cert ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | required, nullptr);
  return context;
}

bool Same(const HttpServerOptions::Tls& a, const HttpServerOptions::Tls& b) {
  return a.cert_pem == b.cert_pem && a.key_pem == b.key_pem && a.client_ca_pem == b.client_ca_pem &&
         a.require_client_cert == b.require_client_cert;
}

std::string Text(const X509_NAME_ENTRY* entry) {
  unsigned char* utf8 = nullptr;
  const int size = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(entry));
  if (size < 0) return {};
  std::string text(reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(size));
  OPENSSL_free(utf8);
  return text;
}

}  // namespace

Result<std::shared_ptr<ssl_ctx_st>> ServerTlsContexts::Current() {
  Result<HttpServerOptions::Tls> material = source_();
  const std::lock_guard lock(mutex_);
  if (!material) return Former(std::move(material.error()));
  if (made_ && Same(*material, made_from_)) {
    trouble_.clear();
    return made_;
  }
  Result<std::shared_ptr<SSL_CTX>> context = Make(*material);
  if (!context) return Former(std::move(context.error()));
  trouble_.clear();
  made_from_ = std::move(*material);
  made_ = std::move(*context);
  return made_;
}

// Who rotates a certificate writes two files, one after the other.
Result<std::shared_ptr<ssl_ctx_st>> ServerTlsContexts::Former(Error error) {
  if (trouble_ != error.message) {
    log::Error(made_ ? "the serving certificate cannot be used; the one before it goes on being shown"
                     : "no TLS connections: no usable serving certificate",
               {{"error", error.message}});
    trouble_ = error.message;
  }
  if (made_) return made_;
  return Fail(std::move(error));
}

PeerName VerifiedPeer(const ssl_st* connection) {
  PeerName peer;
  const X509* certificate = SSL_get0_peer_certificate(connection);
  if (!certificate || SSL_get_verify_result(connection) != X509_V_OK) return peer;
  const X509_NAME* subject = X509_get_subject_name(certificate);
  for (int i = 0; i < X509_NAME_entry_count(subject); ++i) {
    const X509_NAME_ENTRY* entry = X509_NAME_get_entry(subject, i);
    const int kind = OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry));
    if (kind == NID_commonName) peer.common_name = Text(entry);
    if (kind == NID_organizationName) peer.organizations.push_back(Text(entry));
  }
  return peer;
}

}  // namespace spillway::net::internal
