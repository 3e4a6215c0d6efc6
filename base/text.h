#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace spillway::base {

// At most `limit` bytes of `text`, never half a character; what was cut ends with `ending`, which counts.
std::string Cut(std::string text, std::size_t limit, std::string_view ending = "");

}  // namespace spillway::base
