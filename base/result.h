#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "base/time.h"

namespace spillway::base {

// What kind of failure; decides whether to retry, re-read or give up. Close to gRPC's codes, with Kubernetes'
// distinctions.
enum class Code : std::uint8_t {
  kInvalidArgument,   // the caller's input is wrong: do not retry
  kMalformed,         // bytes from outside that do not parse
  kNotFound,          // 404
  kAlreadyExists,     // 409 AlreadyExists
  kConflict,          // 409: a precondition failed; re-read before deciding again
  kGone,              // 410: the resourceVersion is too old; relist
  kPermissionDenied,  // 403
  kUnauthenticated,   // 401
  kThrottled,         // 429; see Error::retry_after
  kUnavailable,       // 5xx, refused or broken connection: retry with backoff
  kDeadlineExceeded,  // our own clock ran out; the request may have been carried out
  kCancelled,         // we asked for it
  kInternal,          // the other side's or our own bug
};

std::string_view ToString(Code code);

// One of the exact causes an API gave for a refusal, e.g. {"NamespaceTerminating", "metadata.namespace", "..."}.
struct Cause {
  std::string reason, field, message;
};

// A failure with a cause an operator can act on: what, where, what to do. Never holds a secret. `message` is for
// people; whoever decides by an error goes by the other members.
struct Error {
  Code code = Code::kInternal;
  std::string message;
  int http_status = 0;      // 0 when no HTTP response came
  Duration retry_after{0};  // from Retry-After, a minute at most; 0 when absent
  // Of a Kubernetes API: metav1.Status.reason, e.g. "Forbidden", or "Failure" of one that gives none; empty when no
  // Status came.
  std::string reason;
  std::vector<Cause> causes;  // likewise: details.causes

  bool HasCause(std::string_view cause_reason) const;
  // "while listing pods: connection refused"
  Error Annotated(std::string_view context) &&;
};

// Waiting and trying the very same thing again can help.
bool IsTransient(const Error& error);

template <typename T>
using Result = tl::expected<T, Error>;
using Status = tl::expected<void, Error>;

inline tl::unexpected<Error> Fail(Code code, std::string message) {
  return tl::unexpected<Error>(Error{code, std::move(message)});
}
inline tl::unexpected<Error> Fail(Error error) { return tl::unexpected<Error>(std::move(error)); }

}  // namespace spillway::base

namespace spillway {
using base::Code;
using base::Error;
using base::Fail;
using base::Result;
using base::Status;
}  // namespace spillway
