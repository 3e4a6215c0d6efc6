#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.h"
#include "net/http_server.h"

// OpenSSL's own names, so that this header stays light.
struct ssl_ctx_st;
struct ssl_st;

namespace spillway::net::internal {

// The server's TLS context, made anew whenever the material it is given has changed; of what cannot be used the one
// before it is kept, and that is logged once. Thread-safe.
class ServerTlsContexts {
 public:
  using Source = std::function<Result<HttpServerOptions::Tls>()>;
  explicit ServerTlsContexts(Source source) : source_(std::move(source)) {}

  Result<std::shared_ptr<ssl_ctx_st>> Current();

 private:
  Result<std::shared_ptr<ssl_ctx_st>> Former(Error error);

  Source source_;
  std::mutex mutex_;
  HttpServerOptions::Tls made_from_;
  std::shared_ptr<ssl_ctx_st> made_;
  std::string trouble_;  // as logged
};

struct PeerName {
  std::string common_name;
  std::vector<std::string> organizations;
};
// The subject of the verified client certificate of a connection; empty without one.
PeerName VerifiedPeer(const ssl_st* connection);

}  // namespace spillway::net::internal
