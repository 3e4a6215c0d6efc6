#include "net/spdy_headers.h"

#include <zlib.h>

#include <cstdint>

#include "net/big_endian.h"
#include "net/header_text.h"

namespace spillway::net::internal {
namespace {

// SPDY protocol, draft 3.1, section 2.6.10.1: words with their lengths, then text.
constexpr std::string_view kWords[] = {"options",
                                       "head",
                                       "post",
                                       "put",
                                       "delete",
                                       "trace",
                                       "accept",
                                       "accept-charset",
                                       "accept-encoding",
                                       "accept-language",
                                       "accept-ranges",
                                       "age",
                                       "allow",
                                       "authorization",
                                       "cache-control",
                                       "connection",
                                       "content-base",
                                       "content-encoding",
                                       "content-language",
                                       "content-length",
                                       "content-location",
                                       "content-md5",
                                       "content-range",
                                       "content-type",
                                       "date",
                                       "etag",
                                       "expect",
                                       "expires",
                                       "from",
                                       "host",
                                       "if-match",
                                       "if-modified-since",
                                       "if-none-match",
                                       "if-range",
                                       "if-unmodified-since",
                                       "last-modified",
                                       "location",
                                       "max-forwards",
                                       "pragma",
                                       "proxy-authenticate",
                                       "proxy-authorization",
                                       "range",
                                       "referer",
                                       "retry-after",
                                       "server",
                                       "te",
                                       "trailer",
                                       "transfer-encoding",
                                       "upgrade",
                                       "user-agent",
                                       "vary",
                                       "via",
                                       "warning",
                                       "www-authenticate",
                                       "method",
                                       "get",
                                       "status",
                                       "200 OK",
                                       "version",
                                       "HTTP/1.1",
                                       "url",
                                       "public",
                                       "set-cookie",
                                       "keep-alive",
                                       "origin"};
constexpr std::string_view kText =
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden"
    "404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable"
    "Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT"
    "chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,"
    "publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.";

// Takes a number, or so many bytes as the number in front of them says, off the front of `rest`.
std::optional<std::size_t> TakeNumber(std::string_view& rest) {
  if (rest.size() < 4) return std::nullopt;
  const std::size_t number = BigEndianAt(rest, 0);
  rest.remove_prefix(4);
  return number;
}
std::optional<std::string_view> TakeText(std::string_view& rest) {
  const auto size = TakeNumber(rest);
  if (!size || *size > rest.size()) return std::nullopt;
  const std::string_view text = rest.substr(0, *size);
  rest.remove_prefix(*size);
  return text;
}

Bytef* BytesOf(std::string_view text) { return reinterpret_cast<Bytef*>(const_cast<char*>(text.data())); }

}  // namespace

std::string SpdyDictionary() {
  std::string dictionary;
  for (const std::string_view word : kWords) {
    AppendBigEndian(dictionary, static_cast<std::uint32_t>(word.size()));
    dictionary += word;
  }
  return dictionary.append(kText);
}

struct SpdyHeaderCodec::Zlib {
  z_stream in{}, out{};
};

SpdyHeaderCodec::SpdyHeaderCodec() : zlib_(std::make_unique<Zlib>()) {
  const std::string dictionary = SpdyDictionary();
  ::inflateInit(&zlib_->in);
  ::deflateInit(&zlib_->out, Z_BEST_SPEED);
  ::deflateSetDictionary(&zlib_->out, BytesOf(dictionary), static_cast<uInt>(dictionary.size()));
}

SpdyHeaderCodec::~SpdyHeaderCodec() {
  ::inflateEnd(&zlib_->in);
  ::deflateEnd(&zlib_->out);
}

std::optional<std::string> SpdyHeaderCodec::Inflate(std::string_view block, std::size_t max_bytes) {
  z_stream& in = zlib_->in;
  in.next_in = BytesOf(block);
  in.avail_in = static_cast<uInt>(block.size());
  std::string text;
  for (;;) {
    char piece[4096];
    in.next_out = reinterpret_cast<Bytef*>(piece);
    in.avail_out = sizeof piece;
    int result = ::inflate(&in, Z_SYNC_FLUSH);
    if (result == Z_NEED_DICT) {
      const std::string dictionary = SpdyDictionary();
      if (::inflateSetDictionary(&in, BytesOf(dictionary), static_cast<uInt>(dictionary.size())) != Z_OK) {
        return std::nullopt;
      }
      continue;
    }
    text.append(piece, sizeof piece - in.avail_out);
    if (text.size() > max_bytes) return std::nullopt;
    if (result == Z_BUF_ERROR || (result == Z_OK && in.avail_in == 0 && in.avail_out > 0)) return text;
    if (result != Z_OK) return std::nullopt;  // Z_STREAM_END too: the stream lasts as long as the connection
  }
}

std::optional<SpdyHeaders> SpdyHeaderCodec::Decode(std::string_view block, std::size_t max_bytes,
                                                   std::size_t max_headers) {
  const std::optional<std::string> text = Inflate(block, max_bytes);
  if (!text) return std::nullopt;
  std::string_view rest = *text;
  const auto count = TakeNumber(rest);
  if (!count || *count > max_headers) return std::nullopt;
  SpdyHeaders headers;
  for (std::size_t i = 0; i < *count; ++i) {
    const auto name = TakeText(rest);
    if (!name) return std::nullopt;
    const auto value = TakeText(rest);
    if (!value) return std::nullopt;
    headers.emplace_back(LowerCase(*name), std::string(*value));
  }
  if (!rest.empty()) return std::nullopt;
  return headers;
}

std::string SpdyHeaderCodec::Encode(const SpdyHeaders& headers) {
  std::string text;
  AppendBigEndian(text, static_cast<std::uint32_t>(headers.size()));
  for (const auto& [name, value] : headers) {
    AppendBigEndian(text, static_cast<std::uint32_t>(name.size()));
    text += LowerCase(name);
    AppendBigEndian(text, static_cast<std::uint32_t>(value.size()));
    text += value;
  }
  z_stream& out = zlib_->out;
  out.next_in = BytesOf(text);
  out.avail_in = static_cast<uInt>(text.size());
  std::string block;
  do {
    char piece[1024];
    out.next_out = reinterpret_cast<Bytef*>(piece);
    out.avail_out = sizeof piece;
    ::deflate(&out, Z_SYNC_FLUSH);
    block.append(piece, sizeof piece - out.avail_out);
  } while (out.avail_out == 0);
  return block;
}

}  // namespace spillway::net::internal
