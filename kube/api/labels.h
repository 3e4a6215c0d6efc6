#pragma once

#include <string_view>

namespace spillway::kube {

// What the API server accepts as a label key ("example.com/name", "name") and as a label value.
// Source: apimachinery pkg/api/validate/content/kube.go, v0.36.
bool IsLabelKey(std::string_view key);
bool IsLabelValue(std::string_view value);

// Lower-case RFC 1123 subdomain: up to 253 bytes of dot-separated labels.
bool IsDnsSubdomain(std::string_view text);

}  // namespace spillway::kube
