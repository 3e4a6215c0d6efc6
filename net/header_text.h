#pragma once

#include <string>
#include <string_view>

namespace spillway::net::internal {

// ASCII letters only, as HTTP compares names.
std::string LowerCase(std::string_view text);

// Whether `text` may stand in a header: nothing in it ends the line.
bool IsHeaderText(std::string_view text);

}  // namespace spillway::net::internal
