#include "net/response_head.h"

#include <fmt/format.h>

#include <boost/beast/http/status.hpp>

#include "net/header_text.h"

namespace spillway::net::internal {

namespace http = boost::beast::http;

bool MayHaveBody(int status) { return status != 101 && status != 204 && status != 304; }

std::string ResponseHead(const ServerResponse& response, bool chunked, bool keep_alive) {
  const auto reason = http::obsolete_reason(http::int_to_status(static_cast<unsigned>(response.status)));
  std::string head = fmt::format("HTTP/1.1 {} {}\r\n", response.status, std::string_view(reason.data(), reason.size()));
  const bool bodyless = !MayHaveBody(response.status);
  if (!bodyless && IsHeaderText(response.content_type)) head += "Content-Type: " + response.content_type + "\r\n";
  for (const auto& [name, value] : response.headers) {
    if (IsHeaderText(name) && IsHeaderText(value)) head.append(name).append(": ").append(value).append("\r\n");
  }
  if (response.status == 101) return head + "\r\n";
  if (chunked) {
    head += "Transfer-Encoding: chunked\r\n";
  } else if (!bodyless) {
    head += fmt::format("Content-Length: {}\r\n", response.body.size());
  }
  if (!keep_alive) head += "Connection: close\r\n";
  head += "\r\n";
  return head;
}

}  // namespace spillway::net::internal
