#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace spillway::sandbox {

// A quantity as the API server writes it: "1000" is "1k", "0.5" is "500m", "1024Mi" is "1Gi". Nullopt when it is none.
//
// Source: apimachinery pkg/api/resource/quantity.go CanonicalizeBytes, v0.36.
std::optional<std::string> CanonicalQuantity(std::string_view text);

}  // namespace spillway::sandbox
