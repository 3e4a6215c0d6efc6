#include "cloud/agent/observer.h"

namespace spillway::cloud {

Refusal RefusalOf(const Error& error) {
  switch (error.code) {
    case Code::kThrottled:
      return Refusal::kThrottled;
    case Code::kPermissionDenied:
    case Code::kUnauthenticated:
      return Refusal::kAuth;
    case Code::kInvalidArgument:
    case Code::kMalformed:
      return Refusal::kInvalid;
    default:
      return Refusal::kTransient;
  }
}

}  // namespace spillway::cloud
