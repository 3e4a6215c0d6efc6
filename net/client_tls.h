#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "base/result.h"
#include "net/http_client.h"

struct ssl_ctx_st;
struct ssl_st;

namespace spillway::net::internal {

// Loads `material` into `context`: TLS 1.2 or newer, its CA (the system's without one) and client certificate, and
// verification of the server's chain. The server's name is the connection's to add.
Status SetUpClientTls(ssl_ctx_st* context, const TlsMaterial& material);

struct ClientTlsContext {
  std::shared_ptr<ssl_ctx_st> context;
  bool own_ca = false;  // else the system's
};

// The TLS context of one credential, made anew whenever the material it is given has changed. Thread-safe. Sessions are
// not resumed: each connection is authenticated by the certificates of its own time.
class ClientTlsContexts {
 public:
  using Source = std::function<Result<TlsMaterial>()>;  // may be null: system trust store, no client certificate
  explicit ClientTlsContexts(Source source) : source_(std::move(source)) {}

  Result<ClientTlsContext> Current();

 private:
  Source source_;
  std::mutex mutex_;
  TlsMaterial made_from_;
  ClientTlsContext made_;
};

// Makes `connection` verify, and ask by SNI for, `server_name`: a DNS name or an IP address.
void ExpectServer(ssl_st* connection, const std::string& server_name);

// Why TLS on `connection` failed, by the certificates it has seen and by `openssl_error`, the error that ended it (0:
// none of OpenSSL's); empty when certificates have nothing to do with it.
std::string WhyNotTrusted(const ssl_st* connection, unsigned long openssl_error, const std::string& server_name,
                          bool own_ca);

}  // namespace spillway::net::internal
