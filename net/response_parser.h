#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace spillway::net::internal {

// Takes one response apart as its bytes come; interim (1xx) ones are passed over. Believes nothing: a head above 64
// KiB, lengths that contradict each other and impossible chunks are kMalformed. Hides Beast's parser.
class ResponseParser {
 public:
  using Headers = std::vector<std::pair<std::string, std::string>>;

  enum class Body { kAsFramed, kNone };  // kNone: the answer to HEAD
  explicit ResponseParser(Body body = Body::kAsFramed);
  ~ResponseParser();

  // How many bytes, from the front, are used up; the others are to be shown again with more behind them. Errors go on
  // from the server's name: "does not speak HTTP".
  // Precondition: !is_done().
  Result<std::size_t> Put(std::string_view bytes);
  // The connection has ended in order. False when that is no end of this response.
  bool PutEnd();

  bool has_begun() const;  // a byte has come
  bool has_head() const;
  bool is_done() const;
  bool may_keep_connection() const;  // precondition: is_done()
  int status() const;
  Headers TakeHeaders();   // names in lower case
  std::string TakeBody();  // what has come since the last call

 private:
  class Parser;
  Body body_;
  bool begun_ = false;
  int interim_ = 0;
  std::unique_ptr<Parser> parser_;
};

}  // namespace spillway::net::internal
