#include "controller/bind_order.h"

namespace spillway::controller {

std::string_view ToString(BindResult result) {
  switch (result) {
    case BindResult::kBound:
      return "bound";
    case BindResult::kConflict:
      return "conflict";
    case BindResult::kGone:
      return "gone";
    case BindResult::kForbidden:
      return "forbidden";
    case BindResult::kRejected:
    case BindResult::kUnknown:
      return "error";
  }
  return "error";
}

BindResult Classify(const Status& status) {
  if (status) return BindResult::kBound;
  switch (status.error().code) {
    case Code::kConflict:
    case Code::kAlreadyExists:
      return BindResult::kConflict;
    case Code::kNotFound:
    case Code::kGone:
      return BindResult::kGone;
    case Code::kPermissionDenied:
      return BindResult::kForbidden;
    case Code::kInvalidArgument:
    case Code::kUnauthenticated:
    case Code::kThrottled:
      return BindResult::kRejected;
    case Code::kMalformed:
    case Code::kUnavailable:
    case Code::kDeadlineExceeded:
    case Code::kCancelled:
    case Code::kInternal:
      return BindResult::kUnknown;
  }
  return BindResult::kUnknown;
}

}  // namespace spillway::controller
