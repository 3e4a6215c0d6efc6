#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace spillway::cloud {

// A place in what one run of a container has written: "<run>:<position>".
struct LogCursor {
  int attempt = 0;
  std::optional<std::uint64_t> position;  // absent: wherever the log begins

  std::string Text() const;
  static std::optional<LogCursor> Parse(std::string_view text);
};

}  // namespace spillway::cloud
