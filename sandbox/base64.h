#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace spillway::sandbox {

// RFC 4648, with padding: for Secrets, kubeconfigs and continue tokens.
std::string Base64(std::string_view bytes);
// Padding may be missing; nullopt for anything that is not base64.
std::optional<std::string> Base64Decoded(std::string_view text);

}  // namespace spillway::sandbox
