#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "base/result.h"
#include "net/http_client.h"

struct ssl_ctx_st;

namespace spillway::net::internal {

// Why TLS connections of one client failed last: the HTTP library only says that they did. Thread-safe.
class TlsDiary {
 public:
  void Note(std::string reason);
  void Clear();
  // The newest reason since the last Clear(); empty when there is none.
  std::string reason() const;

 private:
  mutable std::mutex mutex_;
  std::string reason_;
};

// Prepares the context of one new connection: TLS 1.2 or newer, the CA and client certificate of `material`, and
// verification of the chain and of `server_name`, a DNS name or an IP address. What fails later is noted in `diary`.
Status SetUpClientTls(ssl_ctx_st* context, const TlsMaterial& material, const std::string& server_name,
                      std::shared_ptr<TlsDiary> diary);

}  // namespace spillway::net::internal
