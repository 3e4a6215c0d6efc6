#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace spillway::base {

// RFC 4648 with padding, line breaks allowed; nullopt when malformed.
std::optional<std::string> DecodeBase64(std::string_view text);
std::string EncodeBase64(std::string_view bytes);

}  // namespace spillway::base

namespace spillway {
using base::DecodeBase64;
using base::EncodeBase64;
}  // namespace spillway
