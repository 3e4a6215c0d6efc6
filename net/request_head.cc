#include "net/request_head.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "net/header_text.h"

namespace spillway::net::internal {
namespace {

bool IsVisible(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

bool IsToken(std::string_view text) {
  return !text.empty() && IsVisible(text) && text.find_first_of("\"(),/:;<=>?@[\\]{}") == std::string_view::npos;
}

std::string HostHeader(const BaseUrl& base) {
  const bool is_v6 = base.host.find(':') != std::string::npos;
  std::string host = is_v6 ? fmt::format("[{}]", base.host) : base.host;
  if (base.port != (base.https ? 443 : 80)) host += fmt::format(":{}", base.port);
  return host;
}

// Which server is meant, how the body is framed and whether the connection is kept: not the caller's to say.
bool IsOurs(std::string_view lower_case_name) {
  static constexpr std::string_view kOurs[] = {"host", "content-length", "transfer-encoding", "connection", "expect"};
  return std::find(std::begin(kOurs), std::end(kOurs), lower_case_name) != std::end(kOurs);
}

}  // namespace

Result<std::string> RequestBytes(const HttpRequest& request, const BaseUrl& base) {
  const std::string path = base.path + (request.path.empty() ? "/" : request.path);
  if (!IsToken(request.method) || !IsVisible(path) || path.front() != '/') {
    return Fail(Code::kInvalidArgument, fmt::format("{} {} is no usable request", request.method, path));
  }
  std::string bytes = fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\n", request.method, path, HostHeader(base));
  bool has_content_type = false;
  for (const auto& [name, value] : request.headers) {
    const std::string lower = LowerCase(name);
    if (!IsHeaderText(name) || !IsHeaderText(value)) {
      return Fail(Code::kInvalidArgument, fmt::format("header {} holds a line break", lower));
    }
    if (!IsToken(name)) return Fail(Code::kInvalidArgument, fmt::format("\"{}\" is no name of a header", lower));
    if (IsOurs(lower)) continue;
    has_content_type = has_content_type || lower == "content-type";
    fmt::format_to(std::back_inserter(bytes), "{}: {}\r\n", name, value);
  }
  if (!request.body.empty() && !has_content_type) bytes += "Content-Type: application/json\r\n";
  const bool takes_body = request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
  if (!request.body.empty() || takes_body) {
    fmt::format_to(std::back_inserter(bytes), "Content-Length: {}\r\n", request.body.size());
  }
  bytes += "\r\n";
  bytes += request.body;
  return bytes;
}

}  // namespace spillway::net::internal
