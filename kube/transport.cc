#include "kube/transport.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace spillway::kube {
namespace {

using Json = nlohmann::json;

Code CodeOf(int status, std::string_view reason, std::string_view message) {
  // The API server says "too old resource version" with 410, and inside watches with whatever status it likes.
  if (status == 410 || reason == "Expired" || reason == "Gone") return Code::kGone;
  if (message.find("too old resource version") != std::string_view::npos) return Code::kGone;
  if (reason == "AlreadyExists") return Code::kAlreadyExists;
  if (reason == "Timeout") return Code::kDeadlineExceeded;  // the server gave up; it may yet carry it out
  switch (status) {
    case 400:
    case 405:
    case 406:
    case 413:
    case 415:
    case 422:
      return Code::kInvalidArgument;
    case 401:
      return Code::kUnauthenticated;
    case 403:
      return Code::kPermissionDenied;
    case 404:
      return Code::kNotFound;
    case 409:
      return Code::kConflict;
    case 429:
      return Code::kThrottled;
    case 504:
      return Code::kDeadlineExceeded;
    default:
      break;
  }
  // 500 too: the API server answers InternalError for passing trouble such as a lost etcd leader.
  if (status >= 500) return Code::kUnavailable;
  return status >= 400 ? Code::kInvalidArgument : Code::kInternal;
}

std::string StringAt(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// Proxies answer in HTML or plain text: the beginning, on one line.
std::string Excerpt(std::string_view body) {
  constexpr std::size_t kLongest = 200;
  std::string text;
  for (const char c : body.substr(0, kLongest)) text += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

}  // namespace

std::string_view ToString(Method method) {
  switch (method) {
    case Method::kGet:
      return "GET";
    case Method::kPost:
      return "POST";
    case Method::kPut:
      return "PUT";
    case Method::kPatch:
      return "PATCH";
    case Method::kDelete:
      return "DELETE";
  }
  return "GET";
}

Error ToError(const Response& response) {
  Error error;
  error.http_status = response.status;
  error.retry_after = response.retry_after;
  const Json status = Json::parse(response.body, nullptr, false);
  std::string reason;
  if (status.is_object() && StringAt(status, "kind") == "Status") {
    reason = StringAt(status, "reason");
    error.message = StringAt(status, "message");
    // An ERROR event of a watch has no HTTP status of its own.
    const auto code = status.find("code");
    if (error.http_status < 300 && code != status.end() && code->is_number_integer())
      error.http_status = code->get<int>();
    const auto details = status.find("details");
    if (error.retry_after == Duration(0) && details != status.end() && details->is_object()) {
      const auto seconds = details->find("retryAfterSeconds");
      if (seconds != details->end() && seconds->is_number_integer()) {
        error.retry_after =
            std::chrono::seconds(std::clamp(seconds->get<std::int64_t>(), std::int64_t{0}, std::int64_t{3600}));
      }
    }
  } else {
    error.message = Excerpt(response.body);
  }
  error.code = CodeOf(error.http_status, reason, error.message);
  if (error.message.empty()) error.message = fmt::format("the API server answered HTTP {}", error.http_status);
  return error;
}

Error ExplainRefusal(Error error, std::string_view verb, std::string_view resource) {
  if (error.code == Code::kUnauthenticated) {
    error.message = fmt::format(
        "the API server does not know us: {} {} was answered with 401 ({}); check that the token or client certificate "
        "is valid and "
        "belongs to this cluster",
        verb, resource, error.message);
    return error;
  }
  if (error.code != Code::kPermissionDenied) return std::move(error).Annotated(fmt::format("{} {}", verb, resource));
  // `nodes is forbidden: User "u" cannot list resource "nodes" in API group "" at the cluster scope`
  const std::string_view message = error.message;
  std::string who = "this identity", scope = "cluster scope";
  if (const auto user = message.find("User \""); user != std::string_view::npos) {
    const auto end = message.find('"', user + 6);
    if (end != std::string_view::npos) who = message.substr(user + 5, end - user - 4);
  }
  if (const auto in = message.find("in the namespace \""); in != std::string_view::npos) {
    const auto end = message.find('"', in + 18);
    if (end != std::string_view::npos) scope = fmt::format("namespace {}", message.substr(in + 18, end - in - 18));
  }
  error.message = fmt::format("the API server refused to {} {}: {} lacks {} on {} ({}); see docs/security.md#rbac",
                              verb, resource, who, verb, resource, scope);
  return error;
}

std::string UrlEncode(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string result;
  result.reserve(text.size());
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '.' || c == '_' || c == '~';
    if (plain) {
      result += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      result += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return result;
}

}  // namespace spillway::kube
