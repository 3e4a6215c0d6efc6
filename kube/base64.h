#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace spillway::kube {

// RFC 4648 with padding, line breaks allowed; nullopt when malformed.
std::optional<std::string> DecodeBase64(std::string_view text);
std::string EncodeBase64(std::string_view bytes);

}  // namespace spillway::kube
