#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace spillway::net::internal {

using SpdyHeaders = std::vector<std::pair<std::string, std::string>>;

// The header blocks of one SPDY/3 connection: names and values, each direction one zlib stream that begins with a
// dictionary and is never reset, so that every block has to go through here, and in order.
class SpdyHeaderCodec {
 public:
  SpdyHeaderCodec();
  ~SpdyHeaderCodec();
  SpdyHeaderCodec(const SpdyHeaderCodec&) = delete;
  SpdyHeaderCodec& operator=(const SpdyHeaderCodec&) = delete;

  // nullopt: it is no header block, or bigger than `max_bytes` or `max_headers`; the connection is of no use then.
  // Names come out in lower case.
  std::optional<SpdyHeaders> Decode(std::string_view block, std::size_t max_bytes, std::size_t max_headers);
  std::string Encode(const SpdyHeaders& headers);

 private:
  struct Zlib;
  std::optional<std::string> Inflate(std::string_view block, std::size_t max_bytes);
  std::unique_ptr<Zlib> zlib_;
};

// The dictionary of SPDY/3.
std::string SpdyDictionary();

}  // namespace spillway::net::internal
