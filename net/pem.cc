#include "net/pem.h"

#include <fmt/core.h>
#include <openssl/err.h>
#include <openssl/pem.h>

namespace spillway::net::internal {
namespace {

int NoPassword(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*user*/) { return -1; }

}  // namespace

Bio ReadBio(std::string_view pem) { return Bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))); }

Certificate FirstCertificate(std::string_view pem) {
  const Bio bio = ReadBio(pem);
  return Certificate(PEM_read_bio_X509(bio.get(), nullptr, NoPassword, nullptr));
}

PrivateKey FirstPrivateKey(std::string_view pem) {
  const Bio bio = ReadBio(pem);
  return PrivateKey(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassword, nullptr));
}

std::string TakeOpenSslError() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = code ? ERR_reason_error_string(code) : nullptr;
  return reason ? reason : "unknown TLS library error";
}

Status TrustOnly(SSL_CTX* context, std::string_view ca_pem, std::string_view what) {
  X509_STORE* store = X509_STORE_new();
  SSL_CTX_set_cert_store(context, store);  // replaces, and owns it
  const Bio bio = ReadBio(ca_pem);
  int added = 0;
  while (const Certificate ca{PEM_read_bio_X509(bio.get(), nullptr, NoPassword, nullptr)}) {
    if (X509_STORE_add_cert(store, ca.get()) != 1) {
      return Fail(Code::kMalformed, fmt::format("{}: cannot use a CA certificate: {}", what, TakeOpenSslError()));
    }
    ++added;
  }
  ERR_clear_error();  // the end of the text
  if (added == 0) return Fail(Code::kMalformed, fmt::format("{} holds no PEM certificate", what));
  return {};
}

Status ShowCertificate(SSL_CTX* context, std::string_view cert_pem, std::string_view key_pem, std::string_view what) {
  const Bio bio = ReadBio(cert_pem);
  const Certificate leaf(PEM_read_bio_X509(bio.get(), nullptr, NoPassword, nullptr));
  if (!leaf) return Fail(Code::kMalformed, fmt::format("{} holds no PEM certificate", what));
  if (SSL_CTX_use_certificate(context, leaf.get()) != 1) {
    return Fail(Code::kMalformed, fmt::format("{} cannot be used: {}", what, TakeOpenSslError()));
  }
  while (const Certificate issuer{PEM_read_bio_X509(bio.get(), nullptr, NoPassword, nullptr)}) {
    SSL_CTX_add1_chain_cert(context, issuer.get());
  }
  ERR_clear_error();  // the end of the text
  const PrivateKey key = FirstPrivateKey(key_pem);
  if (!key) return Fail(Code::kMalformed, fmt::format("the key of {} is no unencrypted PEM private key", what));
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1) {
    return Fail(Code::kMalformed, fmt::format("{} and its key do not belong together: {}", what, TakeOpenSslError()));
  }
  return {};
}

}  // namespace spillway::net::internal
