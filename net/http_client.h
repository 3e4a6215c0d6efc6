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
#include "base/sync.h"
#include "base/task.h"

namespace spillway::net {

// PEM texts; empty members are unused. Asked for at each new connection, on an I/O thread, and loaded into a TLS
// context only when they have changed: rotation is free.
struct TlsMaterial {
  std::string ca_pem;  // empty: the system's trust store
  std::string client_cert_pem, client_key_pem;
};

// The two threads that move bytes for HTTP clients: one for streams, one for all else, so that no call waits while a
// stream's bytes are decoded. Clients may share them; the last one ends them, on the loop thread.
class HttpClientThreads;
std::shared_ptr<HttpClientThreads> StartHttpClientThreads();

struct HttpClientOptions {
  std::string base_url;                      // "https://host:port"; http:// only to a loopback address
  std::string server_name;                   // verified instead of the host when not empty
  std::function<Result<TlsMaterial>()> tls;  // thread-safe; null: system trust store, no client certificate
  // Added to each request, on the loop; may be null. For bearer tokens.
  std::function<Result<std::vector<std::pair<std::string, std::string>>>()> headers;
  // For finding the address, for connecting to each of the addresses, and for the TLS handshake.
  Duration connect_timeout = std::chrono::seconds(5);
  // Numeric addresses of a host name; may block, on a thread of its own. Null: getaddrinfo.
  std::function<Result<std::vector<std::string>>(const std::string& host)> resolve;
  std::shared_ptr<HttpClientThreads> threads;  // null: threads of its own
};

struct HttpRequest {
  std::string method = "GET";
  std::string path;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  Duration timeout = std::chrono::seconds(30);  // whole exchange; with on_data the longest silence
  // Not null: takes the bytes of a 2xx body as they come, on an I/O thread, one call at a time, instead of
  // HttpResponse::body. Called first when the head has come, perhaps with no bytes. Must not block: other streams wait.
  std::function<void(std::string_view)> on_data;
  std::function<void()> on_end;  // after the last on_data of a complete body, same thread
  CancelToken cancel;
  // Requests of different lanes neither share connections nor wait for each other's. Streams have a lane of their own.
  std::uint8_t lane = 0;
};

struct HttpResponse {
  int status = 0;
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
};

// Outgoing HTTPS/1.1 with keep-alive. TLS is verified always, 1.2 or newer; redirects are not followed, nothing is
// compressed. Send() is loop-thread only; it never throws. The HttpClient outlives the flows that wait in Send().
//
// An Error means that no complete response came: kUnavailable (no or a broken connection), kDeadlineExceeded (the
// request may have been carried out), kCancelled, kUnauthenticated (one side's certificate is not good for the other,
// or `tls` or `headers` failed so), kMalformed (not HTTP, a head above 64 KiB, or a collected body above 256 MiB),
// kInvalidArgument (cannot be sent). A GET is sent a second time, on a new connection, when a kept one breaks before
// the first byte of its answer; nothing else ever is.
//
// Destroying the awaiting flow, or cancelling, drops the connection; on_data is not called after Send() has returned or
// its flow is gone.
class HttpClient {
 public:
  virtual ~HttpClient() = default;
  virtual Task<Result<HttpResponse>> Send(HttpRequest request) = 0;
};

// A client on Boost.Beast, for the Kubernetes API and everything that streams. Each lane has up to 256 connections
// open, what is beyond waits in line, and keeps 16 of them when idle. Streams have as many as they need, on an I/O
// thread of their own. A stream is not read further while the loop is more than 4 MiB behind what on_data has been
// given.
Result<std::unique_ptr<HttpClient>> NewHttpClient(Runtime& runtime, HttpClientOptions options);

}  // namespace spillway::net
