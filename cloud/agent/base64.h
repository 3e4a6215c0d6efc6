#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace spillway::cloud {

// Standard alphabet with padding, as Secret.data holds it; nullopt when malformed.
std::optional<std::string> Base64Decode(std::string_view text);

}  // namespace spillway::cloud
