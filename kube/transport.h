#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/sync.h"
#include "base/task.h"
#include "base/time.h"
#include "kube/server_health.h"

namespace spillway::kube {

enum class Method : std::uint8_t { kGet, kPost, kPut, kPatch, kDelete };
std::string_view ToString(Method method);

// Takes the body of a 2xx response as it arrives. Called on an I/O thread (in simulations on the loop), one call at a
// time; after OnEnd, or once Send() has returned, never again.
class BodySink {
 public:
  virtual ~BodySink() = default;
  // The headers of a 2xx response have come: for a watch, the proof that it stands. Transports call it once, before the
  // first OnData; a sink that never hears it takes the first data for the proof.
  virtual void OnStart() {}
  virtual void OnData(std::string_view bytes) = 0;
  // The body is complete. Not called when the connection breaks or the request is cancelled.
  virtual void OnEnd() {}
};

struct Request {
  Method method = Method::kGet;
  std::string path;                             // absolute, with an encoded query: "/api/v1/pods?limit=500"
  std::string body;                             // JSON
  std::string content_type;                     // empty: application/json when there is a body
  std::string accept;                           // empty: application/json
  Duration timeout = std::chrono::seconds(30);  // whole request; for a watch the longest silence
  std::shared_ptr<BodySink> sink;               // null: the body is collected in Response::body
  CancelToken cancel;
};

struct Response {
  int status = 0;
  std::string body;
  Duration retry_after{0};
  std::string date;  // its Date header as it came: the other side's clock; empty when absent
};

// One HTTP exchange with the API server. The seam of all of Spillway's Kubernetes traffic: HTTPS in production
// (https_transport.h), a direct call into the sandbox in simulations.
//
// An Error means that no complete response came: kUnavailable, kDeadlineExceeded (the request may have been carried
// out), kCancelled, kUnauthenticated (credentials cannot be had). HTTP status codes are not errors here; see ToError().
// Destroying the awaiting flow cancels the exchange.
class Transport {
 public:
  virtual ~Transport() = default;
  virtual Task<Result<Response>> Send(Request request) = 0;

  // What all who use this Transport have found about the API server. They tell it, with NoteAnswer(); the Transport
  // does not.
  ServerHealth& health() { return health_; }
  // `response` is what Send() returned at `now` for a request of `sent`.
  void NoteAnswer(const Result<Response>& response, Instant sent, Instant now);

 private:
  ServerHealth health_;
};

// The Error of a non-2xx response, from its metav1.Status: code by status and reason, message, reason and causes,
// Retry-After (60 s at most).
Error ToError(const Response& response);

// The same error in words an operator can act on: the API server's own, after what was asked of it. A missing
// permission: "the API server refused to list nodes: nodes is forbidden: User "system:serviceaccount:ops:spillway"
// cannot list resource "nodes" in API group "" at the cluster scope; see docs/security.md#rbac". Other failures but 401
// get "<verb> <resource>: " in front.
Error ExplainRefusal(Error error, std::string_view verb, std::string_view resource);

// RFC 3986 percent-encoding of one query value or path segment.
std::string UrlEncode(std::string_view text);

}  // namespace spillway::kube
