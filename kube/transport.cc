#include "kube/transport.h"

#include <fmt/core.h>

#include <algorithm>

#include "kube/json.h"

namespace spillway::kube {
namespace {

// Obeyed as far as that; who is asked to wait longer tries once a minute.
constexpr Duration kLongestRetryAfter = std::chrono::seconds(60);

Code CodeOf(int status, std::string_view reason) {
  if (status == 410 || reason == "Expired" || reason == "Gone") return Code::kGone;
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

// Proxies answer in HTML or plain text: the beginning, on one line.
std::string Excerpt(std::string_view body) {
  constexpr std::size_t kLongest = 200;
  std::string text;
  for (const char c : body.substr(0, kLongest)) text += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

// What a metav1.Status says. An ERROR event of a watch has no HTTP status of its own.
void TakeStatus(const Json& status, Error& error) {
  error.reason = TextAt(status, "reason");
  if (error.reason.empty()) error.reason = "Failure";
  error.message = TextAt(status, "message");
  if (error.http_status < 300) error.http_status = static_cast<int>(Integer(At(status, "code"), error.http_status));
  const Json& details = At(status, "details");
  if (error.retry_after == Duration(0)) {
    const std::int64_t longest = std::chrono::duration_cast<std::chrono::seconds>(kLongestRetryAfter).count();
    error.retry_after = std::chrono::seconds(std::min(Integer(At(details, "retryAfterSeconds")), longest));
  }
  for (const Json& cause : Items(At(details, "causes"))) {
    error.causes.push_back({TextAt(cause, "reason"), TextAt(cause, "field"), TextAt(cause, "message")});
  }
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

void Transport::NoteAnswer(const Result<Response>& response, Instant sent, Instant now) {
  if (response) {
    health_.Answered(response->status, now);
  } else {
    health_.NotAnswered(response.error(), sent, now);
  }
}

Error ToError(const Response& response) {
  Error error;
  error.http_status = response.status;
  error.retry_after = response.retry_after;
  const Json status = Json::parse(response.body, nullptr, false);
  if (TextAt(status, "kind") == "Status") {
    TakeStatus(status, error);
  } else {
    error.message = Excerpt(response.body);
  }
  error.retry_after = std::clamp(error.retry_after, Duration(0), kLongestRetryAfter);
  error.code = CodeOf(error.http_status, error.reason);
  if (error.message.empty()) error.message = fmt::format("the API server answered HTTP {}", error.http_status);
  return error;
}

Error ExplainRefusal(Error error, std::string_view verb, std::string_view resource) {
  if (error.code == Code::kUnauthenticated) {
    error.message = fmt::format(
        "the API server does not know us: {} {} was answered with 401 ({}); check that the token or client certificate "
        "is valid and belongs to this cluster",
        verb, resource, error.message);
    return error;
  }
  if (error.code == Code::kPermissionDenied) {
    error.message =
        fmt::format("the API server refused to {} {}: {}; see docs/security.md#rbac", verb, resource, error.message);
    return error;
  }
  return std::move(error).Annotated(fmt::format("{} {}", verb, resource));
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
