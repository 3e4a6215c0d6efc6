#include "sandbox/store/api_error.h"

#include <fmt/core.h>

#include <utility>

namespace spillway::sandbox {
namespace {

Json Details(const Kind& kind, std::string_view name) {
  Json details = Json::object();
  if (!name.empty()) details["name"] = name;
  if (!kind.group.empty()) details["group"] = kind.group;
  details["kind"] = kind.plural;
  return details;
}

Code CodeOf(const ApiError& error) {
  switch (error.code) {
    case 400:
    case 405:
    case 422:
      return Code::kInvalidArgument;
    case 401:
      return Code::kUnauthenticated;
    case 403:
      return Code::kPermissionDenied;
    case 404:
      return Code::kNotFound;
    case 409:
      return error.reason == "AlreadyExists" ? Code::kAlreadyExists : Code::kConflict;
    case 410:
      return Code::kGone;
    case 429:
      return Code::kThrottled;
    case 503:
    case 504:
      return Code::kUnavailable;
    default:
      return Code::kInternal;
  }
}

}  // namespace

FieldError FieldRequired(std::string field, std::string_view detail) {
  return {"FieldValueRequired", std::move(field),
          detail.empty() ? "Required value" : fmt::format("Required value: {}", detail)};
}

FieldError FieldInvalid(std::string field, const Json& value, std::string_view detail) {
  return {"FieldValueInvalid", std::move(field), fmt::format("Invalid value: {}: {}", value.dump(), detail)};
}

FieldError FieldForbidden(std::string field, std::string_view detail) {
  return {"FieldValueForbidden", std::move(field), fmt::format("Forbidden: {}", detail)};
}

ApiError NotFound(const Kind& kind, std::string_view name) {
  return {404, "NotFound", fmt::format("{} \"{}\" not found", kind.GroupResource(), name), Details(kind, name)};
}

ApiError AlreadyExists(const Kind& kind, std::string_view name) {
  return {409, "AlreadyExists", fmt::format("{} \"{}\" already exists", kind.GroupResource(), name),
          Details(kind, name)};
}

ApiError Conflict(const Kind& kind, std::string_view resource, std::string_view name, std::string_view why) {
  return {409, "Conflict", fmt::format("Operation cannot be fulfilled on {} \"{}\": {}", resource, name, why),
          Details(kind, name)};
}

ApiError Invalid(const Kind& kind, std::string_view name, const std::vector<FieldError>& errors) {
  Json details = Json::object();
  if (!name.empty()) details["name"] = name;
  if (!kind.group.empty()) details["group"] = kind.group;
  details["kind"] = kind.kind;
  std::string all;
  for (const FieldError& error : errors) {
    details["causes"].push_back({{"reason", error.reason}, {"message", error.text}, {"field", error.field}});
    if (!all.empty()) all += ", ";
    all += error.field + ": " + error.text;
  }
  if (errors.size() > 1) all = "[" + all + "]";
  const std::string qualified =
      kind.group.empty() ? std::string(kind.kind) : fmt::format("{}.{}", kind.kind, kind.group);
  return {422, "Invalid", fmt::format("{} \"{}\" is invalid: {}", qualified, name, all), std::move(details)};
}

ApiError Forbidden(const Kind& kind, std::string_view name, std::string_view why) {
  const std::string what = name.empty() ? kind.GroupResource() : fmt::format("{} \"{}\"", kind.GroupResource(), name);
  return {403, "Forbidden", fmt::format("{} is forbidden: {}", what, why), Details(kind, name)};
}

ApiError BadRequest(std::string message) { return {400, "BadRequest", std::move(message), nullptr}; }
ApiError Expired(std::string message) { return {410, "Expired", std::move(message), nullptr}; }

ApiError TooManyRequests(std::string message, int retry_after_seconds) {
  Json details = Json::object();
  if (retry_after_seconds > 0) details["retryAfterSeconds"] = retry_after_seconds;
  return {429, "TooManyRequests", std::move(message), std::move(details), retry_after_seconds};
}

ApiError InternalError(std::string message) {
  return {500, "InternalError", "Internal error occurred: " + std::move(message), nullptr};
}

ApiError UnknownPath() { return {404, "NotFound", "the server could not find the requested resource", Json::object()}; }

ApiError MethodNotAllowed() {
  return {405, "MethodNotAllowed", "the server does not allow this method on the requested resource", Json::object()};
}

ApiError BareError(std::string message) { return {500, "", std::move(message), nullptr}; }

ApiError PreconditionFailed(const Kind& kind, std::string_view ns, std::string_view name, std::string_view field,
                            std::string_view wanted, std::string_view actual) {
  const std::string key = ns.empty() ? fmt::format("/registry/{}/{}", kind.plural, name)
                                     : fmt::format("/registry/{}/{}/{}", kind.plural, ns, name);
  return Conflict(kind, kind.GroupResource(), name,
                  fmt::format("StorageError: invalid object, Code: 4, Key: {}, ResourceVersion: 0, AdditionalErrorMsg: "
                              "Precondition failed: {} in precondition: {}, {} in object meta: {}",
                              key, field, wanted, field, actual));
}

Json ToStatus(const ApiError& error) {
  Json status = {{"kind", "Status"},    {"apiVersion", "v1"},       {"metadata", Json::object()},
                 {"status", "Failure"}, {"message", error.message}, {"code", error.code}};
  if (!error.reason.empty()) status["reason"] = error.reason;
  if (!error.details.is_null()) status["details"] = error.details;
  if (!error.continue_token.empty()) status["metadata"]["continue"] = error.continue_token;
  return status;
}

Error ToError(const ApiError& error) {
  return Error{CodeOf(error), error.message, error.code, std::chrono::seconds(error.retry_after_seconds)};
}

}  // namespace spillway::sandbox
