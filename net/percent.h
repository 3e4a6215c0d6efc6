#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace spillway::net {

// RFC 3986 percent-decoding; nullopt when a '%' is not followed by two hex digits.
std::optional<std::string> PercentDecoded(std::string_view text);

}  // namespace spillway::net
