#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/runtime.h"
#include "base/task.h"

namespace spillway::net {

struct ServerRequest {
  std::string method, path, query;                           // path decoded, query raw (see ParseQuery)
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;
  std::string client_common_name;                 // subject of a verified client certificate; empty without one
  std::vector<std::string> client_organizations;  // its O= values
  std::string Header(std::string_view lower_case_name) const;  // empty when absent
};
// Decoded key=value pairs, in order.
std::vector<std::pair<std::string, std::string>> ParseQuery(std::string_view query);

// Writes a chunked response bit by bit. Loop thread only. Write() copies; it returns false once the client is gone or
// is too slow (more than 64 MiB waiting): stop then.
class ResponseStream {
 public:
  virtual ~ResponseStream() = default;
  virtual bool Write(std::string_view bytes) = 0;
  virtual bool is_open() const = 0;
  // Bytes accepted and not yet sent.
  virtual std::size_t pending() const = 0;
};

// A connection that speaks HTTP no more: bytes both ways. Loop thread only.
class UpgradedConnection {
 public:
  virtual ~UpgradedConnection() = default;
  // The next bytes; none: the client sends no more, or is gone. One reader.
  virtual Task<std::string> Read() = 0;
  // Copies. False: the client is gone, or has let more than 64 MiB wait.
  virtual bool Write(std::string_view bytes) = 0;
  // Returns when less than 512 KiB wait to be sent, or the client is gone. Any number may wait.
  virtual Task<void> Writable() = 0;
  virtual bool is_open() const = 0;
};

struct ServerResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  // Not null: `body` is sent as the first chunk, then this runs; the response ends when it returns, and its flow is
  // destroyed when the client goes.
  std::function<Task<void>(std::shared_ptr<ResponseStream>)> stream;
  // Not null: status is 101, `headers` name the protocol, and this speaks it. When it returns, what it wrote is sent
  // and the connection closed; when the client goes, Read() says so.
  std::function<Task<void>(std::shared_ptr<UpgradedConnection>)> upgrade;
};

using Handler = std::function<Task<ServerResponse>(ServerRequest)>;

struct HttpServerOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;  // 0: any free one
  // PEM, asked for at each connection, on an I/O thread; null: plain HTTP.
  struct Tls {
    std::string cert_pem, key_pem;
    std::string client_ca_pem;  // not empty: client certificates are verified against it
    bool require_client_cert = false;
  };
  std::function<Result<Tls>()> tls;
  std::size_t max_body = 16u << 20;
  int threads = 1;
  // One more takes the place of the one that has waited longest for a request; if all are being answered, it is closed.
  std::size_t max_connections = 4096;
  // Against slow clients. A request head or body that is not complete in time is answered 408; a client that takes less
  // than 256 KiB of its response within `write_timeout` is dropped; an idle connection is closed silently.
  Duration handshake_timeout = std::chrono::seconds(10);
  Duration head_timeout = std::chrono::seconds(10);
  Duration body_timeout = std::chrono::seconds(60);
  Duration write_timeout = std::chrono::seconds(30);
  Duration idle_timeout = std::chrono::seconds(120);
  Duration upgraded_idle_timeout = std::chrono::hours(4);  // kubelet's, between two bytes in either direction
};

// HTTP(S)/1.1 on Boost.Beast, TLS 1.2 and newer. `handler` runs on the loop, once per request; sockets are served by
// the server's own threads. Slow, oversized or malformed requests are answered 408, 413 (431 for the head), 400 and
// closed. A handler that has not returned when its client goes runs to its end; a `stream` is destroyed. Create and
// destroy the server on the loop thread, before the Runtime ends: destroying it closes every connection and destroys
// every flow.
class HttpServer {
 public:
  virtual ~HttpServer() = default;
  virtual std::uint16_t port() const = 0;
};

Result<std::unique_ptr<HttpServer>> NewHttpServer(Runtime& runtime, HttpServerOptions options, Handler handler);

}  // namespace spillway::net
