#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "base/result.h"
#include "sandbox/store/kinds.h"

namespace spillway::sandbox {

using Json = nlohmann::json;

// A refusal as kube-apiserver words it: what becomes a metav1.Status of status Failure.
//
// Source: apimachinery pkg/api/errors/errors.go, v0.36.
struct ApiError {
  int code = 500;
  std::string reason;  // "NotFound", "Conflict", ...
  std::string message;
  Json details;  // metav1.StatusDetails; null for none
  int retry_after_seconds = 0;
  std::string continue_token;  // of a 410 to a list: how to go on regardless
};

template <typename T>
using ApiResult = tl::expected<T, ApiError>;
using ApiStatus = tl::expected<void, ApiError>;
inline tl::unexpected<ApiError> Refuse(ApiError error) { return tl::unexpected<ApiError>(std::move(error)); }

// One field.Error of a 422: `text` is everything after "field: ".
struct FieldError {
  std::string reason;  // "FieldValueRequired", "FieldValueInvalid", ...
  std::string field, text;
};
FieldError FieldRequired(std::string field, std::string_view detail = "");
FieldError FieldInvalid(std::string field, const Json& value, std::string_view detail);
FieldError FieldForbidden(std::string field, std::string_view detail);

ApiError NotFound(const Kind& kind, std::string_view name);
ApiError AlreadyExists(const Kind& kind, std::string_view name);
// `resource`: what the message names, usually kind.GroupResource().
ApiError Conflict(const Kind& kind, std::string_view resource, std::string_view name, std::string_view why);
ApiError Invalid(const Kind& kind, std::string_view name, const std::vector<FieldError>& errors);
ApiError Forbidden(const Kind& kind, std::string_view name, std::string_view why);
ApiError BadRequest(std::string message);
ApiError Expired(std::string message);
ApiError TooManyRequests(std::string message, int retry_after_seconds);
ApiError InternalError(std::string message);
ApiError UnknownPath();
ApiError MethodNotAllowed();
// A Go error that upstream forgot to give a reason: 500 with the bare text.
ApiError BareError(std::string message);
// What the storage layer says when a precondition on `field` ("UID", "ResourceVersion") fails.
ApiError PreconditionFailed(const Kind& kind, std::string_view ns, std::string_view name, std::string_view field,
                            std::string_view wanted, std::string_view actual);

Json ToStatus(const ApiError& error);
Error ToError(const ApiError& error);

}  // namespace spillway::sandbox
