#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/runtime.h"
#include "base/task.h"
#include "kube/transport.h"

namespace spillway::kube {

// Client-side rate limit, as client-go's flowcontrol: `qps` tokens a second, at most `burst` at once. Fair: first come,
// first served. No limit with a `qps` of 0. Loop thread only.
class RateLimiter {
 public:
  RateLimiter(Runtime& runtime, double qps, int burst);
  // Returns when this request may go.
  Task<void> Acquire();
  // The same for callers that wait by themselves: takes the next place and says when it comes, maybe now.
  Instant Reserve();

 private:
  Runtime& runtime_;
  Duration interval_;
  int burst_;
  Instant next_;  // when the next token would be free if the bucket were empty
};

// Observes requests, for rest_client_requests_total and friends. Implemented in cmd/ over metrics/.
class ClientObserver {
 public:
  virtual ~ClientObserver() = default;
  virtual void OnRequest(std::string_view verb, int status, Duration took) = 0;  // status 0: no response
  virtual void OnRateLimited(Duration waited) = 0;
};

// What writes and single reads need: rate limit, JSON, errors. Never retries a write by itself: writers know whether
// theirs is idempotent. Watches go past the limiter (Reflector uses the Transport). Loop thread only.
class Client {
 public:
  // All referenced objects outlive the Client. `observer` may be null.
  Client(Runtime& runtime, Transport& transport, RateLimiter& limiter, ClientObserver* observer = nullptr);

  // The decoded body of a 2xx response; an Error otherwise. kMalformed when the body is not JSON.
  Task<Result<nlohmann::json>> Get(std::string path);
  Task<Result<nlohmann::json>> Create(std::string path, nlohmann::json body);
  Task<Result<nlohmann::json>> Update(std::string path, nlohmann::json body);
  // content type application/merge-patch+json
  Task<Result<nlohmann::json>> MergePatch(std::string path, nlohmann::json patch);
  // content type application/strategic-merge-patch+json
  Task<Result<nlohmann::json>> StrategicPatch(std::string path, nlohmann::json patch);
  // content type application/json-patch+json
  Task<Result<nlohmann::json>> JsonPatch(std::string path, nlohmann::json operations);
  // `options` is a metav1.DeleteOptions.
  Task<Result<nlohmann::json>> Delete(std::string path, nlohmann::json options);
  // As it comes, limited but not decoded.
  Task<Result<Response>> Send(Request request);

  Runtime& runtime() { return runtime_; }
  ServerHealth& health() { return transport_.health(); }

 private:
  Task<Result<nlohmann::json>> Exchange(Request request);
  Runtime& runtime_;
  Transport& transport_;
  RateLimiter& limiter_;
  ClientObserver* observer_;
};

}  // namespace spillway::kube
