#include "base/result.h"

#include <fmt/core.h>

#include <algorithm>

namespace spillway::base {

std::string_view ToString(Code code) {
  switch (code) {
    case Code::kInvalidArgument:
      return "invalid argument";
    case Code::kMalformed:
      return "malformed";
    case Code::kNotFound:
      return "not found";
    case Code::kAlreadyExists:
      return "already exists";
    case Code::kConflict:
      return "conflict";
    case Code::kGone:
      return "gone";
    case Code::kPermissionDenied:
      return "permission denied";
    case Code::kUnauthenticated:
      return "unauthenticated";
    case Code::kThrottled:
      return "throttled";
    case Code::kUnavailable:
      return "unavailable";
    case Code::kDeadlineExceeded:
      return "deadline exceeded";
    case Code::kCancelled:
      return "cancelled";
    case Code::kInternal:
      return "internal";
  }
  return "unknown";
}

Error Error::Annotated(std::string_view context) && {
  message = fmt::format("{}: {}", context, message);
  return std::move(*this);
}

bool Error::HasCause(std::string_view cause_reason) const {
  return std::any_of(causes.begin(), causes.end(), [&](const Cause& cause) { return cause.reason == cause_reason; });
}

bool IsTransient(const Error& error) {
  return error.code == Code::kThrottled || error.code == Code::kUnavailable || error.code == Code::kDeadlineExceeded;
}

}  // namespace spillway::base
