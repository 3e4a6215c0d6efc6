#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

// PEM texts in memory into OpenSSL objects. Private to net/.
namespace spillway::net::internal {

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Bio = std::unique_ptr<BIO, Freed<BIO_free_all>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using PrivateKey = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;

Bio ReadBio(std::string_view pem);
// The first certificate, or key, of `pem`; null when there is none. Encrypted keys are not asked a password for.
Certificate FirstCertificate(std::string_view pem);
PrivateKey FirstPrivateKey(std::string_view pem);

// The newest error of this thread's OpenSSL queue in words, and empties the queue.
std::string TakeOpenSslError();

// Makes `context` trust the certificates of `ca_pem`. `what` names the text in errors.
Status TrustOnly(SSL_CTX* context, std::string_view ca_pem, std::string_view what);
// Makes `context` show the certificate chain `cert_pem` and prove it with `key_pem`.
Status ShowCertificate(SSL_CTX* context, std::string_view cert_pem, std::string_view key_pem, std::string_view what);

}  // namespace spillway::net::internal
