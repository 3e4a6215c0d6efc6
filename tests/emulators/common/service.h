#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/real_runtime.h"
#include "base/runtime.h"
#include "base/task.h"
#include "net/http_client.h"
#include "net/http_server.h"

// How an emulator is reached: in process, over HTTP, and by tests that steer it.
namespace spillway::emulators {

class Service {
 public:
  virtual ~Service() = default;

  // One call, after half its latency; nullopt: there is no answer, ever.
  virtual Task<std::optional<net::ServerResponse>> Serve(net::ServerRequest request) = 0;
  // Paths under /_emulator/, over HTTP only.
  virtual net::ServerResponse Steer(const net::ServerRequest& request) = 0;
  // What is between it and its callers.
  struct Line {
    bool is_down = false;
    Duration lost_after{0};    // when the caller of a lost call gives up
    Duration clock_offset{0};  // of its clock to everybody's
  };
  virtual Line line() const = 0;
};

// A connection in process; HTTP without the bytes. Both outlive it.
std::unique_ptr<net::HttpClient> ConnectTo(Runtime& runtime, Service& service);
// For net::NewHttpServer. Calls without an answer become 504 there.
net::Handler HandlerOf(Runtime& runtime, Service& service);

// Serves it on loopback and prints its address, until the process is told to end. The exit code. `arguments`: of the
// process; a port, or none.
int ServeOnLoopback(RealRuntime& runtime, Service& service, int count, char** arguments);

// "Thu, 06 Feb 2020 07:32:54 GMT"
std::string HttpDate(WallTime time);

}  // namespace spillway::emulators
