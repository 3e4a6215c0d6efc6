#pragma once

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

// PEM texts; empty members are unused. Asked for anew at each new connection, on an I/O thread: rotation is free.
struct TlsMaterial {
  std::string ca_pem;  // empty: the system's trust store
  std::string client_cert_pem, client_key_pem;
};

struct HttpClientOptions {
  std::string base_url;                      // "https://host:port"; http:// only to a loopback address
  std::string server_name;                   // verified instead of the host when not empty
  std::function<Result<TlsMaterial>()> tls;  // thread-safe; null: system trust store, no client certificate
  // Added to each request, on the loop; may be null. For bearer tokens.
  std::function<Result<std::vector<std::pair<std::string, std::string>>>()> headers;
};

struct HttpRequest {
  std::string method = "GET";
  std::string path;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  Duration timeout = std::chrono::seconds(30);  // whole exchange; with on_data the longest silence
  // Not null: takes the bytes of a 2xx body as they come, on an I/O thread, one call at a time, instead of
  // HttpResponse::body. Called first when the head has come, perhaps with no bytes.
  std::function<void(std::string_view)> on_data;
  std::function<void()> on_end;  // after the last on_data of a complete body, same thread
  CancelToken cancel;
};

struct HttpResponse {
  int status = 0;
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
};

// Outgoing HTTPS/1.1 with keep-alive. TLS is verified always, 1.2 or newer; redirects are not followed. The adapter
// hides the library (cpprestsdk); its threads only move bytes. Send() is loop-thread only; it never throws. The
// HttpClient outlives the flows that wait in Send().
//
// An Error means that no complete response came: kUnavailable (no or a broken connection), kDeadlineExceeded (the
// request may have been carried out), kCancelled, kUnauthenticated (one side's certificate is not good for the other,
// or `tls` or `headers` failed so), kMalformed (not HTTP, or a collected body above 256 MiB), kInvalidArgument (cannot
// be sent). A GET is sent a second time when the connection breaks before its answer; nothing else with a body ever is.
//
// Destroying the awaiting flow, or cancelling, drops the connection; on_data is not called after Send() has returned or
// its flow is gone. on_data may block, which stops the reading, but must never wait for the loop.
class HttpClient {
 public:
  virtual ~HttpClient() = default;
  virtual Task<Result<HttpResponse>> Send(HttpRequest request) = 0;
};

Result<std::unique_ptr<HttpClient>> NewHttpClient(Runtime& runtime, HttpClientOptions options);

// Threads for all clients of the process; call first thing in main(). A streaming response holds one while its bytes
// are taken: watches + 4 is enough.
void InitHttpClients(int threads);

}  // namespace spillway::net
