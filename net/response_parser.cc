#include "net/response_parser.h"

#include <fmt/core.h>

#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <limits>

#include "net/header_text.h"

namespace spillway::net::internal {
namespace {

namespace http = boost::beast::http;
using boost::system::error_code;

constexpr std::uint32_t kLongestHead = 64u << 10;
// Chunk sizes, extensions and trailers, which Beast does not bound.
constexpr std::size_t kMaxFraming = 64u << 10;
constexpr int kMaxInterim = 16;

std::string Words(const error_code& ec, bool in_body) {
  if (ec == http::error::header_limit) return fmt::format("sent a head of more than {} KiB", kLongestHead >> 10);
  if (in_body) return fmt::format("sent a malformed answer ({})", ec.message());
  return "does not speak HTTP";
}

std::string Text(boost::beast::string_view text) { return {text.data(), text.size()}; }

}  // namespace

class ResponseParser::Parser final : public http::basic_parser<false> {
 public:
  explicit Parser(Body body) {
    eager(true);
    header_limit(kLongestHead);
    // Not none, which Beast 1.74 takes for less than any Content-Length. Who collects a body bounds it.
    body_limit(std::numeric_limits<std::uint64_t>::max());
    skip(body == Body::kNone);
  }

  int status = 0;
  Headers headers;
  std::string body;

 private:
  using View = boost::beast::string_view;
  void on_request_impl(http::verb, View, View, int, error_code&) override {}
  void on_response_impl(int code, View, int, error_code&) override { status = code; }
  void on_field_impl(http::field, View name, View value, error_code&) override {
    if (!is_header_done()) headers.emplace_back(LowerCase(Text(name)), Text(value));  // no trailers
  }
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(View bytes, error_code&) override { return Append(bytes); }
  void on_chunk_header_impl(std::uint64_t, View, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, View bytes, error_code&) override { return Append(bytes); }
  void on_finish_impl(error_code&) override {}
  std::size_t Append(View bytes) {
    body.append(bytes.data(), bytes.size());
    return bytes.size();
  }
};

ResponseParser::ResponseParser(Body body) : body_(body), parser_(std::make_unique<Parser>(body)) {}
ResponseParser::~ResponseParser() = default;

Result<std::size_t> ResponseParser::Put(std::string_view bytes) {
  begun_ = begun_ || !bytes.empty();
  std::size_t used = 0;
  while (used < bytes.size() && !parser_->is_done()) {
    error_code ec;
    const std::size_t now = parser_->put({bytes.data() + used, bytes.size() - used}, ec);
    used += now;
    if (ec && ec != http::error::need_more) return Fail(Code::kMalformed, Words(ec, parser_->is_header_done()));
    const bool is_interim = parser_->is_done() && parser_->status / 100 == 1;
    if (is_interim && (parser_->status == 101 || ++interim_ > kMaxInterim)) {
      return Fail(Code::kMalformed, "sent an answer that is none");
    }
    if (is_interim) {
      parser_ = std::make_unique<Parser>(body_);
    } else if (now == 0 || ec) {
      break;
    }
  }
  if (!parser_->is_done() && parser_->is_header_done() && bytes.size() - used > kMaxFraming) {
    return Fail(Code::kMalformed, "sent a chunk header without end");
  }
  return used;
}

bool ResponseParser::PutEnd() {
  if (!parser_->is_header_done() || !parser_->need_eof()) return false;
  error_code ec;
  parser_->put_eof(ec);
  return !ec && parser_->is_done();
}

bool ResponseParser::has_begun() const { return begun_; }
bool ResponseParser::has_head() const { return parser_->is_header_done(); }
bool ResponseParser::is_done() const { return parser_->is_done(); }
bool ResponseParser::may_keep_connection() const { return parser_->keep_alive(); }
int ResponseParser::status() const { return parser_->status; }
ResponseParser::Headers ResponseParser::TakeHeaders() { return std::exchange(parser_->headers, {}); }
std::string ResponseParser::TakeBody() { return std::exchange(parser_->body, {}); }

}  // namespace spillway::net::internal
